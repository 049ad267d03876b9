//! Asks the client's ident server (RFC 1413) whose connection it is. An answer is a claim of the
//! client's machine, worth what that machine is worth; none is worth waiting long for.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use os::clock::monotonic;
use os::tcp::TimedStream;

/// What the client's machine says, in all within `limit`; `None` when it says nothing.
pub(crate) fn ask(local: SocketAddr, remote: SocketAddr, limit: Duration) -> Option<Vec<u8>> {
    let end = monotonic() + limit;
    let server = SocketAddr::new(remote.ip(), IDENT_PORT);
    let stream = os::tcp::connect(server, seconds_until(end)?, Some(local.ip())).ok()?;
    let mut stream = TimedStream::new(stream, seconds_until(end)?);
    let question = format!("{} , {}\r\n", remote.port(), local.port());
    stream.write_all(question.as_bytes()).ok()?;
    let mut answer = Answer::default();
    let mut piece = [0; 512];
    for _ in 0..PIECES_MAX {
        stream.set_timeout(seconds_until(end)?);
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        for byte in piece.get(..count)? {
            if answer.is_complete_with(*byte) {
                return Some(answer.user);
            }
        }
    }
    None
}

fn seconds_until(end: Duration) -> Option<u64> {
    let left = end.saturating_sub(monotonic());
    (!left.is_zero()).then(|| {
        left.as_millis()
            .div_ceil(1000)
            .try_into()
            .unwrap_or(u64::MAX)
    })
}

/// The answer as far as it has come: `port , port : USERID : system : user`.
#[derive(Default)]
struct Answer {
    colons: usize,
    user: Vec<u8>,
    is_over: bool,
}

impl Answer {
    /// Takes the next byte; whether the line is complete with it, or long enough.
    fn is_complete_with(&mut self, byte: u8) -> bool {
        match byte {
            b'\n' => return true,
            b' ' | b'\t' | b'\r' => {}
            b':' if self.colons < 3 => self.colons += 1,
            // A variable ends at a zero byte.
            0 => self.is_over = true,
            _ if self.colons == 3 && !self.is_over => self.user.push(byte),
            _ => {}
        }
        self.user.len() >= USER_BYTES_MAX
    }
}

const IDENT_PORT: u16 = 113;
/// What the original keeps of an answer.
const USER_BYTES_MAX: usize = 998;
/// Enough for any answer, even one that comes byte by byte.
const PIECES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &[u8], expected: Option<&[u8]>) {
        let mut answer = Answer::default();
        let complete = text.iter().any(|byte| answer.is_complete_with(*byte));
        assert_eq!(complete.then_some(answer.user.as_slice()), expected);
    }

    #[test]
    fn the_user_stands_after_the_third_colon() {
        check(
            b"6193, 23 : USERID : UNIX : st jo:hns\r\n",
            Some(b"stjo:hns"),
        );
        check(b"1,2:USERID:OTHER:\xff\x01\n", Some(b"\xff\x01"));
    }

    #[test]
    fn an_error_names_nobody() {
        check(b"6195, 23 : ERROR : NO-USER\r\n", Some(b""));
    }

    #[test]
    fn an_answer_without_end_is_none_and_a_long_one_is_cut() {
        check(b"1,2:USERID:UNIX:joe", None);
        check(b"", None);
        let long = [b"1,2:USERID:UNIX:".as_slice(), &[b'x'; 2000]].concat();
        check(&long, Some(&[b'x'; 998]));
    }

    #[test]
    fn nothing_follows_a_zero_byte() {
        check(b"1,2:USERID:UNIX:jo\0e\n", Some(b"jo"));
    }
}
