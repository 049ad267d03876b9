//! The dialogues of the original qmail-smtpd, recorded in `suite/data/smtpd/recorded`: ours are the same. That file
//! explains its form.

use std::fmt::Write;

use crate::smtp_dialogue::{Dialogue, Recorded};

#[test]
fn dialogues_are_those_of_the_original() {
    let cases = cases(include_str!("../../data/smtpd/recorded"));
    assert!(cases.len() > 24, "only {} cases", cases.len());
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
    controls: Vec<(String, String)>,
    env: Vec<(String, String)>,
    client: Vec<u8>,
    expected: String,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        if key == "case" {
            cases.push(Case {
                name: value.to_owned(),
                ..Case::default()
            });
        } else if let Some(case) = cases.last_mut() {
            case.set(key, value, line);
        }
    }
    cases
}

impl Case {
    fn set(&mut self, key: &str, value: &str, line: &str) {
        let pair = || {
            let (name, value) = value.split_once(' ').unwrap_or((value, ""));
            (
                name.to_owned(),
                String::from_utf8(unescape(value)).expect("text"),
            )
        };
        match key {
            "control" => self.controls.push(pair()),
            "env" => self.env.push(pair()),
            "send" => self.client.extend(unescape(&expand(value))),
            _ if line.is_empty() => {}
            _ => self.expected.push_str(&format!("{}\n", expand(line))),
        }
    }

    fn answer(&self) -> String {
        let dialogue = Dialogue::new();
        dialogue.home.no_control("me").no_control("rcpthosts");
        for (name, text) in &self.controls {
            dialogue.home.control(name, text);
        }
        let mut server = dialogue
            .server()
            .env("TCPREMOTEINFO", "ident")
            .env("TCPLOCALHOST", "mx.vectors.example");
        for (name, value) in &self.env {
            server = server.env(name, value);
        }
        let output = server.stdin(&self.client).output();
        let replies = output.stdout_text();
        assert_eq!(output.stderr_text(), "", "{}", self.name);
        let has_recorder = self.env.iter().all(|(name, _)| name != "QMAILQUEUE");
        let started = if has_recorder {
            replies.matches("354 ").count()
        } else {
            0
        };
        let mut answer: String = replies.split_terminator("\r\n").map(reply).collect();
        answer.extend(dialogue.recorded(started).iter().map(message));
        answer + &format!("exit {}\n", output.code().expect("an exit code"))
    }
}

/// Time and process number of an accepted message are nobody's business.
fn reply(line: &str) -> String {
    match line.split(' ').collect::<Vec<_>>().as_slice() {
        ["250", "ok", _, "qp", _] => "|250 ok @EPOCH@ qp @PID@\n".to_owned(),
        _ => format!("|{line}\n"),
    }
}

fn message(recorded: &Recorded) -> String {
    let mut text = String::new();
    for line in recorded.message.split_inclusive(|byte| *byte == b'\n') {
        let line = escape(line.strip_suffix(b"\n").expect("whole lines"));
        let _ = match line.split_once(" with SMTP; ") {
            Some((by, _)) => writeln!(text, "+{by} with SMTP; @DATE@ -0000"),
            None => writeln!(text, "+{line}"),
        };
    }
    format!("{text}envelope {}\n", escape(&recorded.envelope))
}

fn escape(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'"' | b'\'' => char::from(*byte).to_string(),
        other => other.escape_ascii().to_string(),
    };
    bytes.iter().map(one).collect()
}

/// `@5*x@` is `xxxxx`.
fn expand(text: &str) -> String {
    let run = |text: &str| {
        let (before, rest) = text.split_once('@')?;
        let (run, after) = rest.split_once('@')?;
        let (count, what) = run.split_once('*')?;
        Some(format!(
            "{before}{}{after}",
            what.repeat(count.parse().ok()?)
        ))
    };
    run(text).unwrap_or_else(|| text.to_owned())
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next().expect("an escape") {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'x' => {
                let digits = [rest.next().expect("hex"), rest.next().expect("hex")];
                u8::from_str_radix(str::from_utf8(&digits).expect("hex"), 16).expect("hex")
            }
            other => other,
        });
    }
    bytes
}
