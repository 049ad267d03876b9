//! The answers of the original qmail-local, recorded in `suite/data/local/recorded`: ours are the
//! same. That file explains its form.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::one_delivery::Alice;

#[test]
fn answers_are_those_of_the_original() {
    let cases = cases(include_str!("../data/local/recorded"));
    assert!(cases.len() > 50, "only {} cases", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        let answer = case.answer();
        if answer != case.expected {
            let Case { name, expected, .. } = case;
            let _ = write!(
                wrong,
                "--- {name}: expected\n{expected}--- {name}: got\n{answer}"
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[derive(Default)]
struct Case {
    name: String,
    words: Vec<String>,
    values: BTreeMap<String, String>,
    files: Vec<(String, String)>,
    modes: Vec<(String, u32)>,
    maildirs: Vec<String>,
    expected: String,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(name) = line.strip_prefix("case ") {
            cases.push(Case {
                name: name.to_owned(),
                ..Case::default()
            });
            continue;
        }
        let case = cases.last_mut().expect("a case has begun");
        if let Some(expected) = line.strip_prefix('|') {
            case.expected.push_str(expected.trim_end());
            case.expected.push('\n');
            continue;
        }
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        case.set(key, value);
    }
    cases
}

impl Case {
    fn set(&mut self, key: &str, value: &str) {
        let (first, rest) = value.split_once(' ').unwrap_or((value, ""));
        match key {
            "word" => self.words.push(unescaped(value)),
            "file" => self.files.push((first.to_owned(), unescaped(rest))),
            "mode" => {
                let mode = u32::from_str_radix(rest, 8).expect("octal");
                self.modes.push((first.to_owned(), mode));
            }
            "maildir" => self.maildirs.push(value.to_owned()),
            "local" | "dash" | "ext" | "domain" | "sender" | "default" | "message" | "run" => {
                self.values.insert(key.to_owned(), unescaped(value));
            }
            _ => panic!("unknown key {key}"),
        }
    }

    fn value<'a>(&'a self, key: &str, usual: &'a str) -> &'a str {
        self.values.get(key).map_or(usual, String::as_str)
    }

    fn answer(&self) -> String {
        let mut answer = String::new();
        if self.value("run", "nd") != "d" {
            self.run(&["-n"], &mut answer);
        }
        self.run(&[], &mut answer);
        answer
    }

    fn run(&self, options: &[&str], answer: &mut String) {
        let alice = Alice::new();
        for (name, content) in &self.files {
            alice.file(name, content);
        }
        for name in &self.maildirs {
            alice.maildir(name);
        }
        for (name, mode) in &self.modes {
            alice.mode(name, *mode);
        }
        let home = alice.path("").display().to_string();
        let usual = [
            "hoalice",
            &*home,
            self.value("local", "hoalice"),
            self.value("dash", ""),
            self.value("ext", ""),
            self.value("domain", "h.example"),
            self.value("sender", "s@x.example"),
            self.value("default", "./Mailbox"),
        ];
        let words = match self.words.as_slice() {
            [] => usual.map(str::to_owned).to_vec(),
            words => words
                .iter()
                .map(|word| word.replace("@HOME@", &home))
                .collect(),
        };
        let is_option = words.first().is_some_and(|word| word.starts_with('-'));
        let end_of_options: &[&str] = if is_option { &[] } else { &["--"] };
        let all = [options, end_of_options].concat();
        let all = all.into_iter().map(str::to_owned).chain(words);
        let done = alice
            .qmail_local(all)
            .stdin(self.value("message", USUAL_MESSAGE))
            .output();
        let exit = if options.is_empty() {
            "exit"
        } else {
            "exit -n"
        };
        let _ = writeln!(answer, "{exit}: {}", done.code().expect("no signal"));
        section(answer, "stdout", &done.stdout_text());
        section(answer, "stderr", &done.stderr_text());
        for (message, envelope) in alice.queued() {
            section(answer, "forwarded", &text(&message));
            let records = text(&envelope).replace('\0', " ~ ");
            let _ = writeln!(answer, "{}", format!("envelope: {records}").trim_end());
        }
        self.list_files(&alice, answer);
    }

    /// All files but those that were there before.
    fn list_files(&self, alice: &Alice, answer: &mut String) {
        for name in alice
            .names("")
            .iter()
            .map(|name| name.to_str().expect("text"))
        {
            let is_new = name == "mbox1" || self.files.iter().all(|(known, _)| known != name);
            if !name.starts_with(".qmail") && is_new && alice.path(name).is_file() {
                show_file(alice, name, name, answer);
            }
        }
        for maildir in &self.maildirs {
            for part in ["cur", "new", "tmp"] {
                list_messages(alice, &format!("{maildir}/{part}"), answer);
            }
        }
    }
}

fn list_messages(alice: &Alice, directory: &str, answer: &mut String) {
    for name in alice.names(directory) {
        let name = name.to_str().expect("text");
        let usual = is_usual(name);
        let shown = format!("{directory}/@FILE@ (name time.something.host: {usual})");
        show_file(alice, &format!("{directory}/{name}"), &shown, answer);
    }
}

fn show_file(alice: &Alice, name: &str, shown: &str, answer: &mut String) {
    let facts = fs::metadata(alice.path(name)).expect("file");
    let _ = writeln!(
        answer,
        "file {shown} mode {:o}",
        facts.permissions().mode() & 0o7777
    );
    // A read-only file is still readable for us: the tests own it or are root.
    section(answer, "  content", &text(&alice.read(name)));
}

/// `time.unique.host` as other software expects it.
fn is_usual(name: &str) -> &'static str {
    let mut parts = name.splitn(3, '.');
    let mut part = || parts.next().unwrap_or_default();
    let (time, unique, host) = (part(), part(), part());
    let own = fs::read_to_string("/proc/sys/kernel/hostname").expect("host name");
    let is_usual = !time.is_empty()
        && time.bytes().all(|byte| byte.is_ascii_digit())
        && !unique.is_empty()
        && !name.contains([':', '/'])
        && own.trim_end() == host;
    if is_usual { "True" } else { "False" }
}

fn section(answer: &mut String, name: &str, content: &str) {
    if content.is_empty() {
        let _ = writeln!(answer, "{name}:");
        return;
    }
    let _ = writeln!(answer, "{name}:");
    for line in content.lines() {
        let _ = writeln!(answer, "{}", format!("  | {}", neutral(line)).trim_end());
    }
}

/// The line without what is different each time.
fn neutral(line: &str) -> String {
    if let Some(number) = line.strip_prefix("qp ") {
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        return if is_number {
            "qp @PID@".to_owned()
        } else {
            line.to_owned()
        };
    }
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        ["From", sender, week, month, day, time, year]
            if is_date(&[week, month, day, time, year]) =>
        {
            format!("From {sender} @CTIME@")
        }
        _ => line.to_owned(),
    }
}

fn is_date(words: &[&str; 5]) -> bool {
    words.map(str::len) == [3, 3, 2, 8, 4] && words[3].split(':').count() == 3
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => match rest.next().expect("a letter after a backslash") {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                'r' => out.push('\r'),
                '\\' => out.push('\\'),
                other => panic!("\\{other} in {text}"),
            },
            other => out.push(other),
        }
    }
    expanded(&out)
}

/// `@5*x@` becomes `xxxxx`.
fn expanded(text: &str) -> String {
    let parts: Vec<&str> = text.split('@').collect();
    for part in &parts {
        if let Some((number, letter)) = part.split_once('*')
            && let (Ok(number), 1) = (number.parse(), letter.len())
        {
            return text.replace(&format!("@{part}@"), &letter.repeat(number));
        }
    }
    text.to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the recorded messages are text")
}

const USUAL_MESSAGE: &str = "Received: one\nFrom: a@b\nTo: hoalice@h.example\nSubject: test\n\n\
    body\nFrom the start\n>From quoted\n.\nlast\n";
