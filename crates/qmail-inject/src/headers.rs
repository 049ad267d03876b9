//! The fields of the message: which are rewritten, which are dropped, and what they say about the
//! envelope. qmail-header(5).

use header::field::Name;
use header::list::{self, ListError};
use header::token;

use crate::config::Config;
use crate::envelope::{Audience, Envelope};
use crate::refusal::Refusal;

/// The header as it will be sent, without the fields that are still to be added.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    fields: Vec<Vec<u8>>,
    seen: Vec<Name>,
}

/// What a rewritten field is for.
enum Purpose {
    /// It names recipients. Trouble in it need not stop the message.
    Recipients(Audience),
    /// It names the envelope sender.
    Sender,
    /// It says where answers go, or who it is from.
    Author,
}

impl Headers {
    /// Goes through all fields in order.
    pub(crate) fn rewrite(
        fields: Vec<Vec<u8>>,
        config: &Config,
        envelope: &mut Envelope,
    ) -> Result<Self, Refusal> {
        let mut headers = Self::default();
        for field in fields {
            headers.take(field, config, envelope)?;
        }
        Ok(headers)
    }

    /// The fields to send.
    pub(crate) fn fields(&self) -> &[Vec<u8>] {
        &self.fields
    }

    /// Whether there was such a field, other than those we were told to delete.
    pub(crate) fn has(&self, name: Name) -> bool {
        self.seen.contains(&name)
    }

    /// Whether the message was sent on by somebody.
    pub(crate) fn is_resent(&self) -> bool {
        RESENT.iter().any(|name| self.has(*name))
    }

    fn take(
        &mut self,
        field: Vec<u8>,
        config: &Config,
        envelope: &mut Envelope,
    ) -> Result<(), Refusal> {
        let Some(name) = Name::of(&field) else {
            self.fields.push(field);
            return Ok(());
        };
        if is_deleted(name, config) {
            return Ok(());
        }
        self.seen.push(name);
        let field = match purpose(name) {
            None => field,
            Some(purpose) => rewritten(field, name, &purpose, config, envelope)?,
        };
        if !is_dropped(name) {
            self.fields.push(field);
        }
        Ok(())
    }
}

/// Completes the addresses of a field and takes note of them.
fn rewritten(
    field: Vec<u8>,
    name: Name,
    purpose: &Purpose,
    config: &Config,
    envelope: &mut Envelope,
) -> Result<Vec<u8>, Refusal> {
    let Ok(tokens) = token::parse(&field) else {
        return unparsed(field, purpose, envelope);
    };
    let mut addresses = Vec::new();
    let result = list::rewrite(tokens, |address| {
        config.defaults.complete(address);
        addresses.push(token::unquote(address));
    });
    if matches!(name, Name::To | Name::Cc) {
        envelope.to_cc.extend_from_slice(&addresses);
    }
    match purpose {
        Purpose::Recipients(audience) => envelope.add(*audience, addresses),
        Purpose::Sender => {
            if let Some(sender) = addresses.into_iter().next() {
                envelope.offer_sender(config, sender);
            }
        }
        Purpose::Author => {}
    }
    match result {
        Ok(tokens) => Ok(token::print(&tokens, WIDTH)),
        // Nobody is missed: the field names everybody it can name.
        Err(ListError::OpenGroup) => unparsed(field, purpose, envelope),
        Err(ListError::OpenGroupLater | ListError::NestedGroup | ListError::LoneBracket)
            if envelope.uses_header() =>
        {
            Err(Refusal::Field(field))
        }
        Err(_) => unparsed(field, purpose, envelope),
    }
}

/// A field of recipients that cannot be understood stays as it is; any other stops the message.
fn unparsed(
    field: Vec<u8>,
    purpose: &Purpose,
    envelope: &mut Envelope,
) -> Result<Vec<u8>, Refusal> {
    match purpose {
        Purpose::Recipients(audience) => {
            envelope.note_bad_field(*audience, &field);
            Ok(field)
        }
        Purpose::Sender | Purpose::Author => Err(Refusal::Field(field)),
    }
}

const fn purpose(name: Name) -> Option<Purpose> {
    match name {
        Name::To | Name::Cc | Name::Bcc | Name::ApparentlyTo => {
            Some(Purpose::Recipients(Audience::Original))
        }
        Name::ResentTo | Name::ResentCc | Name::ResentBcc => {
            Some(Purpose::Recipients(Audience::Resent))
        }
        Name::ReturnPath => Some(Purpose::Sender),
        Name::Sender
        | Name::From
        | Name::ReplyTo
        | Name::ReturnReceiptTo
        | Name::ErrorsTo
        | Name::ResentSender
        | Name::ResentFrom
        | Name::ResentReplyTo => Some(Purpose::Author),
        Name::Date
        | Name::MessageId
        | Name::ResentDate
        | Name::ResentMessageId
        | Name::MailFollowupTo
        | Name::ContentLength => None,
    }
}

/// Whether we were told to act as if the field were not there.
const fn is_deleted(name: Name, config: &Config) -> bool {
    let letters = &config.letters;
    (matches!(name, Name::From) && letters.deletes_from)
        || (matches!(name, Name::MessageId) && letters.deletes_message_id)
        || (matches!(name, Name::ReturnPath) && letters.ignores_return_path)
}

/// Whether the field is for us alone.
const fn is_dropped(name: Name) -> bool {
    matches!(
        name,
        Name::Bcc | Name::ResentBcc | Name::ReturnPath | Name::ContentLength
    )
}

/// Fields that only a message sent on has.
const RESENT: [Name; 8] = [
    Name::ResentSender,
    Name::ResentFrom,
    Name::ResentReplyTo,
    Name::ResentTo,
    Name::ResentCc,
    Name::ResentBcc,
    Name::ResentDate,
    Name::ResentMessageId,
];

/// What a line may have before it is folded.
pub(crate) const WIDTH: usize = 80;
