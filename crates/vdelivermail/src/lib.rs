//! vdelivermail(8): delivers one message to a user of a vpopmail domain. qmail-local runs it from
//! the domain's .qmail-default, in the domain's directory and as the domain's account. It reads
//! vpopmail's own files and never changes them; it touches the queue through qmail-queue only.

mod call;
mod delivery;
mod directory;
mod message;
mod notice;
mod refusal;
mod vpasswd;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use report::Exit;

use call::{Call, Fallback};
use delivery::Delivery;
use message::Message;
use refusal::Refusal;
use vpasswd::Account;

/// Delivers, or says on standard output why not; the exit code is for qmail-local.
#[must_use]
pub fn main() -> ExitCode {
    let exit = match run() {
        Ok(exit) => exit,
        Err(refusal) => {
            say(&refusal.text());
            refusal.exit()
        }
    };
    ExitCode::from(exit.code())
}

/// The steps of vdelivermail(8), in order.
fn run() -> Result<Exit, Refusal> {
    os::file::umask(UMASK);
    os::signal::ignore_pipe();
    let domain_directory = std::env::current_dir().map_err(Refusal::DomainDirectory)?;
    let call = Call::read(&os::env::args()).map_err(Refusal::Call)?;
    let mut message = Message::take(&domain_directory).map_err(Refusal::Message)?;
    if message.has_been_here(&call).map_err(Refusal::Message)? {
        return Err(Refusal::Looping);
    }
    match vpasswd::find(&domain_directory, &call.user).map_err(Refusal::Vpasswd)? {
        Some(account) => to_account(&call, &domain_directory, &account, message),
        None => to_nobody(&call, &domain_directory, message),
    }
}

fn to_account(
    call: &Call,
    domain_directory: &Path,
    account: &Account,
    message: Message,
) -> Result<Exit, Refusal> {
    if account.is_locked {
        return Err(Refusal::Locked {
            address: call.address(),
        });
    }
    let home = domain_directory.join(account.directory.as_deref().ok_or(Refusal::NoDirectory)?);
    directory::complete(&home).map_err(|source| Refusal::Directory {
        path: home.clone(),
        source,
    })?;
    let own = home.join("Maildir");
    let quota = account.quota().map_err(|_| Refusal::Quota)?;
    Delivery::new(call, domain_directory, message)
        .with_quota(&own, quota)
        .follow(&home, &own)
}

/// Nobody has this name: the second argument says what then.
fn to_nobody(call: &Call, domain_directory: &Path, message: Message) -> Result<Exit, Refusal> {
    let mut delivery = Delivery::new(call, domain_directory, message);
    match &call.fallback {
        Fallback::Delete => Ok(Exit::OK),
        Fallback::Bounce => Err(Refusal::NoSuchUser {
            words: notice::read(domain_directory, notice::NO_USER),
        }),
        Fallback::Address(address) => {
            delivery.forward(&[address])?;
            Ok(Exit::OK)
        }
        Fallback::Directory(directory) => {
            let shown = directory.display();
            say(format!("user does not exist, but will deliver to {shown}\n").as_bytes());
            delivery.follow(directory, &maildir_of(directory))
        }
    }
}

/// The fallback may be written as a user's directory or as the maildir in it.
fn maildir_of(directory: &Path) -> PathBuf {
    let inside = directory.join("Maildir");
    if !inside.join("new").exists() && directory.join("new").is_dir() {
        directory.to_owned()
    } else {
        inside
    }
}

// What we say is for the bounce and the log; that nobody may be reading it changes nothing.
fn say(text: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text).and_then(|()| out.flush());
}

/// Mail is private.
const UMASK: u32 = 0o077;
