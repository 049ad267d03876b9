//! What is reported, byte for byte as qmail does: the texts go into bounces and logs that people and programs read.

use std::net::IpAddr;

use report::{Report, Verdict};
use smtp::reply::{Answer, Reply};

/// The server took the message for every recipient reported as accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// Which server.
    pub(crate) ip: IpAddr,
    /// What it said after the final dot.
    pub(crate) reply: Reply,
}

/// Why the message was not taken.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Fewer than three arguments.
    Usage,
    /// The home directory cannot be entered.
    Home,
    /// A control file cannot be read or understood, or there is no name to greet with.
    Controls,
    /// Out of some resource of this machine.
    Resources,
    /// Read error on fd 0.
    ReadMessage,
    /// The sender address holds a line break.
    SenderUnsendable,
    /// Every recipient address holds a line break.
    RecipientUnsendable,
    /// No answer from the name server, or no useful one.
    DnsTemporary,
    /// There is no such name.
    NoSuchHost(Vec<u8>),
    /// The name has neither exchanger nor address.
    NoAddress,
    /// Its best exchanger is this host, which does not think so.
    BestIsUs,
    /// No address answered.
    NoConnection,
    /// The connection broke, or was too slow.
    Died(IpAddr),
    /// The same, when the message may have been taken.
    DiedInDoubt(IpAddr),
    /// The greeting was not 220.
    Greeting(IpAddr, Reply),
    /// HELO was not answered with 250.
    Name(IpAddr, Reply),
    /// MAIL was refused.
    Sender(IpAddr, Reply),
    /// No recipient was accepted; each has been reported.
    NoRecipient(IpAddr),
    /// DATA was refused.
    Data(IpAddr, Reply),
    /// The message was refused after its final dot.
    Message(IpAddr, Reply),
    /// The message ends inside a line.
    PartialLine,
}

/// What became of one recipient.
#[derive(Debug)]
pub(crate) enum RecipientReport {
    /// Accepted.
    Accepted,
    /// Refused by the server.
    Refused(IpAddr, Reply),
    /// Its address holds a line break.
    Unsendable,
}

impl Accepted {
    /// `K` and its text.
    pub(crate) fn report(&self) -> Report {
        Report::new(
            Verdict::Success,
            &said(&format!("{} accepted message.\n", self.ip), &self.reply),
        )
    }
}

impl Failure {
    /// `Z` or `D` and its text.
    pub(crate) fn report(&self) -> Report {
        Report::new(self.verdict(), &self.text())
    }

    fn verdict(&self) -> Verdict {
        match self {
            Self::Usage
            | Self::SenderUnsendable
            | Self::RecipientUnsendable
            | Self::NoSuchHost(_)
            | Self::NoAddress
            | Self::BestIsUs
            | Self::NoRecipient(_)
            | Self::PartialLine => Verdict::Failure,
            Self::Home
            | Self::Controls
            | Self::Resources
            | Self::ReadMessage
            | Self::DnsTemporary
            | Self::NoConnection
            | Self::Died(_)
            | Self::DiedInDoubt(_)
            | Self::Greeting(..)
            | Self::Name(..) => Verdict::Deferral,
            Self::Sender(_, reply) | Self::Data(_, reply) | Self::Message(_, reply) => {
                match reply.answer() {
                    Answer::Permanent => Verdict::Failure,
                    Answer::Transient | Answer::Positive => Verdict::Deferral,
                }
            }
        }
    }

