//! Session tickets, sealed with keys that every process of the service reads (`ticket_keys`).
//!
//! A ticket says when it was made, and is bound to a context: the service and its certificate. One made for another
//! service, or under another certificate, opens nothing.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::server::ProducesTickets;

use crate::ticket_keys::{NAME_BYTES, TICKET_LIFETIME_S, TicketKey};

/// Seals and opens tickets.
#[derive(Debug)]
pub(crate) struct Tickets {
    /// The first seals; ≥ 1.
    keys: Vec<Sealer>,
    context: Vec<u8>,
    now: fn() -> u64,
}

#[derive(Debug)]
struct Sealer {
    name: [u8; NAME_BYTES],
    key: LessSafeKey,
}

impl Tickets {
    /// Nothing without keys.
    pub(crate) fn new(keys: &[TicketKey], context: Vec<u8>, now: fn() -> u64) -> Option<Self> {
        let keys: Vec<Sealer> = keys.iter().filter_map(Sealer::new).collect();
        (!keys.is_empty()).then_some(Self { keys, context, now })
    }

    /// name, nonce, sealed: the second it is made and the session.
    fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let sealer = self.keys.first()?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = (self.now)().to_be_bytes().to_vec();
        sealed.extend_from_slice(plain);
        sealer
            .key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&self.context),
                &mut sealed,
            )
            .ok()?;
        Some([&sealer.name, nonce.as_slice(), &sealed].concat())
    }

    fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let sealer = self.keys.iter().find(|sealer| sealer.name == *name)?;
        let mut sealed = sealed.to_vec();
        let plain = sealer
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(&self.context),
                &mut sealed,
            )
            .ok()?;
        let (made, session) = plain.split_first_chunk()?;
        let age = (self.now)().checked_sub(u64::from_be_bytes(*made))?;
        (age < TICKET_LIFETIME_S).then(|| session.to_vec())
    }
}

impl Sealer {
    fn new(key: &TicketKey) -> Option<Self> {
        let unbound = UnboundKey::new(&AES_256_GCM, &key.secret).ok()?;
        Some(Self {
            name: key.name,
            key: LessSafeKey::new(unbound),
        })
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(TICKET_LIFETIME_S).unwrap_or(0)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(plain)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> TicketKey {
        TicketKey {
            made: 0,
            name: [number; NAME_BYTES],
            secret: [number; 32],
        }
    }

    fn tickets(numbers: &[u8], context: &[u8], now: fn() -> u64) -> Tickets {
        let keys: Vec<_> = numbers.iter().map(|n| key(*n)).collect();
        Tickets::new(&keys, context.to_vec(), now).unwrap()
    }

    #[test]
    fn a_ticket_opens_in_another_process_for_an_hour() {
        let ticket = tickets(&[1], b"smtp", || 10_000).seal(b"session").unwrap();
        let later = |now| tickets(&[2, 1], b"smtp", now).open(&ticket);
        assert_eq!(later(|| 10_000).as_deref(), Some(b"session".as_slice()));
        assert_eq!(later(|| 13_599).as_deref(), Some(b"session".as_slice()));
        assert_eq!(later(|| 13_600), None);
        assert_eq!(later(|| 9_999), None, "made in the future");
    }

    #[test]
    fn no_other_service_and_no_other_key_opens_it() {
        let ticket = tickets(&[1], b"smtp", || 0).seal(b"session").unwrap();
        assert_eq!(tickets(&[1], b"pop3", || 0).open(&ticket), None);
        assert_eq!(tickets(&[2], b"smtp", || 0).open(&ticket), None);
    }

    #[test]
    fn a_changed_or_cut_ticket_is_none() {
        let server = tickets(&[1], b"smtp", || 0);
        let ticket = server.seal(b"session").unwrap();
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert_eq!(server.open(&changed), None, "byte {at}");
            assert_eq!(server.open(&ticket[..at]), None, "length {at}");
        }
    }

    #[test]
    fn two_tickets_of_one_session_differ() {
        let server = tickets(&[1], b"smtp", || 0);
        assert_ne!(server.seal(b"session"), server.seal(b"session"));
    }
}
