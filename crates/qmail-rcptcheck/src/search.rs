//! Whether a .qmail file answers for an extension, by the names that qmail-local(8) tries (dot-qmail(5)). Files are
//! looked at, never opened: what stands in them is their owner's.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use users::Assignment;

use crate::Trouble;

/// What can be seen of a mailbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sight {
    Present,
    Absent,
    /// Its owner lets nobody look.
    Hidden,
}

/// A user's own address needs no file.
pub(crate) fn look(owner: &Assignment) -> Result<Sight, Trouble> {
    if owner.dash.is_empty() {
        return Ok(Sight::Present);
    }
    let home = Path::new(OsStr::from_bytes(&owner.home));
    for name in names(&owner.dash, &owner.ext) {
        match std::fs::metadata(home.join(OsStr::from_bytes(&name))) {
            Ok(_) => return Ok(Sight::Present),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Ok(Sight::Hidden);
            }
            Err(error) if os::errno::is_temporary(&error) => return Err(Trouble::Look(error)),
            Err(_) => {}
        }
    }
    // Where there is no home at all, the delivery will be tried again.
    Ok(if home.is_dir() {
        Sight::Absent
    } else {
        Sight::Hidden
    })
}

/// The exact name, then ever shorter ones with `default` for the rest.
fn names(dash: &[u8], ext: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    // A dot could climb out of the home directory; `:` takes its place in file names.
    let safe: Vec<u8> = ext
        .iter()
        .map(|byte| match byte {
            b'.' => b':',
            other => other.to_ascii_lowercase(),
        })
        .collect();
    let prefix = [b".qmail", dash].concat();
    let exact = [prefix.as_slice(), &safe].concat();
    let shorter = (0..=safe.len()).rev().filter_map(move |cut| {
        let kept = safe.get(..cut)?;
        let is_place = kept.is_empty() || kept.ends_with(b"-");
        is_place.then(|| [prefix.as_slice(), kept, b"default"].concat())
    });
    std::iter::once(exact).chain(shorter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(ext: &str, expected: &[&str]) {
        let found: Vec<String> = names(b"-", ext.as_bytes())
            .map(|name| String::from_utf8(name).unwrap())
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn names_are_those_of_qmail_local() {
        check(
            "a-B.c",
            &[".qmail-a-b:c", ".qmail-a-default", ".qmail-default"],
        );
        check("", &[".qmail-", ".qmail-default"]);
        check("a-", &[".qmail-a-", ".qmail-a-default", ".qmail-default"]);
        check("../x", &[".qmail-::/x", ".qmail-default"]);
    }
}
