//! One line of a .qmail file and what it asks for: dot-qmail(5), "the lines of a .qmail file".
//! Pure: bytes in, borrowed instructions out. Who may use which instruction (forward-only files) is
//! for the program to decide.

/// What one line of a .qmail file asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instruction<'a> {
    /// Nothing on the line; refused when it is the first line of the file.
    Blank,
    /// A line to skip: `#...`, or `+...` with a word we do not know.
    Comment,
    /// `+list`: from here on only forwarding is allowed.
    ForwardOnly,
    /// `|command`: run the command with the shell.
    Program(&'a [u8]),
    /// `./name/` or `/name/`: a maildir, with its slash.
    Maildir(&'a [u8]),
    /// `./name` or `/name`: an mbox file.
    Mbox(&'a [u8]),
    /// `&address` or anything else: an address to forward to, as it is written.
    Forward(&'a [u8]),
}

impl<'a> Instruction<'a> {
    /// Reads one line, without its line feed.
    pub fn parse(line: &'a [u8]) -> Self {
        let line = until_nul(without_trailing_blanks(line));
        match line.split_first() {
            None => Self::Blank,
            Some((b'#', _)) => Self::Comment,
            Some((b'|', command)) => Self::Program(command),
            Some((b'+', b"list")) => Self::ForwardOnly,
            Some((b'+', _)) => Self::Comment,
            Some((b'&', address)) => Self::Forward(address),
            Some((b'.' | b'/', _)) if line.ends_with(b"/") => Self::Maildir(line),
            Some((b'.' | b'/', _)) => Self::Mbox(line),
            Some(_) => Self::Forward(line),
        }
    }

    /// The address to forward to, if that is what the line asks for.
    #[must_use]
    pub fn address(self) -> Option<&'a [u8]> {
        match self {
            Self::Forward(address) => Some(address),
            Self::Blank
            | Self::Comment
            | Self::ForwardOnly
            | Self::Program(_)
            | Self::Maildir(_)
            | Self::Mbox(_) => None,
        }
    }
}

/// The instructions of a whole file in order. A last line without a line feed counts like the
/// others, and a file of no bytes at all is one blank line.
pub fn instructions(content: &[u8]) -> impl Iterator<Item = Instruction<'_>> {
    content
        .strip_suffix(b"\n")
        .unwrap_or(content)
        .split(|byte| *byte == b'\n')
        .map(Instruction::parse)
}

fn without_trailing_blanks(line: &[u8]) -> &[u8] {
    let kept = line
        .iter()
        .rposition(|byte| !matches!(byte, b' ' | b'\t'))
        .map_or(0, |last| last.saturating_add(1));
    line.get(..kept).unwrap_or(line)
}

// No command, file name or address can hold a NUL on its way to exec, open or qmail-queue; the
// original ends the line there.
fn until_nul(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == 0).next().unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Instruction, instructions};

    #[track_caller]
    fn check(line: &[u8], expected: Instruction<'_>) {
        assert_eq!(Instruction::parse(line), expected);
    }

    #[test]
    fn the_first_byte_decides() {
        check(b"# note", Instruction::Comment);
        check(b"|cat >x", Instruction::Program(b"cat >x"));
        check(b"| cat", Instruction::Program(b" cat"));
        check(b"./Maildir/", Instruction::Maildir(b"./Maildir/"));
        check(b"/var/mail/x", Instruction::Mbox(b"/var/mail/x"));
        check(b"&a@b", Instruction::Forward(b"a@b"));
        check(b"a@b", Instruction::Forward(b"a@b"));
        check(b"+list", Instruction::ForwardOnly);
        check(b"+lists", Instruction::Comment);
        check(b"+", Instruction::Comment);
    }

    #[test]
    fn only_trailing_spaces_and_tabs_are_removed() {
        check(b"./Mailbox \t ", Instruction::Mbox(b"./Mailbox"));
        check(b" a@b", Instruction::Forward(b" a@b"));
        check(b"./Maildir/\r", Instruction::Mbox(b"./Maildir/\r"));
        check(b"+list \t", Instruction::ForwardOnly);
        check(b" \t", Instruction::Blank);
    }

    #[test]
    fn a_line_ends_at_a_nul() {
        check(b"./Maildir/\0junk", Instruction::Maildir(b"./Maildir/"));
        check(b"\0a@b", Instruction::Blank);
    }

    #[test]
    fn an_ampersand_alone_forwards_to_the_empty_address() {
        check(b"&", Instruction::Forward(b""));
    }

    #[test]
    fn an_empty_file_is_a_blank_line() {
        assert_eq!(instructions(b"").collect::<Vec<_>>(), [Instruction::Blank]);
        assert_eq!(
            instructions(b"\n").collect::<Vec<_>>(),
            [Instruction::Blank]
        );
    }

    #[test]
    fn a_missing_last_line_feed_changes_nothing() {
        let with: Vec<_> = instructions(b"&a\n./b\n").collect();
        let without: Vec<_> = instructions(b"&a\n./b").collect();
        assert_eq!(with, without);
        assert_eq!(
            with,
            [Instruction::Forward(b"a"), Instruction::Mbox(b"./b")]
        );
    }

    fn written(instruction: Instruction<'_>) -> Vec<u8> {
        let (mark, rest): (&[u8], &[u8]) = match instruction {
            Instruction::Blank => (b"", b""),
            Instruction::Comment => (b"#", b""),
            Instruction::ForwardOnly => (b"+list", b""),
            Instruction::Program(rest) => (b"|", rest),
            Instruction::Maildir(rest) | Instruction::Mbox(rest) => (b"", rest),
            Instruction::Forward(rest) => (b"&", rest),
        };
        [mark, rest, b"\n"].concat()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(content in proptest::collection::vec(1u8.., 0..200)) {
            let read: Vec<_> = instructions(&content).collect();
            let text: Vec<u8> = read.iter().flat_map(|one| written(*one)).collect();
            prop_assert_eq!(instructions(&text).collect::<Vec<_>>(), read);
        }

        #[test]
        fn every_line_is_one_instruction(lines in proptest::collection::vec("[^\n]{0,20}", 1..20)) {
            prop_assert_eq!(instructions((lines.join("\n") + "\n").as_bytes()).count(), lines.len());
        }
    }
}
