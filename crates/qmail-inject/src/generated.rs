//! The fields a message gets because it has none: Date, Message-ID, From, Cc, and
//! Mail-Followup-To for mailing lists; for a message sent on, their Resent- twins.

use address::quote::{needs_quotes, quote};
use header::field::Name;
use header::{Token, list, stamp, token};

use crate::config::Config;
use crate::envelope::Envelope;
use crate::headers::{Headers, WIDTH};
use crate::refusal::Refusal;

/// The fields to put above those of the message.
pub(crate) fn fields(
    headers: &Headers,
    config: &Config,
    envelope: &Envelope,
) -> Result<Vec<Vec<u8>>, Refusal> {
    let resent = headers.is_resent();
    let prefix: &[u8] = if resent { b"Resent-" } else { b"" };
    let lacks = |original, again| !headers.has(if resent { again } else { original });
    let mut fields = Vec::new();
    if lacks(Name::Date, Name::ResentDate) {
        fields.push([prefix, &stamp::date(&datetime::rfc822(config.now))].concat());
    }
    if lacks(Name::MessageId, Name::ResentMessageId) {
        let digits = datetime::digits(config.now);
        let id = stamp::message_id(&digits, os::account::pid(), &config.id_host);
        fields.push([prefix, &id].concat());
    }
    if lacks(Name::From, Name::ResentFrom) {
        fields.push([prefix, &from(config)?].concat());
    }
    if lacks(Name::To, Name::ResentTo) && lacks(Name::Cc, Name::ResentCc) {
        fields.push([prefix, b"Cc: recipient list not shown: ;\n"].concat());
    }
    if !resent && lacks(Name::MailFollowupTo, Name::MailFollowupTo) {
        fields.extend(followup(config, envelope));
    }
    Ok(fields)
}

fn from(config: &Config) -> Result<Vec<u8>, Refusal> {
    let author = &config.from;
    let mut address = Vec::new();
    if needs_quotes(&author.user) {
        address.push(Token::Quoted(author.user.clone()));
    } else {
        address.push(Token::Atom(author.user.clone()));
    }
    if let Some(host) = &author.host {
        address.extend([Token::At, Token::Atom(host.clone())]);
    }
    let mut tokens = vec![Token::Atom(b"From".to_vec()), Token::Colon];
    match &author.name {
        None => tokens.extend(address),
        Some(name) if config.letters.has_name_comment => {
            tokens.extend(address);
            tokens.push(Token::Comment(name.clone()));
        }
        Some(name) => {
            tokens.extend([Token::Quoted(name.clone()), Token::Left]);
            tokens.extend(address);
            tokens.push(Token::Right);
        }
    }
    // User and host are text of any kind; once printed they are read like a field of the message.
    let printed = token::print(&tokens, WIDTH);
    let Ok(tokens) = token::parse(&printed) else {
        return Err(Refusal::Field(printed));
    };
    match list::rewrite(tokens, |address| config.defaults.complete(address)) {
        Ok(tokens) => Ok(token::print(&tokens, WIDTH)),
        Err(_) => Err(Refusal::Field(printed)),
    }
}

/// Where an answer to all goes, if one of them is a mailing list that we are on: not to us.
fn followup(config: &Config, envelope: &Envelope) -> Option<Vec<u8>> {
    let addresses = &envelope.to_cc;
    if !addresses
        .iter()
        .any(|address| config.lists.contains(address))
    {
        return None;
    }
    let quoted: Vec<_> = addresses
        .iter()
        .rev()
        .map(|address| quote(address))
        .collect();
    Some(
        [
            b"Mail-Followup-To: ",
            quoted.join(&b",\n  "[..]).as_slice(),
            b"\n",
        ]
        .concat(),
    )
}
