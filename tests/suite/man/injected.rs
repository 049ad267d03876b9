//! Runs qmail-inject or sendmail with a recorder in the place of qmail-queue and shows what came
//! of it, in the form of the recorded answers in `suite/data/inject/recorded`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use harness::home::Home;
use harness::run::{Output, Run};

/// A home whose qmail-queue keeps what it is given.
pub(crate) struct Recorder {
    pub(crate) home: Home,
    kept: PathBuf,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        let home = Home::new();
        let kept = home.mkdir("kept");
        home.write("recorder", RECORDER.as_bytes());
        home.give(&home.path().join("recorder"), 0o755);
        Self { home, kept }
    }

    /// A program of the home as user hoclient, with the recorder in place.
    pub(crate) fn program(&self, name: &str) -> Run<'_> {
        self.dress(self.home.program(name))
    }

    /// Gives a program the environment of every case.
    pub(crate) fn dress<'a>(&self, run: Run<'a>) -> Run<'a> {
        let _ = fs::remove_file(self.kept.join("message"));
        let _ = fs::remove_file(self.kept.join("envelope"));
        run.env("USER", "hoclient")
            .env("QMAILQUEUE", self.home.path().join("recorder"))
            .env("KEPT", &self.kept)
    }

    /// The message that was queued, if one was.
    pub(crate) fn message(&self) -> Option<Vec<u8>> {
        fs::read(self.kept.join("message")).ok()
    }

    /// The envelope of that message, NUL shown as ` ~ `; `(aborted)` if it was not finished.
    pub(crate) fn envelope(&self) -> Option<String> {
        let envelope = fs::read(self.kept.join("envelope")).ok()?;
        if !envelope.ends_with(b"\0\0") {
            return Some("(aborted)".to_owned());
        }
        Some(shown(&envelope).replace("\\x00", " ~ "))
    }

    /// What a run of a recorded case said and queued.
    fn answer(&self, exit: &str, output: &Output) -> String {
        let code = output
            .code()
            .map_or("signal".to_owned(), |code| code.to_string());
        let mut text = format!("{exit}: {code}\n");
        text.push_str(&section("stdout", &shown(&output.stdout)));
        text.push_str(&section("stderr", &shown(&output.stderr)));
        if let (Some(message), Some(envelope)) = (self.message(), self.envelope()) {
            text.push_str(&section("message", &shown(&message)));
            text.push_str(&section("envelope", &envelope));
        }
        text
    }
}

/// The recorded cases of one program.
pub(super) struct Recorded {
    base: Vec<(String, Vec<u8>)>,
    cases: Vec<Case>,
}

#[derive(Default)]
struct Case {
    name: String,
    program: Option<String>,
    runs: Option<String>,
    controls: Vec<(String, Control)>,
    env: Vec<(String, Vec<u8>)>,
    files: Vec<(String, Vec<u8>)>,
    args: Vec<Vec<u8>>,
    stdin: Vec<u8>,
    expected: String,
}

#[derive(Clone)]
enum Control {
    File(Vec<u8>),
    Directory,
    Missing,
}

