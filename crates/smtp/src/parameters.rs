//! What may follow the address of MAIL and RCPT: `SIZE=1000 BODY=8BITMIME` (RFC 5321 section 4.1.1.11).
//!
//! A parameter we did not offer is refused, as the standard asks; a client that never said EHLO was offered nothing
//! and may have sent such words to deaf ears for decades, so for it unknown ones are passed over.

use crate::sasl::xtext;

/// What MAIL may say beside the address.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MailParameters {
    /// How large the client says the message is; a number beyond all measure is the largest.
    pub size: Option<u64>,
    /// Who the client says first submitted the message; empty if nobody knows.
    pub submitter: Option<Vec<u8>>,
}

/// What the client was offered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Offered {
    /// It never said EHLO.
    Nothing,
    /// SIZE and 8BITMIME.
    Extensions,
    /// The same, and AUTH.
    ExtensionsAndAuth,
}

/// Why the parameters are refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParameterError {
    /// Not of the form `KEYWORD` or `KEYWORD=value`, or given twice, or a value that means nothing.
    #[error("malformed parameter")]
    Malformed,
    /// A keyword we did not offer.
    #[error("unknown parameter")]
    Unknown,
}

/// Reads what follows the address of MAIL.
pub fn mail(rest: &[u8], offered: Offered) -> Result<MailParameters, ParameterError> {
    let mut found = MailParameters::default();
    let mut has_body = false;
    for parameter in split(rest)? {
        let is_again = match (parameter.keyword.as_slice(), parameter.value) {
            (b"SIZE", Some(value)) => found.size.replace(size(value)?).is_some(),
            (b"BODY", Some(value)) => {
                body(value)?;
                std::mem::replace(&mut has_body, true)
            }
            (b"AUTH", Some(value)) if offered == Offered::ExtensionsAndAuth => {
                found.submitter.replace(submitter(value)?).is_some()
            }
            (b"SIZE" | b"BODY", None) => return Err(ParameterError::Malformed),
            _ => unknown(offered)?,
        };
        if is_again {
            return Err(ParameterError::Malformed);
        }
    }
    Ok(found)
}

/// Reads what follows the address of RCPT: nothing is offered there.
pub fn rcpt(rest: &[u8], offered: Offered) -> Result<(), ParameterError> {
    for _ in split(rest)? {
        unknown(offered)?;
    }
    Ok(())
}

/// Passed over, or refused; it does not count as given twice.
fn unknown(offered: Offered) -> Result<bool, ParameterError> {
    match offered {
        Offered::Nothing => Ok(false),
        Offered::Extensions | Offered::ExtensionsAndAuth => Err(ParameterError::Unknown),
    }
}

struct Parameter<'a> {
    /// In upper case.
    keyword: Vec<u8>,
    value: Option<&'a [u8]>,
}

fn split(rest: &[u8]) -> Result<Vec<Parameter<'_>>, ParameterError> {
    if !matches!(rest.first(), None | Some(b' ')) {
        return Err(ParameterError::Malformed);
    }
    rest.split(|b| *b == b' ')
        .filter(|word| !word.is_empty())
        .map(|word| Parameter::parse(word).ok_or(ParameterError::Malformed))
        .collect()
}

impl<'a> Parameter<'a> {
    fn parse(word: &'a [u8]) -> Option<Self> {
        let (keyword, value) = match word.iter().position(|b| *b == b'=') {
            Some(at) => (word.get(..at)?, Some(word.get(at + 1..)?)),
            None => (word, None),
        };
        let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
        let is_printable = |b: &u8| matches!(b, 33..=60 | 62..=126);
        let is_sound = keyword.first().is_some_and(u8::is_ascii_alphanumeric)
            && keyword.iter().all(is_word)
            && value.is_none_or(|value| !value.is_empty() && value.iter().all(is_printable));
        is_sound.then(|| Self {
            keyword: keyword.to_ascii_uppercase(),
            value,
        })
    }
}

fn size(value: &[u8]) -> Result<u64, ParameterError> {
    let text = std::str::from_utf8(value).map_err(|_| ParameterError::Malformed)?;
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParameterError::Malformed);
    }
    Ok(text.parse().unwrap_or(u64::MAX))
}

