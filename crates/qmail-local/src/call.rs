//! The command line of qmail-local(8): two options and eight words, in the order that other
//! spawners rely on.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// One delivery as qmail-lspawn asks for it; every field is the caller's bytes, unchanged.
#[derive(Debug)]
pub(crate) struct Call {
    /// `-n`: say what would be done, do nothing.
    pub(crate) describe: bool,
    /// Whose delivery this is.
    pub(crate) user: Vec<u8>,
    /// The directory that holds the .qmail files; starts with `/`.
    pub(crate) home: Vec<u8>,
    /// The address before the `@`.
    pub(crate) local: Vec<u8>,
    /// `-`, or nothing for the user's main address.
    pub(crate) dash: Vec<u8>,
    /// The part of `local` after `dash`.
    pub(crate) ext: Vec<u8>,
    /// The address after the `@`.
    pub(crate) domain: Vec<u8>,
    /// The envelope sender; may be empty.
    pub(crate) sender: Vec<u8>,
    /// What to do when the .qmail file is empty or missing: itself the text of a .qmail file.
    pub(crate) default_delivery: Vec<u8>,
}

/// A command line that is not one of ours.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WrongUsage {
    /// The option letter that does not exist, if that is what was wrong.
    pub(crate) illegal: Option<u8>,
}

impl Call {
    /// Reads the words after the program's name.
    pub(crate) fn parse(words: Vec<Vec<u8>>) -> Result<Self, WrongUsage> {
        let mut words = words.into_iter().peekable();
        let mut describe = false;
        while let Some(option) = words.next_if(|word| word.len() > 1 && word.starts_with(b"-")) {
            if option == b"--" {
                break;
            }
            describe = last_letter(&option, describe)?;
        }
        let words: Vec<_> = words.collect();
        let wrong = |_| WrongUsage { illegal: None };
        let [
            user,
            home,
            local,
            dash,
            ext,
            domain,
            sender,
            default_delivery,
        ] = <[Vec<u8>; 8]>::try_from(words).map_err(wrong)?;
        if !home.starts_with(b"/") {
            return Err(WrongUsage { illegal: None });
        }
        Ok(Self {
            describe,
            user,
            home,
            local,
            dash,
            ext,
            domain,
            sender,
            default_delivery,
        })
    }

    /// `local@domain`.
    #[must_use]
    pub(crate) fn recipient(&self) -> Vec<u8> {
        [&*self.local, b"@", &*self.domain].concat()
    }
}

// `-nN` may be given together, and more than once: the last letter counts.
fn last_letter(option: &[u8], mut describe: bool) -> Result<bool, WrongUsage> {
    for letter in option.iter().skip(1) {
        describe = match letter {
            b'n' => true,
            b'N' => false,
            other => {
                return Err(WrongUsage {
                    illegal: Some(*other),
                });
            }
        };
    }
    Ok(describe)
}

/// The bytes as a file name.
#[must_use]
pub(crate) fn path(name: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(name))
}

#[cfg(test)]
mod tests {
    use super::{Call, WrongUsage};

    fn parse(line: &str) -> Result<Call, WrongUsage> {
        Call::parse(
            line.split(' ')
                .map(|word| word.as_bytes().to_vec())
                .collect(),
        )
    }

    #[track_caller]
    fn check_refused(line: &str, illegal: Option<u8>) {
        assert_eq!(parse(line).unwrap_err(), WrongUsage { illegal });
    }

    #[test]
    fn eight_words_are_a_call() {
        let call = parse("u /home/u u-x - x h.example s@x ./Mailbox").unwrap();
        assert!(!call.describe);
        assert_eq!(call.recipient(), b"u-x@h.example");
        assert_eq!((&*call.dash, &*call.ext), (&b"-"[..], &b"x"[..]));
        assert_eq!(call.default_delivery, b"./Mailbox");
    }

    #[test]
    fn the_last_of_n_and_big_n_decides() {
        assert!(parse("-n u /h u   h s d").unwrap().describe);
        assert!(parse("-Nn u /h u   h s d").unwrap().describe);
        assert!(!parse("-n -N -- u /h u   h s d").unwrap().describe);
    }

    #[test]
    fn options_end_at_the_first_word() {
        let call = parse("- /h -n - - h s d").unwrap();
        assert_eq!((&*call.user, &*call.local), (&b"-"[..], &b"-n"[..]));
        assert!(!call.describe);
    }

    #[test]
    fn anything_else_is_wrong_usage() {
        check_refused("-q", Some(b'q'));
        check_refused("-nx u /h u   h s d", Some(b'x'));
        check_refused("u /h u   h s", None);
        check_refused("u /h u   h s d extra", None);
        check_refused("u home u   h s d", None);
    }
}
