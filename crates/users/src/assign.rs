//! The text of `users/assign`: `=name:user:uid:gid:home:dash:ext:` for one name,
//! `+prefix:user:uid:gid:home:dash:pre:` for all names that begin so, and a lone `.` at the end.

/// Why a `users/assign` cannot be used. Nothing of it is used then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssignError {
    /// A line has no `:` after the name, or fewer than six after that.
    #[error("line {line}: too few fields")]
    TooFewFields {
        /// Counted from 1.
        line: usize,
    },
    /// NUL separates the fields in the database.
    #[error("line {line}: contains a zero byte")]
    ContainsNul {
        /// Counted from 1.
        line: usize,
    },
    /// No `.` line: the file may have been cut short.
    #[error("no line with a dot at the end")]
    NoEnd,
}

/// The assignments of a file, in its order; `assign::parse` makes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignments(pub(crate) Vec<Line>);

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) is_wildcard: bool,
    /// Lower case.
    pub(crate) name: Vec<u8>,
    /// user, uid, gid, home, dash, ext
    pub(crate) fields: [Vec<u8>; 6],
}

/// Reads a whole file. What follows the `.` line is ignored.
pub fn parse(text: &[u8]) -> Result<Assignments, AssignError> {
    let mut lines = Vec::new();
    for (index, line) in complete_lines(text).enumerate() {
        if line.first() == Some(&b'.') {
            return Ok(Assignments(lines));
        }
        let number = index + 1;
        if line.contains(&0) {
            return Err(AssignError::ContainsNul { line: number });
        }
        lines.push(fields(line).ok_or(AssignError::TooFewFields { line: number })?);
    }
    Err(AssignError::NoEnd)
}

fn complete_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

fn fields(line: &[u8]) -> Option<Line> {
    let (kind, rest) = line.split_first()?;
    let mut parts = rest.split(|b| *b == b':');
    let name = parts.next()?.to_ascii_lowercase();
    let mut next = || parts.next().map(<[u8]>::to_vec);
    let fields = [next()?, next()?, next()?, next()?, next()?, next()?];
    // The sixth field must be closed as well: a seventh part follows it, even if empty.
    next()?;
    Some(Line {
        is_wildcard: *kind == b'+',
        name,
        fields,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn fails(text: &[u8], expected: AssignError) {
        assert_eq!(parse(text), Err(expected));
    }

    #[test]
    fn a_usual_file_is_read_in_order() {
        let text =
            b"=Joe:joe:507:100:/home/joe:::\n+joe-:joe:507:100:/home/joe:-:pre:more\n.\nrest";
        let lines = parse(text).unwrap().0;
        assert_eq!(lines.len(), 2);
        assert!(!lines[0].is_wildcard && lines[1].is_wildcard);
        assert_eq!(lines[0].name, b"joe");
        assert_eq!(
            lines[1].fields[3..],
            [b"/home/joe".to_vec(), b"-".to_vec(), b"pre".to_vec()]
        );
    }

    #[test]
    fn the_error_names_the_line() {
        fails(
            b"=a:a:1:1:/a:::\n=broken\n.\n",
            AssignError::TooFewFields { line: 2 },
        );
        fails(b"=a:a:1:1:/a::\n.\n", AssignError::TooFewFields { line: 1 });
        fails(b"\n.\n", AssignError::TooFewFields { line: 1 });
        fails(
            b"=a\0:a:1:1:/a:::\n.\n",
            AssignError::ContainsNul { line: 1 },
        );
    }

    #[test]
    fn the_end_must_be_marked() {
        fails(b"=a:a:1:1:/a:::\n", AssignError::NoEnd);
        fails(b"", AssignError::NoEnd);
        assert_eq!(parse(b".\n"), Ok(Assignments::default()));
        assert_eq!(parse(b"."), Ok(Assignments::default()));
    }

    proptest! {
        #[test]
        fn assignments_written_out_are_read_back(
            written in proptest::collection::vec(
                (any::<bool>(), "[a-z0-9.-]{0,8}", proptest::array::uniform6("[ -9;-~]{0,8}")), 0..8)
        ) {
            let mut text = String::new();
            let mut expected = Vec::new();
            for (is_wildcard, name, fields) in &written {
                let kind = if *is_wildcard { '+' } else { '=' };
                text.push_str(&format!("{kind}{name}:{}:\n", fields.join(":")));
                expected.push(Line {
                    is_wildcard: *is_wildcard,
                    name: name.clone().into_bytes(),
                    fields: fields.clone().map(String::into_bytes),
                });
            }
            text.push_str(".\n");
            prop_assert_eq!(parse(text.as_bytes()).unwrap().0, expected);
        }
    }
}
