//! The lines and variables that a delivery is described with: qmail-local(8) and qmail-command(8).
//! Pure; nothing here is ever put into shell text, programs find the values in their environment.

use crate::call::Call;

/// The three lines that deliveries put before a message, each with its line feed.
#[derive(Debug)]
pub(crate) struct Lines {
    /// `Delivered-To: local@domain`.
    pub(crate) delivered_to: Vec<u8>,
    /// `Return-Path: <sender>`, the sender quoted as in a header.
    pub(crate) return_path: Vec<u8>,
    /// `From sender date`, the first line of a message in an mbox.
    pub(crate) from: Vec<u8>,
}

impl Lines {
    /// The lines for a delivery at `now`, in seconds since 1970.
    #[must_use]
    pub(crate) fn new(call: &Call, now: u64) -> Self {
        let sender = address::quote::quote(&call.sender);
        Self {
            delivered_to: line(b"Delivered-To: ", &call.recipient(), b""),
            return_path: line(b"Return-Path: <", &sender, b">"),
            from: from_line(&call.sender, now),
        }
    }
}

/// What a program may find in its environment: name and value.
pub(crate) type Variables = Vec<(Vec<u8>, Vec<u8>)>;

/// The variables of this delivery; `default` is the part of ext that a -default file stands for.
#[must_use]
pub(crate) fn variables(
    call: &Call,
    lines: &Lines,
    default: Option<&[u8]>,
    new_sender: &[u8],
) -> Variables {
    let [ext2, ext3, ext4] = three_times(&call.ext, after_dash);
    let [host2, host3, host4] = three_times(&call.domain, before_last_dot);
    let recipient = call.recipient();
    let mut all: Variables = [
        ("USER", &*call.user),
        ("HOME", &call.home),
        ("LOCAL", &call.local),
        ("HOST", &call.domain),
        ("SENDER", &call.sender),
        ("RECIPIENT", &recipient),
        ("EXT", &call.ext),
        ("EXT2", ext2),
        ("EXT3", ext3),
        ("EXT4", ext4),
        ("HOST2", host2),
        ("HOST3", host3),
        ("HOST4", host4),
        ("DTLINE", &lines.delivered_to),
        ("RPLINE", &lines.return_path),
        ("UFLINE", &lines.from),
        ("NEWSENDER", new_sender),
    ]
    .into_iter()
    .map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()))
    .collect();
    all.extend(default.map(|value| (b"DEFAULT".to_vec(), value.to_vec())));
    all
}

/// `inherited` with our variables in the place of its own; a DEFAULT that is not ours is dropped.
#[must_use]
pub(crate) fn overlay(inherited: Variables, ours: Variables) -> Variables {
    let mut all: Variables = inherited
        .into_iter()
        .filter(|(name, _)| name != b"DEFAULT" && ours.iter().all(|(taken, _)| taken != name))
        .collect();
    all.extend(ours);
    all
}

// A line feed in an address would start a line of its own.
fn line(before: &[u8], value: &[u8], after: &[u8]) -> Vec<u8> {
    let mut line: Vec<u8> = [before, value, after].concat();
    for byte in line.iter_mut().filter(|byte| **byte == b'\n') {
        *byte = b'_';
    }
    line.push(b'\n');
    line
}

fn from_line(sender: &[u8], now: u64) -> Vec<u8> {
    let mut line = b"From ".to_vec();
    if sender.is_empty() {
        line.extend_from_slice(b"MAILER-DAEMON");
    }
    line.extend(sender.iter().map(|byte| match byte {
        b' ' | b'\t' | b'\n' => b'-',
        other => *other,
    }));
    line.push(b' ');
    line.extend_from_slice(datetime::from_line(now).as_bytes());
    line.push(b'\n');
    line
}

fn three_times<'a>(start: &'a [u8], step: impl Fn(&'a [u8]) -> &'a [u8]) -> [&'a [u8]; 3] {
    let second = step(start);
    let third = step(second);
    [second, third, step(third)]
}

