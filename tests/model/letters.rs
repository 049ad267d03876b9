//! The mail of the model. Every body names its envelope, so that a copy can be judged by itself:
//! whole or torn, and in the right hands or not.

use queue::Channel;

/// A message that a client gives to qmail-queue.
#[derive(Debug, Clone, Copy)]
pub struct Letter {
    /// Its number, which no other letter of a scenario has.
    pub number: usize,
    /// Envelope sender. Senders are local, and a notice to one of them arrives.
    pub sender: &'static str,
    /// Envelope recipients. The first byte says what becomes of a delivery: `l` local success,
    /// `r` remote success, `b` local failure, `x` remote failure.
    pub recipients: &'static [&'static str],
}

impl Letter {
    /// The message.
    pub fn body(&self) -> Vec<u8> {
        format!(
            "letter {} {} {} end\n",
            self.number,
            self.sender,
            self.recipients.join(",")
        )
        .into_bytes()
    }
}

/// Where an address is delivered to.
pub fn channel(address: &[u8]) -> Channel {
    match address.first() {
        Some(b'r' | b'x') => Channel::Remote,
        _ => Channel::Local,
    }
}

/// Whether a delivery to an address fails for good.
pub fn is_failing(address: &[u8]) -> bool {
    matches!(address.first(), Some(b'b' | b'x'))
}

/// The paragraph about a recipient that failed.
pub fn paragraph(address: &[u8]) -> Vec<u8> {
    [b"<", address, b">\n"].concat()
}

/// The notice about some failures.
pub fn notice(sender: &[u8], paragraphs: &[u8], content: &[u8]) -> Vec<u8> {
    [b"notice ", sender, b"\n", paragraphs, b"--\n", content].concat()
}

/// A copy in somebody's hands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Copy {
    /// Whose.
    pub recipient: String,
    /// Of what.
    pub what: What,
}

/// What a copy is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// A letter, whole.
    Letter(usize),
    /// A notice about a letter, whole, to its sender, about these recipients of it.
    Notice(usize, Vec<String>),
    /// What this recipient should never have got.
    Foreign,
    /// Something that nobody has sent.
    Torn,
}

impl Copy {
    /// Looks at what somebody has got.
    pub fn read(recipient: &[u8], content: &[u8], letters: &[Letter]) -> Self {
        let recipient = text(recipient);
        let what = Self::what(&recipient, content, letters);
        Self { recipient, what }
    }

    fn what(recipient: &str, content: &[u8], letters: &[Letter]) -> What {
        if let Some(letter) = letters.iter().find(|letter| letter.body() == content) {
            return if letter.recipients.contains(&recipient) {
                What::Letter(letter.number)
            } else {
                What::Foreign
            };
        }
        Self::notice(recipient, content, letters).unwrap_or(What::Torn)
    }

    fn notice(recipient: &str, content: &[u8], letters: &[Letter]) -> Option<What> {
        let content = std::str::from_utf8(content).ok()?;
        let (sender, rest) = content.strip_prefix("notice ")?.split_once('\n')?;
        let (paragraphs, copy) = rest.split_once("--\n")?;
        let letter = letters
            .iter()
            .find(|letter| letter.body() == copy.as_bytes())?;
        let mut failed = Vec::new();
        for line in paragraphs.lines() {
            // A paragraph that a crash has cut off is followed by a whole one: the recipient was
            // not marked, and failed again.
            let whole = line.rsplit('<').next()?.strip_suffix('>')?;
            failed.push(whole.to_owned());
        }
        let is_ours = sender == letter.sender
            && recipient == letter.sender
            && failed
                .iter()
                .all(|one| letter.recipients.contains(&one.as_str()));
        Some(if is_ours {
            What::Notice(letter.number, failed)
        } else {
            What::Foreign
        })
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("addresses of the model are text")
}
