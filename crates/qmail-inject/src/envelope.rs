//! The envelope: sender and recipients, collected from arguments, header and environment.

use address::quote::{local_part, quote};
use header::token;

use crate::config::Config;
use crate::options::{Options, Source};
use crate::refusal::Refusal;

/// The envelope as far as it is known.
#[derive(Debug)]
pub(crate) struct Envelope {
    source: Source,
    sender: Option<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
    header: Recipients,
    resent: Recipients,
    /// The addresses of To and Cc.
    pub(crate) to_cc: Vec<Vec<u8>>,
}

/// Recipients that a header names, and the field that could not be understood, if any.
#[derive(Debug, Default)]
struct Recipients {
    addresses: Vec<Vec<u8>>,
    bad_field: Option<Vec<u8>>,
}

/// Whose recipients a field names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Those of the message.
    Original,
    /// Those of the message as it was sent on.
    Resent,
}

impl Envelope {
    /// What the command line says.
    pub(crate) fn new(config: &Config, options: &Options) -> Result<Self, Refusal> {
        let complete = |typed: &Vec<u8>| config.defaults.complete_text(&quote(typed));
        let sender = match &options.sender {
            Some(typed) => Some(complete(typed).map_err(|_| Refusal::Field(typed.clone()))?),
            None => None,
        };
        let used = if options.source == Source::Header {
            &[]
        } else {
            &options.recipients[..]
        };
        let arguments = used
            .iter()
            .map(|typed| complete(typed).map_err(|_| Refusal::Address(typed.clone())))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            source: options.source,
            sender,
            arguments,
            header: Recipients::default(),
            resent: Recipients::default(),
            to_cc: Vec::new(),
        })
    }

    /// Takes the sender that a Return-Path names, unless one is known.
    pub(crate) fn offer_sender(&mut self, config: &Config, mut sender: Vec<u8>) {
        if config.letters.varies_by_recipient && !sender.is_empty() {
            sender.extend_from_slice(VERP_TAIL);
        }
        self.sender.get_or_insert(sender);
    }

    /// Takes recipients from a header field.
    pub(crate) fn add(&mut self, audience: Audience, addresses: Vec<Vec<u8>>) {
        self.of(audience).addresses.extend(addresses);
    }

    /// Notes that recipients may be missing because a field was not understood.
    pub(crate) fn note_bad_field(&mut self, audience: Audience, field: &[u8]) {
        self.of(audience)
            .bad_field
            .get_or_insert_with(|| field.to_vec());
    }

    /// Whether the header has a say.
    pub(crate) fn uses_header(&self) -> bool {
        self.source != Source::Arguments
    }

    /// The sender: that of `-f`, else of Return-Path, else of the environment.
    pub(crate) fn sender(&self, config: &Config) -> Result<Vec<u8>, Refusal> {
        match &self.sender {
            Some(sender) => without_nul(sender.clone()),
            None => default_sender(config),
        }
    }

    /// The recipients in the order in which they are queued.
    pub(crate) fn recipients(&self, is_resent: bool) -> Result<Vec<Vec<u8>>, Refusal> {
        let mut all = self.arguments.clone();
        if self.uses_header() {
            let from = if is_resent {
                &self.resent
            } else {
                &self.header
            };
            all.extend_from_slice(&from.addresses);
            // A message to nobody would vanish without a trace.
            if let (true, Some(field)) = (all.is_empty(), &from.bad_field) {
                return Err(Refusal::Field(field.clone()));
            }
        }
        all.into_iter().map(without_nul).collect()
    }

    const fn of(&mut self, audience: Audience) -> &mut Recipients {
        match audience {
            Audience::Original => &mut self.header,
            Audience::Resent => &mut self.resent,
        }
    }
}

fn default_sender(config: &Config) -> Result<Vec<u8>, Refusal> {
    let letters = &config.letters;
    let mut user = config.sender.user.clone();
    if letters.varies_by_message {
        user.extend(format!("-{}.{}", config.now, os::account::pid()).into_bytes());
    }
    if letters.varies_by_recipient {
        user.push(b'-');
    }
    let mut text = local_part(&user);
    if let Some(host) = &config.sender.host {
        text.push(b'@');
        text.extend_from_slice(host);
    }
    let completed = config.defaults.complete_text(&text);
    let mut sender = completed.map_err(|token::Unbalanced| Refusal::Field(text))?;
    if letters.varies_by_recipient {
        sender.extend_from_slice(VERP_TAIL);
    }
    without_nul(sender)
}

/// NUL ends an address in an envelope; nobody can be meant by what follows.
fn without_nul(address: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if address.contains(&0) {
        Err(Refusal::Address(address))
    } else {
        Ok(address)
    }
}

const VERP_TAIL: &[u8] = b"-@[]";
