//! What clients are told, byte for byte; each is sent as a netstring.

/// The message is in the queue.
pub(crate) fn accepted(now: u64, qp: u32) -> Vec<u8> {
    format!("Kok {now} qp {qp}").into_bytes()
}

pub(crate) const BAD_SENDER: &[u8] = b"Dunacceptable sender (#5.1.7)";
pub(crate) const TOO_BIG: &[u8] = b"Dsorry, that message size exceeds my databytes limit (#5.3.4)";
pub(crate) const NO_GATEWAY: &[u8] =
    b"Dsorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)";
pub(crate) const BAD_RECIPIENT: &[u8] = b"Dsorry, I can't handle that recipient (#5.1.3)";
pub(crate) const BAD_ADDRESS: &[u8] = b"Dsorry, I can't accept addresses like that (#5.1.3)";

// These two have no counterpart in the original.

pub(crate) const LOOPING: &[u8] = b"Dtoo many hops, this message is looping (#5.4.6)";
pub(crate) const BARE_CR: &[u8] = b"Dsorry, I can't accept a CR without LF in a message (#5.6.0)";
