//! What qmail-local and its kin read: .qmail lines, Delivered-To lines, quotas; what they write:
//! mbox lines and log lines.

use dot_qmail::instruction::{Instruction, instructions};
use dot_qmail::loops;
use mailbox::mbox::Quoter;
use mailbox::quota::{Quota, Usage};

/// One instruction for each line, fit for exec, open and qmail-queue, and written back it is the
/// same one.
pub fn dot_qmail(data: &[u8]) {
    let lines = data.strip_suffix(b"\n").unwrap_or(data);
    let count = lines.split(|byte| *byte == b'\n').count();
    assert_eq!(instructions(data).count(), count);
    for instruction in instructions(data) {
        let (first, text): (&[u8], &[u8]) = match instruction {
            Instruction::Blank => (b"", b""),
            Instruction::Comment => (b"#", b"anything"),
            Instruction::ForwardOnly => (b"+list", b""),
            Instruction::Program(command) => (b"|", command),
            Instruction::Maildir(path) | Instruction::Mbox(path) => (b"", path),
            Instruction::Forward(address) => (b"&", address),
        };
        assert!(!text.contains(&0) && !text.contains(&b'\n'));
        // The NUL keeps blanks at the end, which only another NUL can have put there.
        let line = [first, text, b"\0"].concat();
        assert_eq!(Instruction::parse(&line), instruction);
        let is_maildir = matches!(instruction, Instruction::Maildir(_));
        assert_eq!(is_maildir, first.is_empty() && text.ends_with(b"/"));
        assert_eq!(
            instruction.address().is_some(),
            matches!(instruction, Instruction::Forward(_))
        );
    }
}

/// The first line is looked for in the header of the rest; split and compared it is the same.
pub fn loop_line(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let (wanted, message) = data.split_at(end.map_or(data.len(), |end| end + 1));
    if !wanted.ends_with(b"\n") || wanted == b"\n" {
        return;
    }
    let lines = message.split_inclusive(|byte| *byte == b'\n');
    let header: Vec<&[u8]> = lines.take_while(|line| **line != *b"\n").collect();
    let exact = header.contains(&wanted);
    let any_case = header.iter().any(|line| line.eq_ignore_ascii_case(wanted));
    let found = loops::has_line(&mut &*message, wanted);
    assert_eq!(found.expect("memory can be read"), exact);
    let found = loops::has_line_in_any_case(&mut &*message, wanted);
    assert_eq!(found.expect("memory can be read"), any_case);
}

/// A quota written as Maildir++ has it is the same quota, and nothing is over none.
pub fn quota(data: &[u8]) {
    let Ok(Some(quota)) = Quota::parse(data) else {
        return;
    };
    assert_eq!(
        Quota::parse(quota.to_string().as_bytes()),
        Ok(Some(quota)),
        "{quota}"
    );
    assert!(quota.admits(Usage::default()));
    let most = Usage {
        bytes: u64::MAX,
        messages: u64::MAX,
    };
    assert!(quota.percent(Usage::default()) <= quota.percent(most));
    assert_eq!(most.plus(most), most);
}

/// No line of a quoted message begins like a separator, and without the marks it is the message.
pub fn mbox_quoting(data: &[u8]) {
    let quoted = quote(data.chunks(data.len().max(1)));
    assert_eq!(quote(super::pieces(data)), quoted);
    let mut plain = Vec::new();
    for line in quoted.split_inclusive(|byte| *byte == b'\n') {
        assert!(!line.starts_with(b"From "));
        let marks = line.iter().take_while(|byte| **byte == b'>').count();
        let is_marked = marks > 0 && line[marks..].starts_with(b"From ");
        plain.extend_from_slice(&line[usize::from(is_marked)..]);
    }
    let end: &[u8] = if matches!(data.last(), None | Some(b'\n')) {
        b""
    } else {
        b"\n"
    };
    assert_eq!(plain, [data, end].concat());
}

fn quote<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut quoter = Quoter::default();
    let mut out = Vec::new();
    let mut put = |bytes: &[u8]| {
        out.extend_from_slice(bytes);
        Ok(())
    };
    for piece in pieces {
        quoter.take(piece, &mut put).expect("memory takes it");
    }
    quoter.finish(&mut put).expect("memory takes it");
    out
}

/// A text in the log is one word in one line, as long as it was.
pub fn log_line(data: &[u8]) {
    let logged = diag::escape::log(data);
    assert_eq!(logged.len(), data.len());
    assert!(logged.iter().all(|byte| matches!(byte, 33..=126)));
    let shown = diag::escape::shown(data);
    assert_eq!(shown.len(), data.len());
    assert!(shown.bytes().all(|byte| matches!(byte, 32..=126)));
}