fn after_dash(text: &[u8]) -> &[u8] {
    match text.iter().position(|byte| *byte == b'-') {
        Some(dash) => text.get(dash.saturating_add(1)..).unwrap_or_default(),
        None => b"",
    }
}

fn before_last_dot(text: &[u8]) -> &[u8] {
    match text.iter().rposition(|byte| *byte == b'.') {
        Some(dot) => text.get(..dot).unwrap_or_default(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, Variables, overlay, variables};
    use crate::call::Call;

    fn call(local: &str, ext: &str, domain: &str, sender: &str) -> Call {
        let words = [
            "u1",
            "/home/u1",
            local,
            "-",
            ext,
            domain,
            sender,
            "./Mailbox",
        ];
        Call::parse(words.map(|word| word.as_bytes().to_vec()).to_vec()).unwrap()
    }

    #[track_caller]
    fn check(all: &Variables, name: &str, expected: Option<&str>) {
        let found: Vec<_> = all
            .iter()
            .filter(|(key, _)| key == name.as_bytes())
            .collect();
        assert!(found.len() <= 1, "{name} is set twice");
        assert_eq!(
            found.first().map(|(_, value)| &**value),
            expected.map(str::as_bytes),
            "{name}"
        );
    }

    #[test]
    fn ext_and_host_are_taken_apart() {
        let call = call("u1-e-A.b", "e-A.b", "host.a.b.c", "s@x");
        let all = variables(&call, &Lines::new(&call, 0), Some(b"A.b"), b"new@x");
        for (name, value) in [
            ("USER", "u1"),
            ("HOME", "/home/u1"),
            ("LOCAL", "u1-e-A.b"),
            ("RECIPIENT", "u1-e-A.b@host.a.b.c"),
            ("EXT", "e-A.b"),
            ("EXT2", "A.b"),
            ("EXT3", ""),
            ("EXT4", ""),
            ("HOST", "host.a.b.c"),
            ("HOST2", "host.a.b"),
            ("HOST3", "host.a"),
            ("HOST4", "host"),
            ("SENDER", "s@x"),
            ("NEWSENDER", "new@x"),
            ("DEFAULT", "A.b"),
            ("DTLINE", "Delivered-To: u1-e-A.b@host.a.b.c\n"),
            ("RPLINE", "Return-Path: <s@x>\n"),
        ] {
            check(&all, name, Some(value));
        }
    }

    #[test]
    fn a_host_without_more_dots_stays_as_it_is() {
        let call = call("u1", "a-b-c-d-e", "a.b", "");
        let all = variables(&call, &Lines::new(&call, 0), None, b"");
        check(&all, "HOST2", Some("a"));
        check(&all, "HOST3", Some("a"));
        check(&all, "EXT4", Some("d-e"));
        check(&all, "DEFAULT", None);
    }

    #[test]
    fn the_from_line_is_one_line_of_four_words_and_a_date() {
        let lines = Lines::new(&call("u1", "", "h", "a b\tc\nd@x"), 0);
        assert_eq!(lines.from, b"From a-b-c-d@x Thu Jan 01 00:00:00 1970\n");
        let lines = Lines::new(&call("u1", "", "h", ""), 0);
        assert_eq!(lines.from, b"From MAILER-DAEMON Thu Jan 01 00:00:00 1970\n");
    }

    #[test]
    fn a_line_feed_in_an_address_cannot_start_a_header_line() {
        let lines = Lines::new(&call("u\nX: y", "", "h\n", "s\nBcc: z@x"), 0);
        assert_eq!(lines.delivered_to, b"Delivered-To: u_X: y@h_\n");
        assert_eq!(
            lines
                .return_path
                .iter()
                .filter(|byte| **byte == b'\n')
                .count(),
            1
        );
    }

    #[test]
    fn our_variables_replace_inherited_ones() {
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let inherited = vec![
            pair("PATH", "/bin"),
            pair("SENDER", "forged"),
            pair("DEFAULT", "old"),
        ];
        let all = overlay(inherited, vec![pair("SENDER", "real")]);
        assert_eq!(all, [pair("PATH", "/bin"), pair("SENDER", "real")]);
    }
}
