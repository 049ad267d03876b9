//! Which .qmail file answers for an address: dot-qmail(5), "extension addresses".

use std::io;

use dot_qmail::file::{self, FileError};

use crate::call::{Call, path};

/// A .qmail file that may be followed.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// All bytes of the file; none when there is no file.
    pub(crate) content: Vec<u8>,
    /// The owner's execute bit is set: the file may only forward.
    pub(crate) forward_only: bool,
    /// The part of ext that `default` in the file's name stands for.
    pub(crate) default: Option<Vec<u8>>,
}

/// Why there is nothing to follow.
#[derive(Debug)]
pub(crate) enum SearchError {
    /// The file may be there, but could not be opened or read now.
    Unreadable {
        /// What was done to it: "open" or "read".
        attempt: &'static str,
        /// The file's name in the home directory.
        name: Vec<u8>,
        /// Why it failed.
        source: io::Error,
    },
    /// Anybody could have written the file.
    Writable,
    /// The file is larger than a list of instructions has any reason to be.
    TooLarge {
        /// The file's name in the home directory.
        name: Vec<u8>,
    },
    /// A line of the file ends CR LF.
    CarriageReturn {
        /// The file's name in the home directory.
        name: Vec<u8>,
    },
    /// No file, and the address is not the user's main one.
    NoSuchMailbox,
}

/// One name to try.
#[derive(Debug, PartialEq, Eq)]
struct Candidate<'a> {
    name: Vec<u8>,
    default: Option<&'a [u8]>,
}

/// Looks for the .qmail file in the current directory. No file for the main address is an empty
/// file.
pub(crate) fn find(call: &Call) -> Result<Found, SearchError> {
    for candidate in candidates(&call.dash, &call.ext) {
        let read = file::read(path(&candidate.name));
        if let Some(orders) = read.map_err(|error| explained(error, &candidate.name))? {
            return Ok(Found {
                content: orders.content,
                forward_only: orders.forward_only,
                default: candidate.default.map(<[u8]>::to_vec),
            });
        }
    }
    if call.dash.is_empty() {
        Ok(Found::default())
    } else {
        Err(SearchError::NoSuchMailbox)
    }
}

/// `.qmail`, dash and ext as file names have them: lower case, no dots.
#[must_use]
pub(crate) fn exact_name(call: &Call) -> Vec<u8> {
    [b".qmail", &*call.dash, &safe(&call.ext)].concat()
}

/// Whether a file of this name is there.
pub(crate) fn exists(name: &[u8]) -> Result<bool, SearchError> {
    match std::fs::metadata(path(name)) {
        Ok(_) => Ok(true),
        Err(source) if os::errno::is_temporary(&source) => Err(SearchError::Unreadable {
            attempt: "open",
            name: name.to_vec(),
            source,
        }),
        Err(_) => Ok(false),
    }
}

fn candidates<'a>(dash: &'a [u8], ext: &'a [u8]) -> impl Iterator<Item = Candidate<'a>> {
    let safe = safe(ext);
    let prefix = [b".qmail", dash].concat();
    let exact = Candidate {
        name: [&*prefix, &*safe].concat(),
        default: safe
            .strip_suffix(DEFAULT)
            .and_then(|before| ext.get(before.len()..)),
    };
    let shorter = (0..=ext.len()).rev().filter_map(move |cut| {
        let (kept, matched) = (safe.get(..cut)?, ext.get(cut..)?);
        (kept.is_empty() || kept.ends_with(b"-")).then(|| Candidate {
            name: [&*prefix, kept, DEFAULT].concat(),
            default: Some(matched),
        })
    });
    std::iter::once(exact).chain(shorter)
}

// A dot could climb out of the home directory; `:` takes its place in file names.
fn safe(ext: &[u8]) -> Vec<u8> {
    ext.iter()
        .map(|byte| match byte {
            b'.' => b':',
            other => other.to_ascii_lowercase(),
        })
        .collect()
}

fn explained(error: FileError, name: &[u8]) -> SearchError {
    let name = name.to_vec();
    let (attempt, source) = match error {
        FileError::Open(source) => ("open", source),
        FileError::Read(source) => ("read", source),
        FileError::Writable => return SearchError::Writable,
        FileError::TooLarge => return SearchError::TooLarge { name },
        FileError::CarriageReturn => return SearchError::CarriageReturn { name },
    };
    SearchError::Unreadable {
        attempt,
        name,
        source,
    }
}

/// The word that stands for the rest of an extension.
const DEFAULT: &[u8] = b"default";

#[cfg(test)]
mod tests {
    use super::candidates;

    #[track_caller]
    fn check(dash: &str, ext: &str, expected: &[(&str, Option<&str>)]) {
        let found: Vec<_> = candidates(dash.as_bytes(), ext.as_bytes())
            .map(|one| {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                (text(&one.name), one.default.map(text))
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, default)| ((*name).to_owned(), default.map(str::to_owned)))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_exact_name_comes_first_then_ever_shorter_defaults() {
        check(
            "-",
            "a-b-c",
            &[
                (".qmail-a-b-c", None),
                (".qmail-a-b-default", Some("c")),
                (".qmail-a-default", Some("b-c")),
                (".qmail-default", Some("a-b-c")),
            ],
        );
    }

    #[test]
    fn a_trailing_dash_is_a_place_to_cut() {
        check(
            "-",
            "a-",
            &[
                (".qmail-a-", None),
                (".qmail-a-default", Some("")),
                (".qmail-default", Some("a-")),
            ],
        );
    }

    #[test]
    fn the_main_address_also_tries_qmaildefault() {
        check("", "", &[(".qmail", None), (".qmaildefault", Some(""))]);
    }

    #[test]
    fn names_are_lower_case_without_dots_but_default_keeps_the_original() {
        check(
            "-",
            "X-Y.Z",
            &[
                (".qmail-x-y:z", None),
                (".qmail-x-default", Some("Y.Z")),
                (".qmail-default", Some("X-Y.Z")),
            ],
        );
    }

    #[test]
    fn an_exact_name_that_ends_in_default_sets_default_too() {
        check(
            "-",
            "a-Default",
            &[
                (".qmail-a-default", Some("Default")),
                (".qmail-a-default", Some("Default")),
                (".qmail-default", Some("a-Default")),
            ],
        );
    }
}
