//! The message as it comes after DATA (RFC 5321 section 4.5.2, qmail-smtpd(8)): lines end CR LF and are kept with LF,
//! a leading dot goes, and CR LF dot CR LF, only that, is the end.
//!
//! A LF that no CR precedes is an offence: other servers take `LF . LF` for an end, so one message here would be two
//! there. A CR that no LF follows is kept; the sending side never makes a line end of it. No I/O here.

/// Decodes one message, however its bytes are cut into pieces.
#[derive(Debug, Default)]
pub struct Unstuffer {
    place: Place,
    hops: HopCounter,
}

/// Where a piece of input has led.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// All of the piece belongs to the message.
    More,
    /// The message ended; so many bytes of the piece were used, the next are commands.
    End(usize),
    /// A LF without CR. What follows must not be read as commands.
    BareLf,
}

/// What was read last.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    /// A line end, or nothing yet.
    #[default]
    LineStart,
    /// A dot at the start of a line.
    Dot,
    /// A dot at the start of a line, and CR.
    DotCr,
    /// Any other byte.
    Inside,
    /// CR, which is not yet given out.
    Cr,
}

impl Unstuffer {
    /// Decodes a piece onto the end of `message`, which grows by at most two bytes more than the piece has.
    pub fn feed(&mut self, piece: &[u8], message: &mut Vec<u8>) -> Progress {
        let mut rest = piece;
        while let Some((byte, tail)) = rest.split_first() {
            let (next, given): (Place, &[u8]) = match (self.place, *byte) {
                (Place::DotCr, b'\n') => {
                    return Progress::End(piece.len().saturating_sub(tail.len()));
                }
                (Place::Cr, b'\n') => (Place::LineStart, b"\n"),
                (Place::LineStart | Place::Dot | Place::Inside, b'\n') => return Progress::BareLf,
                (Place::LineStart, b'.') => (Place::Dot, b""),
                (Place::Dot, b'\r') => (Place::DotCr, b""),
                (Place::LineStart | Place::Inside, b'\r') => (Place::Cr, b""),
                (Place::Cr, b'\r') => (Place::Cr, b"\r"),
                (Place::DotCr, b'\r') => (Place::Cr, b".\r"),
                (Place::Cr, _) => (Place::Inside, b"\r"),
                (Place::DotCr, _) => (Place::Inside, b".\r"),
                (Place::LineStart | Place::Dot | Place::Inside, _) => (Place::Inside, b""),
            };
            self.place = next;
            message.extend_from_slice(given);
            let run = if next == Place::Inside {
                plain_run(rest)
            } else {
                1
            };
            let (taken, after) = rest.split_at_checked(run).unwrap_or((rest, &[]));
            if next == Place::Inside {
                message.extend_from_slice(taken);
            }
            self.hops.feed(taken);
            rest = after;
        }
        Progress::More
    }

    /// `Received:` and `Delivered-To:` lines in the header so far.
    pub fn hops(&self) -> u32 {
        self.hops.count
    }
}

/// How many bytes from here are neither CR nor LF; the first one is known to be fine.
fn plain_run(rest: &[u8]) -> usize {
    rest.iter()
        .position(|b| matches!(b, b'\r' | b'\n'))
        .unwrap_or(rest.len())
}

/// Counts the header lines that each mail system adds as a message passes; a body line never counts.
#[derive(Debug)]
pub struct HopCounter {
    count: u32,
    in_header: bool,
    /// The names this line may still turn out to have.
    candidates: [bool; 2],
    /// 0 ≤ column ≤ `NAME_BYTES_MAX`, then it stays.
    column: usize,
    /// The line has nothing but CR so far.
    is_empty: bool,
}

impl Default for HopCounter {
    fn default() -> Self {
        Self {
            count: 0,
            in_header: true,
            candidates: [true; 2],
            column: 0,
            is_empty: true,
        }
    }
}

impl HopCounter {
    /// How many there were so far.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Takes the next bytes of a message, lines ended by LF.
    pub fn feed(&mut self, bytes: &[u8]) {
        if !self.in_header {
            return;
        }
        for byte in bytes {
            match byte {
                b'\n' if self.is_empty => {
                    self.in_header = false;
                    return;
                }
                b'\n' => {
                    let count = self.count;
                    *self = Self {
                        count,
                        ..Self::default()
                    };
                }
                _ => self.inside_line(*byte),
            }
        }
    }

    fn inside_line(&mut self, byte: u8) {
        self.is_empty &= byte == b'\r';
        if self.column > NAME_BYTES_MAX {
            return;
        }
        for (candidate, name) in self.candidates.iter_mut().zip(HOP_NAMES) {
            match name.get(self.column) {
                Some(letter) => *candidate &= byte.eq_ignore_ascii_case(letter),
                None if *candidate && byte == b':' => {
                    self.count = self.count.saturating_add(1);
                    *candidate = false;
                }
                None => *candidate = false,
            }
        }
        self.column = self.column.saturating_add(1);
    }
}

/// Header fields that mean one more machine or mailbox was passed.
const HOP_NAMES: [&[u8]; 2] = [b"received", b"delivered-to"];

/// The longest of them.
const NAME_BYTES_MAX: usize = 12;

#[cfg(test)]
mod tests;