    fn text(&self) -> Vec<u8> {
        match self {
            Self::Usage => USAGE.to_vec(),
            Self::Home => HOME.to_vec(),
            Self::Controls => CONTROLS.to_vec(),
            Self::Resources => RESOURCES.to_vec(),
            Self::ReadMessage => READ_MESSAGE.to_vec(),
            Self::SenderUnsendable => SENDER_UNSENDABLE.to_vec(),
            Self::RecipientUnsendable => RECIPIENT_UNSENDABLE.to_vec(),
            Self::DnsTemporary => DNS_TEMPORARY.to_vec(),
            Self::NoSuchHost(host) => no_such_host(host),
            Self::NoAddress => NO_ADDRESS.to_vec(),
            Self::BestIsUs => BEST_IS_US.to_vec(),
            Self::NoConnection => NO_CONNECTION.to_vec(),
            Self::Died(ip) => format!("Connected to {ip} but connection died. (#4.4.2)\n").into(),
            Self::DiedInDoubt(ip) => {
                format!("Connected to {ip} but connection died. Possible duplicate! (#4.4.2)\n")
                    .into()
            }
            Self::Greeting(ip, reply) => {
                said(&format!("Connected to {ip} but greeting failed.\n"), reply)
            }
            Self::Name(ip, reply) => said(
                &format!("Connected to {ip} but my name was rejected.\n"),
                reply,
            ),
            Self::Sender(ip, reply) => said(
                &format!("Connected to {ip} but sender was rejected.\n"),
                reply,
            ),
            Self::NoRecipient(ip) => format!("Giving up on {ip}.\n").into(),
            Self::Data(ip, reply) => said(&format!("{ip} failed on DATA command.\n"), reply),
            Self::Message(ip, reply) => {
                said(&format!("{ip} failed after I sent the message.\n"), reply)
            }
            Self::PartialLine => PARTIAL_LINE.to_vec(),
        }
    }
}

impl RecipientReport {
    /// `r`, `h` or `s` and its text, without the NUL.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Accepted => b"r".to_vec(),
            Self::Unsendable => [b"h", RECIPIENT_UNSENDABLE].concat(),
            Self::Refused(ip, reply) => {
                let letter = match reply.answer() {
                    Answer::Permanent => 'h',
                    Answer::Transient | Answer::Positive => 's',
                };
                said(&format!("{letter}{ip} does not like recipient.\n"), reply)
            }
        }
    }
}

/// `first`, and what the server said.
fn said(first: &str, reply: &Reply) -> Vec<u8> {
    let quoted = reply
        .text()
        .iter()
        .map(|&byte| if byte == 0 { b'?' } else { byte });
    first
        .bytes()
        .chain(REMOTE_SAID.bytes())
        .chain(quoted)
        .collect()
}

fn no_such_host(host: &[u8]) -> Vec<u8> {
    let shown = host
        .iter()
        .map(|&byte| if byte.is_ascii_graphic() { byte } else { b'?' });
    let mut text = b"Sorry, I couldn't find any host named ".to_vec();
    text.extend(shown);
    text.extend_from_slice(b". (#5.1.2)\n");
    text
}

const REMOTE_SAID: &str = "Remote host said: ";
const USAGE: &[u8] = b"I (qmail-remote) was invoked improperly. (#5.3.5)\n";
const HOME: &[u8] = b"Unable to switch to home directory. (#4.3.0)\n";
const CONTROLS: &[u8] = b"Unable to read control files. (#4.3.0)\n";
const RESOURCES: &[u8] = b"System resources temporarily unavailable. (#4.3.0)\n";
const READ_MESSAGE: &[u8] = b"Unable to read message. (#4.3.0)\n";
const SENDER_UNSENDABLE: &[u8] =
    b"Sorry, the sender address contains a line break, which SMTP cannot carry. (#5.1.7)\n";
const RECIPIENT_UNSENDABLE: &[u8] =
    b"Sorry, the recipient address contains a line break, which SMTP cannot carry. (#5.1.3)\n";
const DNS_TEMPORARY: &[u8] = b"Sorry, I couldn't find any host by that name. (#4.1.2)\n";
const NO_ADDRESS: &[u8] = b"Sorry, I couldn't find a mail exchanger or IP address. (#5.4.4)\n";
const BEST_IS_US: &[u8] =
    b"Sorry. Although I'm listed as a best-preference MX or A for that host,\n\
    it isn't in my control/locals file, so I don't treat it as local. (#5.4.6)\n";
const NO_CONNECTION: &[u8] = b"Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n";
const PARTIAL_LINE: &[u8] = b"SMTP cannot transfer messages with partial final lines. (#5.6.2)\n";
