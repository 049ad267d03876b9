//! Every string of up to ten bytes that matter, in both ways with line ends: a message ends at CR LF dot CR LF and
//! nowhere else, and neither a bare CR nor a bare LF gets through.

use super::*;

/// A string while it grows: each prefix is decoded once.
struct Sweep {
    line_ends: LineEnds,
    string: Vec<u8>,
    message: Vec<u8>,
    length_max: usize,
    seen: u64,
    ends: u64,
}

impl Sweep {
    fn all(line_ends: LineEnds, length_max: usize) -> Self {
        let mut sweep = Self {
            line_ends,
            string: Vec::new(),
            message: Vec::new(),
            length_max,
            seen: 0,
            ends: 0,
        };
        sweep.grow(&Unstuffer::new(line_ends));
        sweep
    }

    fn grow(&mut self, unstuffer: &Unstuffer) {
        if self.string.len() == self.length_max {
            return;
        }
        for byte in *b"\r\n.\0a" {
            let mut next = unstuffer.clone();
            let before = self.message.len();
            self.string.push(byte);
            let progress = next.feed(&[byte], &mut self.message);
            self.check(&next, progress);
            if progress == Progress::More {
                self.grow(&next);
            }
            self.message.truncate(before);
            self.string.pop();
        }
    }

    /// No earlier prefix has ended, so only the last bytes can.
    fn check(&mut self, unstuffer: &Unstuffer, progress: Progress) {
        self.seen += 1;
        let string = &self.string;
        let is_end = string.ends_with(b"\r\n.\r\n") || string == b".\r\n";
        let is_bare_lf = string.ends_with(b"\n") && !string.ends_with(b"\r\n");
        let expected = match self.line_ends {
            _ if is_end => Progress::End(1),
            LineEnds::Strict if is_bare_lf => Progress::BareLf,
            LineEnds::Strict | LineEnds::Normalised => Progress::More,
        };
        assert_eq!(progress, expected, "{string:?}");
        if is_end {
            self.ends += 1;
            self.check_message(unstuffer);
        }
    }

    /// What goes into the queue consists of whole lines.
    fn check_message(&self, unstuffer: &Unstuffer) {
        let (string, message) = (&self.string, &self.message);
        assert!(message.is_empty() || message.ends_with(b"\n"), "{string:?}");
        let is_bare = |at: usize| string[at] == b'\r' && string.get(at + 1) != Some(&b'\n');
        let has_bare_cr = (0..string.len()).any(is_bare);
        match self.line_ends {
            LineEnds::Strict => assert_eq!(unstuffer.has_bare_cr(), has_bare_cr, "{string:?}"),
            LineEnds::Normalised => assert!(!message.contains(&b'\r'), "{string:?} {message:?}"),
        }
        if !unstuffer.has_bare_cr() {
            assert!(!message.contains(&b'\r'), "{string:?} {message:?}");
        }
    }
}

#[test]
fn no_string_of_ten_bytes_ends_a_message_but_the_one() {
    // A bare LF ends a strict string early; a normalised one grows on.
    let strict = Sweep::all(LineEnds::Strict, 10);
    assert!(strict.seen > 2_500_000, "{}", strict.seen);
    assert!(strict.ends > 1_500, "{}", strict.ends);
    let normalised = Sweep::all(LineEnds::Normalised, 10);
    assert!(normalised.seen > 12_000_000, "{}", normalised.seen);
    assert!(normalised.ends > strict.ends, "{}", normalised.ends);
}
