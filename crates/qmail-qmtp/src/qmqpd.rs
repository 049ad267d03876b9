//! qmail-qmqpd(8): one message for any recipients, one answer. Who may send is for tcpserver to say.

use std::path::Path;

use crate::answer;
use crate::client::Client;
use crate::ending::Ending;
use crate::incoming::{Incoming, LineEnds, is_sound};
use crate::qmtpd::ADDRESS_BYTES;
use crate::wire::Wire;

/// Takes the message and answers.
pub(crate) fn run(wire: &mut Wire, home: &Path) -> Result<(), Ending> {
    let length = wire.length()?;
    wire.enter(length);
    let length = wire.length()?;
    let received = Client::from_environment().received("QMQP", os::clock::now());
    let mut incoming = Incoming::start(home, NO_LIMIT, &received)?;
    match take(wire, length, &mut incoming) {
        Ok(()) => {
            wire.say(&incoming.finish())?;
            wire.flush()
        }
        Err(ending) => {
            incoming.give_up();
            Err(ending)
        }
    }
}

/// The content, the sender, the recipients. An address that cannot be one refuses the message.
fn take(wire: &mut Wire, length: u64, incoming: &mut Incoming) -> Result<(), Ending> {
    incoming.copy(wire, length, LineEnds::Lf)?;
    wire.comma()?;
    let sender = address(wire, incoming)?;
    incoming.sender(&sender);
    while wire.has_more() {
        let recipient = address(wire, incoming)?;
        incoming.recipient(&recipient);
    }
    wire.comma()
}

fn address(wire: &mut Wire, incoming: &mut Incoming) -> Result<Vec<u8>, Ending> {
    let length = wire.length()?;
    match wire.text(length, ADDRESS_BYTES)? {
        Some(address) if is_sound(&address) => Ok(address),
        Some(_) | None => {
            incoming.refuse(answer::BAD_ADDRESS);
            Ok(Vec::new())
        }
    }
}

/// Whoever may use QMQP may send messages of any size.
const NO_LIMIT: u64 = 0;
