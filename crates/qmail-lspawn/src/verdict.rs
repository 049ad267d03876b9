//! From the end of a child to the report that qmail-send gets: the table of qmail-lspawn(8); pure.

use std::io;

use os::child::Status;

/// The report of a qmail-local that ended.
pub(crate) fn report(status: Status, output: &[u8]) -> Vec<u8> {
    match status {
        Status::Signaled(_) => b"Zqmail-local crashed.\n".to_vec(),
        Status::Exited(code) => of_code(code, output),
    }
}

/// What an exit code means; where it means no more than a letter, the output is the text.
pub(crate) fn of_code(code: i32, output: &[u8]) -> Vec<u8> {
    let letter = match code {
        0 => b"K",
        111 | 71 | 74 | 75 => b"Z",
        _ => match TEXTS.iter().find(|(known, _)| *known == code) {
            Some((_, text)) => return text.to_vec(),
            None => b"D",
        },
    };
    let text = output.split(|&byte| byte == 0).next().unwrap_or_default();
    [letter, text].concat()
}

/// Whether the code is one that qmail-getpw may pass on.
pub(crate) fn is_documented(code: i32) -> bool {
    matches!(code, 71 | 74 | 75 | 100 | 111) || TEXTS.iter().any(|(known, _)| *known == code)
}

/// The report of a qmail-local that could not be started.
pub(crate) fn not_started(error: &io::Error) -> Vec<u8> {
    let code = match error.raw_os_error() {
        Some(EPERM | EINVAL) => BUG,
        _ if os::errno::is_temporary(error) => NOT_RUN_NOW,
        _ => NOT_RUN_EVER,
    };
    of_code(code, b"")
}

/// An empty local part is the trash address: success, without a word.
pub(crate) const TRASH: &[u8] = b"K";
/// Without root there are no other users.
pub(crate) const OTHER_USER: &[u8] =
    b"ZThis qmail runs without root and can deliver to the user who runs it only. (#4.3.0)\n";

/// Something that cannot be, or an identity that cannot be taken on.
pub(crate) const BUG: i32 = 112;
/// uid 0.
pub(crate) const ROOT: i32 = 113;
/// users/cdb.
pub(crate) const CDB: i32 = 117;
/// Anything else that may pass.
pub(crate) const SYSTEM: i32 = 118;
/// No qmail-getpw.
pub(crate) const NO_GETPW: i32 = 121;
/// exec has other words for a program that cannot be run (ENOENT, EACCES, ENOEXEC); these two come
/// from a user's identity that cannot be taken on.
const EPERM: i32 = 1;
const EINVAL: i32 = 22;
const NOT_RUN_NOW: i32 = 120;
const NOT_RUN_EVER: i32 = 126;

const TEXTS: &[(i32, &[u8])] = &[
    (BUG, b"ZInternal qmail-lspawn bug.\n"),
    (ROOT, b"ZNot allowed to perform deliveries as root.\n"),
    (115, b"ZNFS failure in qmail-local.\n"),
    (116, b"ZUnable to find alias user!\n"),
    (CDB, b"ZTrouble reading users/cdb in qmail-lspawn.\n"),
    (SYSTEM, b"ZTemporary failure in qmail-lspawn.\n"),
    (119, b"ZOut of memory in qmail-lspawn.\n"),
    (NOT_RUN_NOW, b"ZUnable to run qmail-local.\n"),
    (NO_GETPW, b"ZUnable to run qmail-getpw.\n"),
    (NOT_RUN_EVER, b"DUnable to run qmail-local.\n"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: Status, output: &[u8], expected: &[u8]) {
        let shown = report(status, output).escape_ascii().to_string();
        assert_eq!(shown, expected.escape_ascii().to_string());
    }

    #[test]
    fn a_crash_is_tried_again() {
        check(
            Status::Signaled(6),
            b"did 1+0+0\n",
            b"Zqmail-local crashed.\n",
        );
    }

    #[test]
    fn success_failure_and_deferral_have_the_output_as_text() {
        check(Status::Exited(0), b"did 1+0+0\n", b"Kdid 1+0+0\n");
        check(Status::Exited(100), b"no\n", b"Dno\n");
        for code in [111, 71, 74, 75] {
            check(Status::Exited(code), b"later\n", b"Zlater\n");
        }
    }

    #[test]
    fn an_unknown_code_is_a_failure() {
        for code in [1, 99, 101, 110, 114, 122, 125, 127, 255] {
            check(Status::Exited(code), b"what\n", b"Dwhat\n");
        }
    }

    #[test]
    fn a_code_with_a_meaning_has_its_own_text() {
        check(Status::Exited(112), b"x", b"ZInternal qmail-lspawn bug.\n");
        check(
            Status::Exited(113),
            b"x",
            b"ZNot allowed to perform deliveries as root.\n",
        );
        check(Status::Exited(115), b"x", b"ZNFS failure in qmail-local.\n");
        check(
            Status::Exited(117),
            b"x",
            b"ZTrouble reading users/cdb in qmail-lspawn.\n",
        );
        check(
            Status::Exited(119),
            b"x",
            b"ZOut of memory in qmail-lspawn.\n",
        );
        check(Status::Exited(120), b"x", b"ZUnable to run qmail-local.\n");
        check(Status::Exited(121), b"x", b"ZUnable to run qmail-getpw.\n");
        check(Status::Exited(126), b"x", b"DUnable to run qmail-local.\n");
    }

    #[test]
    fn a_text_ends_before_its_first_nul() {
        check(Status::Exited(100), b"no\0K", b"Dno");
    }

    #[test]
    fn a_program_that_is_missing_is_a_failure_and_one_that_is_busy_is_not() {
        let of = |errno| not_started(&io::Error::from_raw_os_error(errno));
        assert_eq!(of(2), b"DUnable to run qmail-local.\n"); // ENOENT
        assert_eq!(of(13), b"DUnable to run qmail-local.\n"); // EACCES
        assert_eq!(of(26), b"ZUnable to run qmail-local.\n"); // ETXTBSY
        assert_eq!(of(11), b"ZUnable to run qmail-local.\n"); // EAGAIN
    }

    #[test]
    fn an_identity_that_is_refused_is_tried_again() {
        let of = |errno| not_started(&io::Error::from_raw_os_error(errno));
        assert_eq!(of(EPERM), b"ZInternal qmail-lspawn bug.\n");
        assert_eq!(of(EINVAL), b"ZInternal qmail-lspawn bug.\n");
    }
}
