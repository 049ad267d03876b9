//! What a transaction has gathered: a sender, then recipients.

/// What MAIL gave.
#[derive(Clone, Debug)]
pub(super) struct Mailed {
    pub(super) sender: Vec<u8>,
    /// badmailfrom lists the sender: every recipient is refused.
    pub(super) is_bad: bool,
}

/// A sender and at least one recipient.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Envelope {
    sender: Vec<u8>,
    /// Each recipient and a NUL, which none contains; length ≤ `RECIPIENT_BYTES_MAX` plus one recipient.
    recipients: Vec<u8>,
    /// 1 ≤ count
    count: usize,
}

impl Envelope {
    pub(super) fn new(sender: Vec<u8>) -> Self {
        Self {
            sender,
            recipients: Vec::new(),
            count: 0,
        }
    }

    /// Whether there is room for another one; `count_max` is what the postmaster allows.
    pub(super) fn is_full(&self, count_max: usize) -> bool {
        self.count >= count_max || self.recipients.len() >= RECIPIENT_BYTES_MAX
    }

    pub(super) fn add(&mut self, recipient: &[u8]) {
        self.recipients.extend_from_slice(recipient);
        self.recipients.push(b'\0');
        self.count = self.count.saturating_add(1);
    }

    /// The envelope sender, without quoting.
    pub(crate) fn sender(&self) -> &[u8] {
        &self.sender
    }

    /// The recipients in the order they were given.
    pub(crate) fn recipients(&self) -> impl Iterator<Item = &[u8]> {
        self.recipients.split(|b| *b == b'\0').take(self.count)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

/// Bytes the recipients may take together: bounds the memory of a session whatever the addresses look like.
pub(crate) const RECIPIENT_BYTES_MAX: usize = 2 << 20;