/// Either way the bytes are kept as they come.
fn body(value: &[u8]) -> Result<(), ParameterError> {
    let is_known = [b"7BIT".as_slice(), b"8BITMIME"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(value));
    is_known.then_some(()).ok_or(ParameterError::Malformed)
}

fn submitter(value: &[u8]) -> Result<Vec<u8>, ParameterError> {
    if value == b"<>" {
        return Ok(Vec::new());
    }
    xtext(value).ok_or(ParameterError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Offered = Offered::ExtensionsAndAuth;

    #[track_caller]
    fn check(rest: &str, expected: Result<(Option<u64>, Option<&str>), ParameterError>) {
        let found = mail(rest.as_bytes(), ALL);
        let expected = expected.map(|(size, submitter)| MailParameters {
            size,
            submitter: submitter.map(|text| text.as_bytes().to_vec()),
        });
        assert_eq!(found, expected, "{rest}");
    }

    #[test]
    fn known_parameters_are_read_in_any_case_and_order() {
        check("", Ok((None, None)));
        check("  ", Ok((None, None)));
        check(" SIZE=1000", Ok((Some(1000), None)));
        check(" body=8bitmime size=0 ", Ok((Some(0), None)));
        check(" BODY=7BIT  AUTH=<>", Ok((None, Some(""))));
        check(
            " AUTH=e+3Dmc2@example.com",
            Ok((None, Some("e=mc2@example.com"))),
        );
    }

    #[test]
    fn a_size_is_digits_and_never_wraps() {
        check(" SIZE=99999999999999999999999", Ok((Some(u64::MAX), None)));
        check(" SIZE=18446744073709551615", Ok((Some(u64::MAX), None)));
        for value in ["-1", "+5", "0x10", "", "1.5", "1k", "\u{661}"] {
            check(&format!(" SIZE={value}"), Err(ParameterError::Malformed));
        }
    }

    #[test]
    fn what_is_malformed_or_given_twice_is_refused() {
        for rest in [
            " =",
            " =x",
            " \"",
            " SIZE",
            " BODY",
            " BODY=9BIT",
            " SIZE=1 SIZE=1",
            " BODY=7BIT BODY=7BIT",
            " SIZE=1=2",
            " -X=1",
            " X_Y=1",
            "SIZE=1",
            " SIZE=1\t",
            " AUTH=+",
            " AUTH=+0",
            " AUTH=+0g",
            " AUTH=+0a",
        ] {
            check(rest, Err(ParameterError::Malformed));
        }
        for rest in [" =", " X\x01=1", "X"] {
            assert_eq!(
                mail(rest.as_bytes(), Offered::Nothing),
                Err(ParameterError::Malformed)
            );
            assert_eq!(
                rcpt(rest.as_bytes(), Offered::Nothing),
                Err(ParameterError::Malformed)
            );
        }
    }

    #[test]
    fn what_was_not_offered_is_refused_unless_nothing_was() {
        for rest in [" ORCPT=rfc822;a+0Ab", " NOTIFY=NEVER", " SMTPUTF8", " X"] {
            check(rest, Err(ParameterError::Unknown));
            assert_eq!(rcpt(rest.as_bytes(), ALL), Err(ParameterError::Unknown));
            assert!(mail(rest.as_bytes(), Offered::Nothing).is_ok());
            assert!(rcpt(rest.as_bytes(), Offered::Nothing).is_ok());
        }
        assert_eq!(
            mail(b" AUTH=<>", Offered::Extensions),
            Err(ParameterError::Unknown)
        );
        assert_eq!(rcpt(b" SIZE=1", ALL), Err(ParameterError::Unknown));
        let size = mail(b" SIZE=7", Offered::Nothing).unwrap().size;
        assert_eq!(size, Some(7));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_get_an_answer(rest in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            for offered in [Offered::Nothing, Offered::Extensions, ALL] {
                let _ = mail(&rest, offered);
                let _ = rcpt(&rest, offered);
            }
        }

        #[test]
        fn a_size_written_out_is_read_back(size in proptest::num::u64::ANY) {
            let found = mail(format!(" SIZE={size}").as_bytes(), ALL).unwrap();
            proptest::prop_assert_eq!(found.size, Some(size));
        }
    }
}
