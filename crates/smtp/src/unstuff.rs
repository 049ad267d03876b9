//! The message as it comes after DATA (RFC 5321 section 4.5.2, qmail-smtpd(8)): lines end CR LF and are kept with LF,
//! a leading dot goes, and CR LF dot CR LF, only that, is the end.
//!
//! A LF that no CR precedes is an offence: other servers take `LF . LF` for an end, so one message here would be two
//! there. So is a CR that no LF follows, which can be told after the end. For clients that know no better both can be
//! made line ends; they end no message even then. No I/O here.

/// Decodes one message, however its bytes are cut into pieces.
#[derive(Clone, Debug, Default)]
pub struct Unstuffer {
    line_ends: LineEnds,
    place: Place,
    hops: HopCounter,
    has_bare_cr: bool,
}

/// What becomes of CR and LF that stand alone.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LineEnds {
    /// They are offences.
    #[default]
    Strict,
    /// Each becomes a LF in the message. A dot after it is a dot: only CR LF begins a line that may be stuffed.
    Normalised,
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

/// What one byte does.
enum Step {
    /// These bytes are given out instead, and this is the place now.
    Go(&'static [u8], Place),
    /// It is given out with all the plain bytes that follow.
    Run,
    /// These bytes are given out and the byte is looked at again, inside a line.
    Bare(&'static [u8]),
    /// To the inside of a line, a LF given out instead of the byte.
    Mended,
    /// The end of the message.
    End,
    /// A LF without CR.
    BareLf,
}

impl Unstuffer {
    /// A decoder for a client whose line ends are as told.
    pub fn new(line_ends: LineEnds) -> Self {
        Self {
            line_ends,
            ..Self::default()
        }
    }

    /// Decodes a piece onto the end of `message`, which grows by at most two bytes more than the piece has.
    pub fn feed(&mut self, piece: &[u8], message: &mut Vec<u8>) -> Progress {
        let before = message.len();
        let progress = self.decode(piece, message);
        self.hops.feed(message.get(before..).unwrap_or_default());
        progress
    }

    fn decode(&mut self, piece: &[u8], message: &mut Vec<u8>) -> Progress {
        let mut rest = piece;
        while let Some((byte, tail)) = rest.split_first() {
            match self.step(*byte) {
                Step::End => return Progress::End(piece.len().saturating_sub(tail.len())),
                Step::BareLf => return Progress::BareLf,
                Step::Mended => {
                    self.place = Place::Inside;
                    message.push(b'\n');
                    rest = tail;
                }
                Step::Bare(given) => {
                    self.has_bare_cr = true;
                    self.place = Place::Inside;
                    message.extend_from_slice(given);
                }
                Step::Go(given, place) => {
                    self.place = place;
                    message.extend_from_slice(given);
                    rest = tail;
                }
                Step::Run => {
                    self.place = Place::Inside;
                    rest = plain_run(rest, message);
                }
            }
        }
        Progress::More
    }

    fn step(&self, byte: u8) -> Step {
        match (self.place, byte) {
            (Place::DotCr, b'\n') => Step::End,
            (Place::Cr, b'\n') => Step::Go(b"\n", Place::LineStart),
            (Place::LineStart | Place::Dot | Place::Inside, b'\n') => match self.line_ends {
                LineEnds::Strict => Step::BareLf,
                LineEnds::Normalised => Step::Mended,
            },
            (Place::LineStart, b'.') => Step::Go(b"", Place::Dot),
            (Place::Dot, b'\r') => Step::Go(b"", Place::DotCr),
            (Place::LineStart | Place::Inside, b'\r') => Step::Go(b"", Place::Cr),
            (Place::Cr, _) => Step::Bare(match self.line_ends {
                LineEnds::Strict => b"\r",
                LineEnds::Normalised => b"\n",
            }),
            (Place::DotCr, _) => Step::Bare(match self.line_ends {
                LineEnds::Strict => b".\r",
                LineEnds::Normalised => b".\n",
            }),
            (Place::LineStart | Place::Dot | Place::Inside, _) => Step::Run,
        }
    }

    /// `Received:` and `Delivered-To:` lines in the header so far.
    pub fn hops(&self) -> u32 {
        self.hops.count
    }

    /// A CR came that no LF followed, and it is in the message: the message must go no further.
    pub fn has_bare_cr(&self) -> bool {
        self.has_bare_cr && self.line_ends == LineEnds::Strict
    }
}

/// Gives out all bytes up to the next CR or LF; returns what is left.
fn plain_run<'a>(rest: &'a [u8], message: &mut Vec<u8>) -> &'a [u8] {
    let run = rest.iter().position(|b| matches!(b, b'\r' | b'\n'));
    let (taken, after) = rest
        .split_at_checked(run.unwrap_or(rest.len()))
        .unwrap_or((rest, &[]));
    message.extend_from_slice(taken);
    after
}

/// Counts the header lines that each mail system adds as a message passes; a body line never counts.
#[derive(Clone, Debug)]
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
mod sweep;
#[cfg(test)]
mod tests;
