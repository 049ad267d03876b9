//! The message on standard input: its header in memory, its body straight through.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use header::field::{Fields, Line};

use crate::refusal::Refusal;

/// A message whose header has been read.
#[derive(Debug)]
pub(crate) struct Message {
    input: BufReader<File>,
    fields: Vec<Vec<u8>>,
    /// The first lines of the body; `None` if the message ended with its header.
    body: Option<Vec<u8>>,
}

impl Message {
    /// Reads descriptor 0 to the end of the header.
    pub(crate) fn read_header() -> Result<Self, Refusal> {
        if os::fd::stdin_was_closed() {
            return Err(Refusal::Read);
        }
        let file = os::fd::take(0).map_err(|_| Refusal::Read)?;
        Self::from(BufReader::with_capacity(BUFFER_BYTES, file))
    }

    fn from(mut input: BufReader<File>) -> Result<Self, Refusal> {
        let mut fields = Fields::new();
        let mut room = HEADER_BYTES_MAX;
        let mut body = None;
        while let Some(line) = next_line(&mut input, &mut room)? {
            if let Line::Body(first) = fields.add(&line) {
                body = Some(first);
                break;
            }
            if room == 0 {
                return Err(Refusal::HeaderTooLong);
            }
        }
        Ok(Self {
            input,
            fields: fields.into_fields(),
            body,
        })
    }

    /// The fields of the header, once.
    pub(crate) fn take_fields(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.fields)
    }

    /// Hands the body on, from the empty line before it to a newline at the end.
    pub(crate) fn copy_body(
        mut self,
        mut write: impl FnMut(&[u8]) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let Some(first) = self.body else {
            return Ok(());
        };
        write(&first)?;
        let mut is_ended = first.ends_with(b"\n");
        loop {
            let piece = match self.input.fill_buf() {
                Ok(piece) => piece,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(Refusal::Read),
            };
            let Some(last) = piece.last() else { break };
            is_ended = *last == b'\n';
            write(piece)?;
            let length = piece.len();
            self.input.consume(length);
        }
        if is_ended { Ok(()) } else { write(b"\n") }
    }
}

/// The next line with its newline, which the last line of the message gets if it has none; or as
/// much of a line as there is room for.
fn next_line(input: &mut impl BufRead, room: &mut u64) -> Result<Option<Vec<u8>>, Refusal> {
    let mut line = Vec::new();
    let mut limited = input.take(*room);
    let read = limited
        .read_until(b'\n', &mut line)
        .map_err(|_| Refusal::Read)?;
    *room = limited.limit();
    if read == 0 {
        return Ok(None);
    }
    if *room > 0 && !line.ends_with(b"\n") {
        line.push(b'\n');
    }
    Ok(Some(line))
}

/// A hundred thousand recipients fit; what is read here is held several times over as tokens.
const HEADER_BYTES_MAX: u64 = 4 << 20;
const BUFFER_BYTES: usize = 64 << 10;
