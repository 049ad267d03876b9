//! Who is there? PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195) as AUTH carries them (RFC 4954): base64, and one type
//! that is consumed by each answer. Whether a password is right is for another program to say.

use std::fmt;

/// A way to prove who one is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mechanism {
    /// Name and password in one message.
    Plain,
    /// Name and password in a message each.
    Login,
    /// A keyed hash of a challenge.
    CramMd5,
}

impl Mechanism {
    /// The mechanism of this name, in any case.
    pub fn parse(name: &[u8]) -> Option<Self> {
        [Self::Plain, Self::Login, Self::CramMd5]
            .into_iter()
            .find(|mechanism| mechanism.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The name it is registered by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::CramMd5 => "CRAM-MD5",
        }
    }
}

/// An exchange that waits for the client's next line.
pub struct Exchange(State);

enum State {
    Plain,
    LoginName,
    LoginPassword { user: Vec<u8> },
    CramMd5 { challenge: Vec<u8> },
}

/// Where a line of the client has led.
pub enum Progress {
    /// Send this after 334, and give the answer to the exchange.
    Ask(Vec<u8>, Exchange),
    /// All is said.
    Complete(Credentials),
}

/// What somebody claims.
#[derive(Clone, Eq, PartialEq)]
pub struct Credentials {
    /// No NUL, not empty.
    pub user: Vec<u8>,
    /// The password, or for CRAM-MD5 the hash in hexadecimal. No NUL.
    pub secret: Vec<u8>,
    /// What the hash was made of; empty otherwise.
    pub challenge: Vec<u8>,
}

/// The exchange is over without a result.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SaslError {
    /// The client sent `*`.
    #[error("the client gives up")]
    Cancelled,
    /// Not base64, or not what the mechanism asks for.
    #[error("malformed answer")]
    Malformed,
    /// The client wants to be somebody else than it proves to be.
    #[error("another identity is asked for")]
    OtherIdentity,
}

impl Exchange {
    /// Begins. `initial` is what stood behind the mechanism's name, `challenge` a text that never comes twice.
    ///
    /// # Errors
    /// The initial answer is of no use, or has no place in this mechanism.
    pub fn begin(
        mechanism: Mechanism,
        initial: Option<&[u8]>,
        challenge: &[u8],
    ) -> Result<Progress, SaslError> {
        let (question, exchange) = match mechanism {
            Mechanism::Plain => (Vec::new(), Self(State::Plain)),
            Mechanism::Login => (encode(b"Username:"), Self(State::LoginName)),
            Mechanism::CramMd5 if initial.is_some() => return Err(SaslError::Malformed),
            Mechanism::CramMd5 => {
                let challenge = challenge.to_vec();
                (encode(&challenge), Self(State::CramMd5 { challenge }))
            }
        };
        match initial {
            Some(b"=") => exchange.take(Vec::new()),
            Some(answer) => exchange.answer(answer),
            None => Ok(Progress::Ask(question, exchange)),
        }
    }

    /// Takes a line of the client, without its line end.
    ///
    /// # Errors
    /// The client gave up or sent something else.
    pub fn answer(self, line: &[u8]) -> Result<Progress, SaslError> {
        if line == b"*" {
            return Err(SaslError::Cancelled);
        }
        self.take(decode(line).ok_or(SaslError::Malformed)?)
    }

    fn take(self, message: Vec<u8>) -> Result<Progress, SaslError> {
        match self.0 {
            State::Plain => plain(&message),
            State::LoginName => Ok(Progress::Ask(
                encode(b"Password:"),
                Self(State::LoginPassword { user: message }),
            )),
            State::LoginPassword { user } => complete(user, message, Vec::new()),
            State::CramMd5 { challenge } => cram_md5(&message, challenge),
        }
    }
}

