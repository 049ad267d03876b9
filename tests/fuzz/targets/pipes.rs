//! The pipes between qmail-send, its spawners and qmail-remote. The parsers are private to their
//! programs, so they are built in here.

use report::remote::{self, Letter};
use report::{Report, Verdict};

#[allow(dead_code, reason = "a module of a program, of which a part is called")]
#[path = "../../../crates/spawner/src/protocol.rs"]
mod protocol;
#[allow(dead_code, reason = "a module of a program, of which a part is called")]
#[path = "../../../crates/qmail-send/src/reports.rs"]
mod reports;

/// What a spawner makes of a stream is the same in pieces, and bounded; written as qmail-send
/// writes it, it is the same command.
pub fn spawn_commands(data: &[u8]) {
    for greeted in [false, true] {
        let mut whole = protocol::Commands::new(greeted);
        let commands = whole.feed(data);
        let mut parts = protocol::Commands::new(greeted);
        let in_parts: Vec<_> = super::pieces(data).flat_map(|p| parts.feed(p)).collect();
        assert_eq!(commands, in_parts);
        assert_eq!(whole.form(), parts.form());
        let mut stream = Vec::new();
        let is_wide = whole.form() == protocol::Form::Wide;
        if is_wide {
            stream.extend_from_slice(b"\xffqmail-send/1\n");
        }
        for command in commands.iter().filter(|command| !command.is_too_long) {
            let [high, low] = command.number.to_be_bytes();
            stream.extend(is_wide.then_some(high));
            stream.push(low);
            for field in [&command.id, &command.sender, &command.recipient] {
                assert!(!field.contains(&0));
                stream.extend_from_slice(field);
                stream.push(0);
            }
        }
        let kept = commands.into_iter().filter(|command| !command.is_too_long);
        // A classic stream may begin like a greeting only when it was not offered.
        let mut again = protocol::Commands::new(is_wide);
        assert!(again.feed(&stream).into_iter().eq(kept));
    }
}

/// What qmail-send makes of a stream is the same in pieces, and bounded; what our spawners write is
/// what qmail-send reads.
pub fn spawn_reports(data: &[u8]) {
    let forms = [
        (reports::Form::Classic, protocol::Form::Classic),
        (reports::Form::Wide, protocol::Form::Wide),
    ];
    for (form, spawner_form) in forms {
        let answers = reports::Reports::new(form).feed(data);
        let mut parts = reports::Reports::new(form);
        let in_parts: Vec<_> = super::pieces(data).flat_map(|p| parts.feed(p)).collect();
        assert_eq!(answers, in_parts);
        let mut stream = Vec::new();
        for answer in &answers {
            assert!(answer.text.len() < 10_000 && !answer.text.contains(&0));
            let letter = answer.verdict.map(Verdict::letter);
            let text: Vec<u8> = letter.into_iter().chain(answer.text.clone()).collect();
            protocol::encode_report(spawner_form, answer.number, &text, &mut stream);
        }
        let again = reports::Reports::new(form).feed(&stream);
        assert_eq!(again.len(), answers.len());
        for (one, other) in answers.iter().zip(&again) {
            assert_eq!(one.number, other.number);
            if one.verdict.is_some() {
                assert_eq!(one, other);
            }
        }
    }
}

/// Success is never made up, and a report that we write is read as it was meant.
pub fn remote_report(data: &[u8]) {
    let Report { verdict, text } = remote::merge(data);
    assert!(!text.contains(&0));
    assert!(text.len() <= data.len() || data.is_empty());
    if verdict == Verdict::Success {
        let mut segments = data.split(|byte| *byte == 0);
        assert!(segments.any(|segment| segment.first() == Some(&b'K')));
        assert!(!matches!(data.first(), Some(b's' | b'h')));
    }
    let cases = [
        (Letter::Accepted, Verdict::Success, Verdict::Success),
        (Letter::Accepted, Verdict::Deferral, Verdict::Deferral),
        (Letter::Accepted, Verdict::Failure, Verdict::Failure),
        (Letter::Rejected, Verdict::Failure, Verdict::Failure),
        (Letter::Rejected, Verdict::Success, Verdict::Failure),
        (Letter::Deferred, Verdict::Deferral, Verdict::Deferral),
        (Letter::Deferred, Verdict::Success, Verdict::Deferral),
    ];
    for (letter, message, expected) in cases {
        let mut out = Vec::new();
        remote::recipient(&mut out, letter, data);
        remote::message(&mut out, message, data);
        let report = remote::merge(&out);
        assert_eq!(report.verdict, expected);
        let without_nul = data.iter().map(|b| if *b == 0 { b'?' } else { *b });
        assert!(report.text.starts_with(&without_nul.collect::<Vec<_>>()));
    }
}
