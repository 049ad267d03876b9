//! Texts that the owner of a domain has put there for senders and users: `.over-quota.msg`,
//! `.no-user.msg`, `.quotawarn.msg`, in the domain's directory or, for all domains, in `domains`.

use std::io::Read;
use std::path::{Path, PathBuf};

/// What the sender of mail for a full maildir is told.
pub(crate) const OVER_QUOTA: &str = ".over-quota.msg";
/// What the sender of mail for nobody is told.
pub(crate) const NO_USER: &str = ".no-user.msg";
/// A message for the user of a maildir that is nearly full.
pub(crate) const QUOTA_WARNING: &str = ".quotawarn.msg";

/// The text of this name for a domain, if there is one.
#[must_use]
pub(crate) fn read(domain_directory: &Path, name: &str) -> Option<Vec<u8>> {
    places(domain_directory)
        .iter()
        .find_map(|place| read_file(&place.join(name)))
}

/// The domain's own directory, then `domains` above it, which vpopmail may have divided by letters.
fn places(domain_directory: &Path) -> Vec<PathBuf> {
    let above = domain_directory
        .ancestors()
        .skip(1)
        .take(LEVELS_MAX)
        .find(|directory| directory.file_name().is_some_and(|name| name == "domains"));
    [Some(domain_directory), above]
        .into_iter()
        .flatten()
        .map(Path::to_owned)
        .collect()
}

fn read_file(path: &Path) -> Option<Vec<u8>> {
    let file = os::file::open_read(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}

/// vpopmail divides a directory three times at most.
const LEVELS_MAX: usize = 4;
/// Longer than any text that ends up in a bounce: qmail-lspawn cuts a report before that.
const BYTES_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::places;

    #[track_caller]
    fn check(directory: &str, expected: &[&str]) {
        let expected: Vec<_> = expected.iter().map(|path| Path::new(*path)).collect();
        assert_eq!(places(Path::new(directory)), expected);
    }

    #[test]
    fn a_text_for_all_domains_is_in_the_directory_of_domains() {
        check("/v/domains/a.b", &["/v/domains/a.b", "/v/domains"]);
        check("/v/domains/0/C/a.b", &["/v/domains/0/C/a.b", "/v/domains"]);
        check("/v/other/a.b", &["/v/other/a.b"]);
        check("/domains/1/2/3/4/a.b", &["/domains/1/2/3/4/a.b"]);
    }
}
