//! Makes an address complete: a missing host, a `+` at the end and a host without dots are
//! filled in from `defaulthost`, `plusdomain` and `defaultdomain`. qmail-header(5).

use crate::Token;
use crate::token::{self, Unbalanced};

/// What addresses are completed with.
#[derive(Clone, Debug)]
pub struct Defaults {
    host: Vec<Token>,
    domain: Vec<Token>,
    plus_domain: Vec<Token>,
}

impl Defaults {
    /// Takes the three values as they are in the control files.
    pub fn new(host: &[u8], domain: &[u8], plus_domain: &[u8]) -> Result<Self, Unbalanced> {
        Ok(Self {
            host: token::parse(&[b"@", host].concat())?,
            domain: token::parse(&[b".", domain].concat())?,
            plus_domain: token::parse(&[b".", plus_domain].concat())?,
        })
    }

    /// Completes an address. The empty one, and `user@[]`, stay as they are.
    pub fn complete(&self, address: &mut Vec<Token>) {
        if is_final(address) {
            return;
        }
        drop_route(address);
        for extra in [Token::Dot, Token::At] {
            address.pop_if(|last| *last == extra);
            if address.is_empty() {
                return;
            }
        }
        if !address.contains(&Token::At) {
            address.extend_from_slice(&self.host);
        }
        if drop_plus(address) {
            address.extend_from_slice(&self.plus_domain);
        }
        if lacks_dot(address) {
            address.extend_from_slice(&self.domain);
        }
    }

    /// Completes an address given as text; it must be one address, quoted where it must be.
    pub fn complete_text(&self, text: &[u8]) -> Result<Vec<u8>, Unbalanced> {
        let mut address = token::parse(text)?;
        self.complete(&mut address);
        Ok(token::unquote(&address))
    }
}

fn is_final(address: &[Token]) -> bool {
    match address {
        [] => true,
        [.., Token::At, Token::Literal(bytes)] => bytes.is_empty(),
        _ => false,
    }
}

fn drop_route(address: &mut Vec<Token>) {
    if address.first() != Some(&Token::At) {
        return;
    }
    match address.iter().position(|token| *token == Token::Colon) {
        Some(colon) => drop(address.drain(..=colon)),
        None => address.clear(),
    }
}

fn drop_plus(address: &mut [Token]) -> bool {
    match address.last_mut() {
        Some(Token::Atom(bytes)) => bytes.pop_if(|last| *last == b'+').is_some(),
        _ => false,
    }
}

fn lacks_dot(address: &[Token]) -> bool {
    let mut domain = address
        .iter()
        .rev()
        .take_while(|token| **token != Token::At);
    !domain.any(|token| matches!(token, Token::Dot | Token::Literal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: &str) {
        let defaults = Defaults::new(b"host", b"def.example", b"plus.example").unwrap();
        let completed = defaults.complete_text(address.as_bytes()).unwrap();
        assert_eq!(completed.escape_ascii().to_string(), expected);
    }

    #[test]
    fn missing_parts_are_added() {
        check("a", "a@host.def.example");
        check("b@c", "b@c.def.example");
        check("d@e+", "d@e.plus.example");
        check("f@g.h", "f@g.h");
        check("a.b", "a.b@host.def.example");
        check("m@[1.2.3.4]", "m@[1.2.3.4]");
    }

    #[test]
    fn superfluous_parts_are_dropped() {
        check("@r1,@r2:i@j", "i@j.def.example");
        check("@only:x", "x@host.def.example");
        check("@x", "");
        check("u@v.w@", "u@v.w");
        check("s@t.", "s@t.def.example");
        check(".", "");
        check("@", "");
        check("..", ".@host.def.example");
    }

    #[test]
    fn special_senders_stay() {
        check("", "");
        check("#@[]", "#@[]");
    }

    #[test]
    fn the_default_host_is_completed_as_well() {
        let defaults = Defaults::new(b"edh+", b"def.example", b"plus.example").unwrap();
        assert_eq!(defaults.complete_text(b"x").unwrap(), b"x@edh.plus.example");
        let defaults = Defaults::new(b"host", b"", b"p").unwrap();
        assert_eq!(defaults.complete_text(b"x@h").unwrap(), b"x@h.");
    }

    #[test]
    fn defaults_that_cannot_be_parsed_are_refused() {
        assert!(Defaults::new(b"a(b", b"c", b"d").is_err());
    }
}
