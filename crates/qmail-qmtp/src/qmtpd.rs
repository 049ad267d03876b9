//! qmail-qmtpd(8): any number of messages, an answer for each recipient.

use std::path::Path;

use crate::answer;
use crate::config::Config;
use crate::ending::Ending;
use crate::incoming::{Incoming, LineEnds, is_sound};
use crate::wire::Wire;

/// What becomes of one recipient.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    /// What becomes of the message.
    Shared,
    /// This client may not send there.
    NoGateway,
    /// No recipient can look like that.
    Unusable,
}

/// Serves the client; ends with an error always, since only the client can end a session.
pub(crate) fn run(wire: &mut Wire, home: &Path) -> Result<(), Ending> {
    let config = Config::read(home)?;
    loop {
        message(wire, home, &config)?;
        // Until the client knows, it would send the message again.
        wire.flush()?;
    }
}

fn message(wire: &mut Wire, home: &Path, config: &Config) -> Result<(), Ending> {
    let length = wire.length()?;
    if length == 0 {
        return Err(Ending::BadFormat);
    }
    let received = config.client.received("QMTP", os::clock::now());
    let mut incoming = Incoming::start(home, config.databytes, &received)?;
    match take(wire, config, length, &mut incoming) {
        Ok(fates) => answer_each(wire, &fates, &incoming.finish()),
        Err(ending) => {
            incoming.give_up();
            Err(ending)
        }
    }
}

/// The rest of a message, its sender and its recipients.
fn take(
    wire: &mut Wire,
    config: &Config,
    length: u64,
    incoming: &mut Incoming,
) -> Result<Vec<Fate>, Ending> {
    let line_ends = match wire.byte()? {
        b'\n' => LineEnds::Lf,
        b'\r' => LineEnds::CrLf,
        _ => return Err(Ending::BadFormat),
    };
    incoming.copy(wire, length.saturating_sub(1), line_ends)?;
    wire.comma()?;
    let length = wire.length()?;
    match wire.text(length, ADDRESS_BYTES)? {
        Some(sender) if is_sound(&sender) => incoming.sender(&sender),
        Some(_) | None => {
            incoming.refuse(answer::BAD_SENDER);
            incoming.sender(b"");
        }
    }
    let fates = recipients(wire, config, incoming)?;
    if !fates.contains(&Fate::Shared) {
        incoming.abandon();
    }
    Ok(fates)
}

fn recipients(
    wire: &mut Wire,
    config: &Config,
    incoming: &mut Incoming,
) -> Result<Vec<Fate>, Ending> {
    let suffix = config.relay_suffix.as_deref().unwrap_or_default();
    let limit = ADDRESS_BYTES.saturating_sub(suffix.len());
    let mut fates = Vec::new();
    let length = wire.length()?;
    wire.enter(length);
    while wire.has_more() {
        if fates.len() >= RECIPIENTS_MAX {
            return Err(Ending::TooMuch);
        }
        let length = wire.length()?;
        let text = wire.text(length, limit)?;
        let fate = match text.filter(|text| is_sound(text)) {
            None => Fate::Unusable,
            Some(text) if config.relay_suffix.is_none() && !config.allows(&text)? => {
                Fate::NoGateway
            }
            Some(text) => {
                incoming.recipient(&[&text, suffix].concat());
                Fate::Shared
            }
        };
        fates.push(fate);
    }
    wire.comma()?;
    Ok(fates)
}

fn answer_each(wire: &mut Wire, fates: &[Fate], shared: &[u8]) -> Result<(), Ending> {
    fates.iter().try_for_each(|fate| {
        wire.say(match fate {
            Fate::Shared => shared,
            Fate::NoGateway => answer::NO_GATEWAY,
            Fate::Unusable => answer::BAD_RECIPIENT,
        })
    })
}

/// An address is shorter than this.
pub(crate) const ADDRESS_BYTES: usize = 1000;

/// Recipients of one message: a byte of memory each until they are answered. The original's limit
/// is that of a netstring.
const RECIPIENTS_MAX: usize = 1_000_000;
