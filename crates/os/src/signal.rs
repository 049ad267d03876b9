//! Signals as something to read: the ones listened to are blocked and come through a signalfd(2),
//! so that no handler ever runs. Children get an empty mask back (`child`).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigHandler, SigSet, Signal as Number, signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// The signals that qmail's programs act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// A child ended.
    Child,
    /// Finish and stop.
    Term,
    /// Read the tables again.
    Hup,
    /// Try everything now.
    Alarm,
    /// Ctrl-C.
    Int,
}

impl Signal {
    fn number(self) -> Number {
        match self {
            Self::Child => Number::SIGCHLD,
            Self::Term => Number::SIGTERM,
            Self::Hup => Number::SIGHUP,
            Self::Alarm => Number::SIGALRM,
            Self::Int => Number::SIGINT,
        }
    }
}

/// An open ear for some signals.
pub struct Signals {
    fd: SignalFd,
    heard: Vec<Signal>,
}

impl Signals {
    /// Starts listening. A disposition of "ignore" that we inherited is put back to the default
    /// first, since ignored signals are not delivered to anybody.
    ///
    /// # Errors
    /// sigprocmask(2)'s or signalfd(2)'s.
    pub fn listen(heard: &[Signal]) -> io::Result<Self> {
        let mut set = SigSet::empty();
        for one in heard {
            default(one.number())?;
            set.add(one.number());
        }
        set.thread_block()?;
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self {
            fd,
            heard: heard.to_vec(),
        })
    }

    /// The signals that came since the last call; several of one kind count once.
    #[must_use]
    pub fn take(&mut self) -> Vec<Signal> {
        let mut taken = Vec::new();
        while let Ok(Some(info)) = self.fd.read_signal() {
            let matching = self.heard.iter().find(|one| {
                u32::try_from(number_of(one.number())).is_ok_and(|number| number == info.ssi_signo)
            });
            if let Some(&one) = matching
                && !taken.contains(&one)
            {
                taken.push(one);
            }
        }
        taken
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Makes writes to a closed pipe return EPIPE rather than end the process.
pub fn ignore_pipe() {
    ignore(&[Number::SIGPIPE]);
}

/// What qmail-queue does with the signals it inherits: mask cleared; PIPE, VTALRM, PROF, QUIT, INT,
/// HUP, XCPU and XFSZ ignored (a caller must not be able to stop it half-way by accident).
///
/// # Errors
/// sigprocmask(2)'s.
pub fn harden() -> io::Result<()> {
    SigSet::empty().thread_set_mask()?;
    ignore(&[
        Number::SIGPIPE,
        Number::SIGVTALRM,
        Number::SIGPROF,
        Number::SIGQUIT,
        Number::SIGINT,
        Number::SIGHUP,
        Number::SIGXCPU,
        Number::SIGXFSZ,
    ]);
    default(Number::SIGTERM)?;
    default(Number::SIGCHLD)
}

fn ignore(numbers: &[Number]) {
    for &number in numbers {
        // SAFETY: SIG_IGN installs no handler, so no code of ours runs in a signal's context.
        // It fails only for KILL, STOP and numbers that do not exist.
        let _old = unsafe { signal(number, SigHandler::SigIgn) };
    }
}

fn default(number: Number) -> io::Result<()> {
    // SAFETY: SIG_DFL installs no handler.
    unsafe { signal(number, SigHandler::SigDfl) }?;
    Ok(())
}

#[expect(
    clippy::as_conversions,
    reason = "the enum is the number; nix offers no other way"
)]
fn number_of(signal: Number) -> i32 {
    signal as i32
}
