//! Is there such a mailbox? A program of the postmaster's choice says so (control/rcptcheck, qmail-rcptcheck(8)): it
//! gets the addresses in `$SENDER` and `$RECIPIENT` and exits 0, 100 or 111.

use std::path::{Path, PathBuf};

use os::child::Spawn;

use crate::asked;
use crate::session::Finding;

/// The program to ask.
#[derive(Debug)]
pub(crate) struct Checker {
    home: PathBuf,
    program: Vec<u8>,
}

impl Checker {
    /// A relative path starts from the home.
    pub(crate) fn new(home: &Path, program: Vec<u8>) -> Self {
        Self {
            home: home.to_owned(),
            program,
        }
    }

    /// Asks. Doubt is not an answer, and never a refusal for good.
    pub(crate) fn find(&self, sender: &[u8], recipient: &[u8]) -> Finding {
        let mut env = os::env::all();
        env.retain(|(name, _)| name != b"SENDER" && name != b"RECIPIENT");
        env.push((b"SENDER".to_vec(), sender.to_vec()));
        env.push((b"RECIPIENT".to_vec(), recipient.to_vec()));
        let spawn = Spawn::new(&self.program).cwd(&self.home).env(env);
        match asked::exit_code(spawn, LIMIT_S) {
            Some(0) => Finding::Exists,
            Some(100) => Finding::Missing,
            Some(_) | None => Finding::Unknown,
        }
    }
}

/// A client waits five minutes for the answer to RCPT (RFC 5321 section 4.5.3.2.3), and it may have many.
const LIMIT_S: u64 = 30;
