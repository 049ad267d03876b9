//! One message given to qmail-queue while something goes wrong, and the verdict on what it left:
//! only documented states, nothing acknowledged that is not complete in the queue, nothing torn;
//! and after a drain by qmail-send every message it may have seen is there exactly once.

use std::collections::BTreeMap;
use std::fs;

use harness::home::Home;
use harness::run::{Output, Run};
use harness::tree::{self, State, Tree};
use harness::wait;

/// A message to queue.
#[derive(Clone)]
pub(crate) struct Shape {
    pub(crate) body: Vec<u8>,
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
}

impl Shape {
    pub(crate) fn new(body: impl Into<Vec<u8>>, recipients: usize) -> Self {
        let recipient = |number| format!("u-{number}@test.example");
        let recipients = (0..recipients).map(recipient).collect();
        Self {
            body: body.into(),
            sender: "s@test.example".to_owned(),
            recipients,
        }
    }

    pub(crate) fn sender(mut self, sender: &str) -> Self {
        sender.clone_into(&mut self.sender);
        self
    }

    fn envelope(&self) -> Vec<u8> {
        let mut bytes = format!("F{}\0", self.sender).into_bytes();
        for recipient in &self.recipients {
            bytes.extend_from_slice(format!("T{recipient}\0").as_bytes());
        }
        bytes
    }

    /// qmail-queue about to take this message.
    pub(crate) fn run<'a>(&self, home: &'a Home) -> Run<'a> {
        let mut envelope = self.envelope();
        envelope.push(0);
        home.program("qmail-queue")
            .stdin(&self.body)
            .fd(1, envelope)
    }
}

/// A home in which one kind of message is queued again and again.
pub(crate) struct Court {
    pub(crate) home: Home,
    pub(crate) shape: Shape,
    /// Messages left in the queue for the drain: number, and the process that queued it.
    kept: BTreeMap<u64, u32>,
    /// Recipients among these.
    deliveries: usize,
    acknowledged: usize,
}

impl Court {
    pub(crate) fn new(shape: Shape) -> Self {
        let home = Home::new();
        home.user("u").dot_qmail("u", "default", "./Maildir/\n");
        Self {
            home,
            shape,
            kept: BTreeMap::new(),
            deliveries: 0,
            acknowledged: 0,
        }
    }

    /// Looks at what one run left. Messages that were committed wait for the drain, as long as it
    /// has room; the rest is removed.
    #[track_caller]
    pub(crate) fn judge(&mut self, output: &Output, what: &str) {
        let tree = tree::look(self.home.path());
        assert!(
            tree.strange.is_empty(),
            "{what}: undocumented state: {:#?}",
            tree.strange
        );
        let new: Vec<(u64, State)> = tree
            .messages
            .iter()
            .filter(|(id, _)| !self.kept.contains_key(id))
            .map(|(id, state)| (*id, *state))
            .collect();
        assert!(new.len() <= 1, "{what}: one message became {new:?}");
        let is_committed = new.iter().any(|(_, state)| *state == State::S4);
        if output.code() == Some(0) {
            assert!(
                is_committed,
                "{what}: acknowledged, but the queue has {new:?}"
            );
            self.acknowledged += 1;
        }
        for (id, state) in new {
            assert_ne!(state, State::S5, "{what}: nobody preprocesses here");
            if state == State::S4 {
                self.assert_complete(id, output.pid, what);
            }
            let may_keep = output.code() != Some(0) || self.acknowledged.is_multiple_of(SAMPLE);
            if state == State::S4 && may_keep && self.deliveries < DELIVERIES_MAX {
                self.kept.insert(id, output.pid);
                self.deliveries += self.shape.recipients.len().max(1);
            } else {
                self.remove(id);
            }
        }
        self.remove_births(&tree, what);
    }

    /// What a committed message must consist of, byte for byte.
    #[track_caller]
    fn assert_complete(&self, id: u64, pid: u32, what: &str) {
        let mess = self.home.read(&format!("queue/mess/{}/{id}", id % 23));
        let received = format!("Received: (qmail {pid} invoked ");
        assert!(
            mess.starts_with(received.as_bytes()),
            "{what}: torn Received line"
        );
        let line = mess
            .iter()
            .position(|&byte| byte == b'\n')
            .expect("a whole line");
        assert!(
            mess[line + 1..] == self.shape.body[..],
            "{what}: torn message"
        );
        let mut envelope = format!("u{}\0p{pid}\0", self.home.uid()).into_bytes();
        envelope.extend_from_slice(&self.shape.envelope());
        let todo = self.home.read(&format!("queue/todo/{id}"));
        assert!(
            todo == envelope,
            "{what}: torn envelope {}",
            todo.escape_ascii()
        );
    }

    fn remove(&self, id: u64) {
        for path in [
            format!("todo/{id}"),
            format!("intd/{id}"),
            format!("mess/{}/{id}", id % 23),
        ] {
            let _ = fs::remove_file(self.home.queue(&path));
        }
    }

    #[track_caller]
    fn remove_births(&self, tree: &Tree, what: &str) {
        assert!(tree.births <= 1, "{what}: {} files in pid/", tree.births);
        for entry in fs::read_dir(self.home.queue("pid")).expect("pid").flatten() {
            fs::remove_file(entry.path()).expect("a file in pid/");
        }
    }

    /// Lets qmail-send deliver what waits, and counts: each message exactly once to each of its
    /// recipients, whole.
    #[track_caller]
    pub(crate) fn drain(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        assert!(
            !kept.is_empty(),
            "nothing was ever committed: the test tests nothing"
        );
        let mut daemons = self.home.start_daemons();
        let empty = || {
            tree::look(self.home.path())
                .messages
                .is_empty()
                .then_some(())
        };
        let drained = wait::within(wait::PATIENCE, empty);
        assert!(
            drained.is_some(),
            "the queue does not drain:\n{}",
            daemons.log()
        );
        daemons.term();
        let delivered = self.home.maildir("u");
        let expected = kept.len() * self.shape.recipients.len();
        assert_eq!(
            delivered.len(),
            expected,
            "deliveries of {} messages",
            kept.len()
        );
        for pid in kept.into_values() {
            for recipient in &self.shape.recipients {
                let copies = delivered
                    .iter()
                    .filter(|copy| self.is_copy(copy, pid, recipient));
                assert_eq!(
                    copies.count(),
                    1,
                    "copies of the message of {pid} to {recipient}"
                );
            }
        }
    }

    fn is_copy(&self, copy: &[u8], pid: u32, recipient: &str) -> bool {
        let Some(body) = copy.len().checked_sub(self.shape.body.len()) else {
            return false;
        };
        let (head, body) = copy.split_at(body);
        let head = String::from_utf8_lossy(head);
        body == self.shape.body
            && head.contains(&format!("Received: (qmail {pid} invoked "))
            && head.contains(&format!("Delivered-To: {recipient}\n"))
    }
}

/// Of the messages that were acknowledged as usual, every so many waits for the drain.
const SAMPLE: usize = 5;
/// How many deliveries a drain is given: some seconds' worth.
const DELIVERIES_MAX: usize = 300;