/// `who to be NUL who one is NUL password`
fn plain(message: &[u8]) -> Result<Progress, SaslError> {
    let mut parts = message.split(|b| *b == 0);
    let (Some(other), Some(user), Some(secret), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(SaslError::Malformed);
    };
    if !other.is_empty() && other != user {
        return Err(SaslError::OtherIdentity);
    }
    complete(user.to_vec(), secret.to_vec(), Vec::new())
}

/// `user SPACE hash`; a user name may have spaces of its own.
fn cram_md5(message: &[u8], challenge: Vec<u8>) -> Result<Progress, SaslError> {
    let space = message.iter().rposition(|b| *b == b' ');
    let (user, rest) = message.split_at(space.ok_or(SaslError::Malformed)?);
    let hash = rest.get(1..).unwrap_or_default();
    if hash.len() != MD5_DIGITS || !hash.iter().all(u8::is_ascii_hexdigit) {
        return Err(SaslError::Malformed);
    }
    complete(user.to_vec(), hash.to_vec(), challenge)
}

fn complete(user: Vec<u8>, secret: Vec<u8>, challenge: Vec<u8>) -> Result<Progress, SaslError> {
    if user.is_empty() || user.contains(&0) || secret.contains(&0) {
        return Err(SaslError::Malformed);
    }
    Ok(Progress::Complete(Credentials {
        user,
        secret,
        challenge,
    }))
}

impl Credentials {
    /// What a checkpassword program reads on descriptor 3: user, secret, challenge, each with a NUL. Nothing when
    /// that is more than such programs read.
    pub fn checkpassword(&self) -> Option<Vec<u8>> {
        let parts = [&self.user, &self.secret, &self.challenge];
        let bytes: Vec<u8> = parts
            .iter()
            .flat_map(|part| part.iter().chain(&[0]))
            .copied()
            .collect();
        (bytes.len() <= CHECKPASSWORD_BYTES_MAX).then_some(bytes)
    }
}

/// A secret is never shown.
impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "credentials of {}", self.user.escape_ascii())
    }
}

/// Base64 with its padding and nothing else (RFC 4648 section 4).
pub fn encode(bytes: &[u8]) -> Vec<u8> {
    let letter = |bits: u32| {
        let at = usize::try_from(bits & 63).unwrap_or(0);
        ALPHABET.get(at).copied().unwrap_or(b'=')
    };
    let mut text = Vec::with_capacity(bytes.len().div_ceil(3).saturating_mul(4));
    for group in bytes.chunks(3) {
        let at = |n: usize| u32::from(group.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        let letters = [bits >> 18, bits >> 12, bits >> 6, bits].map(letter);
        text.extend(letters.iter().take(group.len() + 1));
        text.extend(std::iter::repeat_n(b'=', 3 - group.len()));
    }
    text
}

/// The bytes of a base64 text; nothing if it is not exactly what [`encode`] makes.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for group in text.chunks(4) {
        let padding = group.iter().rev().take_while(|b| **b == b'=').count();
        let mut bits: u32 = 0;
        for n in 0..4 {
            let letter = *group.get(n)?;
            let value = if n + padding >= 4 {
                0
            } else {
                ALPHABET.iter().position(|known| *known == letter)?
            };
            bits = bits << 6 | u32::try_from(value).ok()?;
        }
        let [_, first, second, third] = bits.to_be_bytes();
        let kept = 3_usize.checked_sub(padding)?;
        bytes.extend_from_slice([first, second, third].get(..kept)?);
    }
    // Padding in the middle and bits nobody can see are other spellings of the same.
    (encode(&bytes) == text).then_some(bytes)
}

/// The text behind `xtext` (RFC 3461 section 4): `+3D` is `=`. Nothing when it is malformed or hides a control
/// character.
pub fn xtext(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        let plain = match byte {
            b'+' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            33..=126 => *byte,
            _ => return None,
        };
        if plain.is_ascii_control() {
            return None;
        }
        bytes.push(plain);
    }
    Some(bytes)
}

/// Upper case only, as the standard has it.
fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const MD5_DIGITS: usize = 32;
/// A checkpassword program may stop reading here.
const CHECKPASSWORD_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests;
