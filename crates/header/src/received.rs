//! The `Received:` line of a network daemon: who sent the message, to whom, how and when. Only
//! bytes that mean nothing to any reader of mail get into it.

/// What is known about a client. Everything in it may be forged.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Its name by reverse DNS, or `unknown`.
    pub remote_host: &'a [u8],
    /// What it called itself, if it did.
    pub helo: Option<&'a [u8]>,
    /// What its ident server said, if anything.
    pub remote_info: Option<&'a [u8]>,
    /// Its address, or `unknown`.
    pub remote_ip: &'a [u8],
    /// The name or address it connected to, or `unknown`.
    pub local: &'a [u8],
    /// `SMTP` and its like, RFC 3848.
    pub protocol: &'a str,
}

impl Received<'_> {
    /// The field, two lines; `date` as `datetime::rfc822` makes it.
    pub fn line(&self, date: &str) -> Vec<u8> {
        let mut out = b"Received: from ".to_vec();
        safe(&mut out, self.remote_host);
        if let Some(helo) = self.helo
            && !helo.eq_ignore_ascii_case(self.remote_host)
        {
            out.extend_from_slice(b" (HELO ");
            safe(&mut out, helo);
            out.push(b')');
        }
        out.extend_from_slice(b" (");
        if let Some(info) = self.remote_info {
            safe(&mut out, info);
            out.push(b'@');
        }
        safe(&mut out, self.remote_ip);
        out.extend_from_slice(b")\n  by ");
        safe(&mut out, self.local);
        out.extend_from_slice(b" with ");
        out.extend_from_slice(self.protocol.as_bytes());
        out.extend_from_slice(b"; ");
        out.extend_from_slice(date.as_bytes());
        out.push(b'\n');
        out
    }
}

fn safe(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes.iter().map(|b| if is_safe(*b) { *b } else { b'?' }));
}

const fn is_safe(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(
            b,
            b'.' | b'@' | b'%' | b'+' | b'/' | b'=' | b':' | b'-' | b'[' | b']'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client<'a>() -> Received<'a> {
        Received {
            remote_host: b"client.example",
            helo: None,
            remote_info: None,
            remote_ip: b"1.2.3.4",
            local: b"mx.test",
            protocol: "SMTP",
        }
    }

    #[track_caller]
    fn check(received: Received<'_>, expected: &str) {
        let line = received.line("22 Nov 2026 07:52:11 -0000");
        assert_eq!(
            line.escape_ascii().to_string(),
            expected.as_bytes().escape_ascii().to_string()
        );
    }

    #[test]
    fn a_client_is_named_on_two_lines() {
        check(
            client(),
            "Received: from client.example (1.2.3.4)\n  by mx.test with SMTP; 22 Nov 2026 07:52:11 -0000\n",
        );
    }

    #[test]
    fn bytes_that_could_mean_something_become_question_marks() {
        check(
            Received {
                remote_host: b"h[o]st_x",
                remote_info: Some(b"in fo"),
                ..client()
            },
            "Received: from h[o]st?x (in?fo@1.2.3.4)\n  by mx.test with SMTP; 22 Nov 2026 07:52:11 -0000\n",
        );
        check(
            Received {
                helo: Some(b"a b(c)\r\nd\xff"),
                ..client()
            },
            "Received: from client.example (HELO a?b?c???d?) (1.2.3.4)\n  by mx.test with SMTP; 22 Nov 2026 07:52:11 -0000\n",
        );
    }

    #[test]
    fn a_client_that_uses_its_own_name_is_named_once() {
        check(
            Received {
                helo: Some(b"CLIENT.example"),
                ..client()
            },
            "Received: from client.example (1.2.3.4)\n  by mx.test with SMTP; 22 Nov 2026 07:52:11 -0000\n",
        );
    }
}