impl Recorded {
    pub(super) fn parse(text: &str) -> Self {
        let mut recorded = Self {
            base: Vec::new(),
            cases: Vec::new(),
        };
        for line in text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            let (first, rest) = value.split_once(' ').unwrap_or((value, ""));
            match key {
                "base" => recorded.base.push((first.to_owned(), bytes(rest))),
                "case" => {
                    let name = value.to_owned();
                    recorded.cases.push(Case {
                        name,
                        ..Case::default()
                    });
                }
                _ => recorded
                    .cases
                    .last_mut()
                    .expect("a case")
                    .set(line, key, value),
            }
        }
        recorded
    }

    /// Runs every case that no difference of ours is named for; `kinds` are the runs of a case.
    pub(super) fn check(&self, at_least: usize, different: &[&str], program: &str, kinds: &str) {
        assert!(
            self.cases.len() >= at_least,
            "only {} cases",
            self.cases.len()
        );
        let recorder = Recorder::new();
        let mut wrong = String::new();
        for case in self
            .cases
            .iter()
            .filter(|case| !different.contains(&&*case.name))
        {
            recorder.set_controls(&self.base, case);
            let mut answer = String::new();
            for kind in case.runs.as_deref().unwrap_or(kinds).chars() {
                answer.push_str(&recorder.run(case, program, kind));
            }
            let (answer, expected) = (trimmed(&answer), trimmed(&case.expected));
            if answer != expected {
                let name = &case.name;
                wrong.push_str(&format!(
                    "--- {name}: expected\n{expected}--- got\n{answer}"
                ));
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }
}

impl Recorder {
    fn set_controls(&self, base: &[(String, Vec<u8>)], case: &Case) {
        let directory = self.home.path().join("control");
        for entry in fs::read_dir(&directory).expect("control").flatten() {
            let path = entry.path();
            if path.is_dir() {
                fs::remove_dir(path)
            } else {
                fs::remove_file(path)
            }
            .expect("old control file");
        }
        let files = base
            .iter()
            .map(|(name, text)| (name.clone(), Control::File(text.clone())));
        let all: BTreeMap<_, _> = files.chain(case.controls.iter().cloned()).collect();
        for (name, control) in all {
            match control {
                Control::File(text) => drop(self.home.write(&format!("control/{name}"), &text)),
                Control::Directory => drop(self.home.mkdir(&format!("control/{name}"))),
                Control::Missing => {}
            }
        }
    }

    fn run(&self, case: &Case, program: &str, kind: char) -> String {
        let current = self.home.path().join("current");
        self.home.mkdir("current");
        for (name, text) in &case.files {
            self.home.write(&format!("current/{name}"), text);
        }
        let mut run = match &case.program {
            None => self.program(program),
            Some(other) => self.dress(self.home.foreign(self.home.linked(program, other))),
        };
        for (name, value) in &case.env {
            let value = shown(value).replace("@CWD@", &current.display().to_string());
            run = run.env(name, os_string(&bytes(&value)));
        }
        if kind == 'n' {
            run = run.args(["-n"]);
        }
        let args = case.args.iter().map(|arg| os_string(arg));
        let output = run.args(args).stdin(&case.stdin).cwd(&current).output();
        self.answer(if kind == 'n' { "exit -n" } else { "exit" }, &output)
    }
}

/// Another name for a program of a home.
pub(super) trait Linked {
    fn linked(&self, program: &str, name: &str) -> PathBuf;
}

impl Linked for Home {
    fn linked(&self, program: &str, name: &str) -> PathBuf {
        let path = self.path().join(name);
        let _ = fs::remove_file(&path);
        std::os::unix::fs::symlink(self.bin(program), &path).expect("link");
        path
    }
}

impl Case {
    fn set(&mut self, line: &str, key: &str, value: &str) {
        let (first, rest) = value.split_once(' ').unwrap_or((value, ""));
        let named = || (first.to_owned(), bytes(rest));
        match key {
            "prog" => self.program = Some(value.to_owned()),
            "runs" => self.runs = Some(value.to_owned()),
            "control" => self
                .controls
                .push((first.to_owned(), Control::File(bytes(rest)))),
            "controldir" => self.controls.push((first.to_owned(), Control::Directory)),
            "nocontrol" => self.controls.push((first.to_owned(), Control::Missing)),
            "env" => self.env.push(named()),
            "file" => self.files.push(named()),
            "arg" => self.args.push(bytes(value)),
            "stdin" => self.stdin = bytes(value),
            _ => {
                let answer = line
                    .strip_prefix('|')
                    .unwrap_or_else(|| panic!("unknown line {line}"));
                self.expected.push_str(answer);
                self.expected.push('\n');
            }
        }
    }
}

fn section(name: &str, text: &str) -> String {
    let text = normal(text);
    if !text.contains('\n') {
        return format!("{name}: {text}\n");
    }
    let mark = if text.ends_with('\n') {
        ""
    } else {
        "\\ (no newline)\n"
    };
    let lines: String = format!("{text}{mark}")
        .lines()
        .map(|l| format!("  | {l}\n"))
        .collect();
    format!("{name}:\n{lines}")
}

/// Replaces dates, seconds and process numbers by words.
fn normal(text: &str) -> String {
    let lines = text
        .split('\n')
        .map(|line| match line.strip_suffix(" -0000") {
            Some(date) if date.contains("Date: ") => {
                format!(
                    "{}Date: @DATE@ -0000",
                    &date[..date.find("Date: ").expect("found")]
                )
            }
            _ => without_numbers(line),
        });
    lines.collect::<Vec<_>>().join("\n")
}

fn without_numbers(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let digits = digits(from);
        let pid = from[digits..].strip_prefix('.').map_or(0, self::digits);
        let word = match (digits, pid) {
            (14, 1..) => "@STAMP@.@PID@",
            (10, 1..) => "@EPOCH@.@PID@",
            _ => &from[..digits],
        };
        out.push_str(before);
        out.push_str(word);
        rest = &from[if word.starts_with('@') {
            digits + 1 + pid
        } else {
            digits
        }..];
    }
    out + rest
}

fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len())
}

fn trimmed(text: &str) -> String {
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// Bytes as the answers show them.
fn shown(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            b'\n' => out.push('\n'),
            b'\\' => out.push_str("\\\\"),
            b'\t' => out.push_str("\\t"),
            b'\r' => out.push_str("\\r"),
            32..=126 => out.push(char::from(*byte)),
            other => out.push_str(&format!("\\x{other:02x}")),
        }
    }
    out
}

/// The bytes that a value stands for.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.extend(c.to_string().bytes());
            continue;
        }
        match rest.next() {
            Some('n') => out.push(b'\n'),
            Some('r') => out.push(b'\r'),
            Some('t') => out.push(b'\t'),
            Some('x') => {
                let hex: String = rest.by_ref().take(2).collect();
                out.push(u8::from_str_radix(&hex, 16).expect("two digits"));
            }
            other => out.extend(other.map(|c| c.to_string()).unwrap_or_default().bytes()),
        }
    }
    out
}

fn os_string(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

const RECORDER: &str = "#!/bin/sh
cat >\"$KEPT/message\"
cat <&1 >\"$KEPT/envelope\"
exit ${HOQ_EXIT:-0}
";
