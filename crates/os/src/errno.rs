//! Which errors may pass by themselves, and qmail's own words for them (error_temp, error_str).

use std::io;

/// Whether trying again later may help. Everything not listed is permanent, as in qmail.
#[must_use]
pub fn is_temporary(error: &io::Error) -> bool {
    match error.raw_os_error() {
        Some(number) => TEMPORARY.contains(&number),
        // Errors that std makes itself (short writes, ends of file) say nothing final.
        None => true,
    }
}

/// qmail's text for an error; the system's own where qmail has none.
#[must_use]
pub fn text(error: &io::Error) -> String {
    let Some(number) = error.raw_os_error() else {
        return error.to_string();
    };
    match TEXTS.iter().find(|(known, _)| *known == number) {
        Some((_, text)) => (*text).to_owned(),
        None => nix::errno::Errno::from_raw(number).desc().to_lowercase(),
    }
}

const TEMPORARY: &[i32] = &[
    libc::EINTR,
    libc::ENOMEM,
    libc::ETXTBSY,
    libc::EIO,
    libc::ETIMEDOUT,
    libc::EAGAIN,
    libc::EDEADLK,
    libc::EBUSY,
    libc::ENFILE,
    libc::EMFILE,
    libc::EFBIG,
    libc::ENOSPC,
    libc::ENETDOWN,
    libc::ENETUNREACH,
    libc::ENETRESET,
    libc::ECONNABORTED,
    libc::ECONNRESET,
    libc::ENOBUFS,
    libc::ETOOMANYREFS,
    libc::ECONNREFUSED,
    libc::EHOSTDOWN,
    libc::EHOSTUNREACH,
    libc::EUSERS,
    libc::EDQUOT,
    libc::ESTALE,
    libc::ENOLCK,
];

const TEXTS: &[(i32, &str)] = &[
    (0, "no error"),
    (libc::EINTR, "interrupted system call"),
    (libc::ENOMEM, "out of memory"),
    (libc::ENOENT, "file does not exist"),
    (libc::ETXTBSY, "text busy"),
    (libc::EIO, "input/output error"),
    (libc::EEXIST, "file already exists"),
    (libc::ETIMEDOUT, "timed out"),
    (libc::EINPROGRESS, "operation in progress"),
    (libc::EAGAIN, "temporary failure"),
    (libc::EPIPE, "broken pipe"),
    (libc::EPERM, "permission denied"),
    (libc::EACCES, "access denied"),
    (libc::E2BIG, "argument list too long"),
    (libc::ENOEXEC, "exec format error"),
    (libc::ENXIO, "device not configured"),
    (libc::EBUSY, "device busy"),
    (libc::EXDEV, "cross-device link"),
    (libc::ENOTDIR, "not a directory"),
    (libc::EISDIR, "is a directory"),
    (libc::EINVAL, "invalid argument"),
    (libc::ENFILE, "system cannot open more files"),
    (libc::EMFILE, "process cannot open more files"),
    (libc::EFBIG, "file too big"),
    (libc::ENOSPC, "out of disk space"),
    (libc::ESPIPE, "unseekable descriptor"),
    (libc::EROFS, "read-only file system"),
    (libc::EMLINK, "too many links"),
    (libc::ELOOP, "symbolic link loop"),
    (libc::ENAMETOOLONG, "file name too long"),
    (libc::ECONNREFUSED, "connection refused"),
    (libc::ECONNRESET, "connection reset"),
    (libc::ENETUNREACH, "network unreachable"),
    (libc::EHOSTUNREACH, "host unreachable"),
    (libc::EDQUOT, "disk quota exceeded"),
    (libc::ESTALE, "stale NFS file handle"),
    (libc::ENOLCK, "no locks available"),
    (libc::ENOSYS, "system call not available"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_temporary_and_a_missing_file_is_not() {
        assert!(is_temporary(&io::Error::from_raw_os_error(libc::ENOSPC)));
        assert!(!is_temporary(&io::Error::from_raw_os_error(libc::ENOENT)));
    }

    #[test]
    fn texts_are_qmails() {
        assert_eq!(
            text(&io::Error::from_raw_os_error(libc::ENOENT)),
            "file does not exist"
        );
        assert_eq!(
            text(&io::Error::from_raw_os_error(libc::EACCES)),
            "access denied"
        );
    }
}
