//! One way to complain: a line on descriptor 2, `program: fatal: what we tried: why`.
//!
//! It never fails and never panics: a closed descriptor 2 is nobody's concern.

pub mod escape;

use std::error::Error;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::AsFd;

/// Says why the program gives up. The caller chooses the exit code.
pub fn fatal(program: &str, error: &(dyn Error + 'static)) {
    line(&format!("{program}: fatal: {}", chain(error)));
}

/// Says what went wrong while the program goes on.
pub fn warning(program: &str, error: &(dyn Error + 'static)) {
    line(&format!("{program}: warning: {}", chain(error)));
}

/// Says how the program wants to be called.
pub fn usage(program: &str, arguments: &str) {
    line(&format!("{program}: usage: {program} {arguments}"));
}

/// One line on descriptor 2, written in one piece so that lines of several programs do not mix.
pub fn line(text: &str) {
    let Ok(fd) = os::fd::stderr().as_fd().try_clone_to_owned() else {
        return;
    };
    // Nobody is left to be told that complaining failed.
    let _unheard = File::from(fd).write_all(format!("{text}\n").as_bytes());
}

/// An error and its causes, joined by `: `; system errors in qmail's words.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = words(error);
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&words(error));
        cause = error.source();
    }
    text
}

fn words(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<std::io::Error>() {
        Some(io) if io.raw_os_error().is_some() => os::errno::text(io),
        Some(io) if io.kind() == ErrorKind::UnexpectedEof => "unexpected end of file".to_owned(),
        Some(_) | None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Tried(std::io::Error);

    impl std::fmt::Display for Tried {
        fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            out.write_str("unable to open control/me")
        }
    }

    impl Error for Tried {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn causes_follow_in_qmails_words() {
        let error = Tried(std::io::Error::from_raw_os_error(2));
        assert_eq!(
            chain(&error),
            "unable to open control/me: file does not exist"
        );
    }
}
