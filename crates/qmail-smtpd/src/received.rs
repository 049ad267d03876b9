//! The Received field that qmail-smtpd(8) puts before each message.

use crate::config::Client;

/// Two lines: who gave us the message, under which name, and when.
pub(crate) fn line(client: &Client, helo: Option<&[u8]>, now: u64) -> Vec<u8> {
    let mut line = b"Received: from ".to_vec();
    append_safe(&mut line, &client.host);
    if let Some(helo) = helo.filter(|helo| !helo.eq_ignore_ascii_case(&client.host)) {
        line.extend_from_slice(b" (HELO ");
        append_safe(&mut line, helo);
        line.push(b')');
    }
    line.extend_from_slice(b" (");
    if let Some(info) = &client.info {
        append_safe(&mut line, info);
        line.push(b'@');
    }
    append_safe(&mut line, &client.ip);
    line.extend_from_slice(b")\n  by ");
    append_safe(&mut line, &client.local);
    line.extend_from_slice(format!(" with SMTP; {}\n", datetime::rfc822(now)).as_bytes());
    line
}

/// What the client chose must not look like anything but a word.
fn append_safe(line: &mut Vec<u8>, word: &[u8]) {
    line.extend(word.iter().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => *byte,
        b'.' | b'@' | b'%' | b'+' | b'/' | b'=' | b':' | b'-' | b'[' | b']' => *byte,
        _ => b'?',
    }));
}
