//! A domain as vpopmail keeps it, in a throwaway home, with a recorder in the place of qmail-queue.
//! The database of accounts is written here, in the way vpopmail writes it, so that our own writer
//! cannot hide a mistake of our reader.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::rc::Rc;

use harness::home::Home;
use harness::run::Run;

pub const MESSAGE: &str = "Subject: test\n\nbody\n";

/// The domain dom.example with a user joe.
pub struct Domain {
    pub home: Rc<Home>,
}

impl Domain {
    pub fn new() -> Self {
        Self::at(&Rc::new(Home::new()))
    }

    /// In a home that is there already.
    pub fn at(home: &Rc<Home>) -> Self {
        let home = Rc::clone(home);
        for part in [
            "",
            "/domains",
            "/domains/dom.example",
            "/domains/dom.example/joe",
        ] {
            home.mkdir(&format!("mail{part}"));
        }
        home.mkdir("queued");
        home.write("recorder", RECORDER.as_bytes());
        home.give(&home.path().join("recorder"), 0o755);
        let domain = Self { home };
        domain.maildir("joe");
        domain.account("joe", "0", "NOQUOTA");
        domain
    }

    /// Leads mail for the domain here, as vpopmail does, to this .qmail-default.
    pub fn receive(&self, default: &str) {
        let home = &self.home;
        home.control("locals", "test.example\n");
        home.control("virtualdomains", "dom.example:dom.example\n");
        self.assign("dom.example");
        self.file(".qmail-default", default);
    }

    /// The line of users/assign for a name of the domain.
    pub fn assign(&self, name: &str) {
        let (uid, gid, directory) = (self.home.uid(), self.home.gid(), self.path(""));
        let directory = directory.display().to_string();
        let directory = directory.trim_end_matches('/');
        let line = format!("+{name}-:dom.example:{uid}:{gid}:{directory}:-::\n");
        self.home.assign(&line);
    }

    /// A path in the domain's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("mail/domains/dom.example").join(name)
    }

    /// Writes a file in the domain's directory.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let name = format!("mail/domains/dom.example/{name}");
        self.home.write(&name, content.as_ref());
        self
    }

    pub fn mkdir(&self, name: &str) -> &Self {
        self.home.mkdir(&format!("mail/domains/dom.example/{name}"));
        self
    }

    /// An empty Maildir in a user's directory.
    pub fn maildir(&self, user: &str) -> &Self {
        for part in [
            "",
            "/Maildir",
            "/Maildir/tmp",
            "/Maildir/new",
            "/Maildir/cur",
        ] {
            self.mkdir(&format!("{user}{part}"));
        }
        self
    }

    /// Makes this the only account, in the text and in the database.
    pub fn account(&self, user: &str, flags: &str, quota: &str) -> &Self {
        let directory = self.path(user).display().to_string();
        self.accounts(&[(
            user,
            &format!("x:1:{flags}:{user}:{directory}:{quota}:clear"),
        )])
    }

    /// Makes these the accounts: names and the rest of their lines.
    pub fn accounts(&self, all: &[(&str, &str)]) -> &Self {
        let text: String = all
            .iter()
            .map(|(user, rest)| format!("{user}:{rest}\n"))
            .collect();
        self.file("vpasswd", text)
            .file("vpasswd.cdb", database(all))
    }

    /// vdelivermail for user@dom.example, as qmail-local runs it.
    pub fn delivery(&self, user: &str, fallback: &str) -> Run<'_> {
        self.bare(["", fallback])
            .env("EXT", user)
            .env("HOST", "dom.example")
            .env("SENDER", "s@x.example")
            .env("NEWSENDER", "s@x.example")
            .env("RPLINE", "Return-Path: <s@x.example>\n")
            .env(
                "DTLINE",
                format!("Delivered-To: dom.example-{user}@dom.example\n"),
            )
    }

    /// vdelivermail with any words and nothing of a delivery in its environment.
    pub fn bare<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Run<'_> {
        self.home
            .program("vdelivermail")
            .args(words)
            .env("QMAILQUEUE", self.home.path().join("recorder"))
            .env("QUEUED", self.home.path().join("queued"))
            .cwd(self.path(""))
            .stdin(MESSAGE)
    }

    /// The messages in a user's Maildir.
    pub fn mail(&self, user: &str) -> Vec<String> {
        let messages = harness::mailbox::maildir(&self.path(user).join("Maildir"));
        let text = |message| String::from_utf8(message).expect("text");
        messages.into_iter().map(text).collect()
    }

    /// What was handed to qmail-queue: message and envelope of each run.
    pub fn queued(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for number in 1.. {
            let read =
                |kind| fs::read_to_string(self.home.path().join(format!("queued/{kind}.{number}")));
            let (Ok(message), Ok(envelope)) = (read("mess"), read("env")) else {
                break;
            };
            found.push((message, envelope));
        }
        found
    }

    /// The names in a directory of the domain's.
    pub fn names(&self, directory: &str) -> Vec<OsString> {
        let entries = fs::read_dir(self.path(directory)).expect("directory");
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names
    }

    /// The only name in a directory, as text.
    pub fn only_name(&self, directory: &str) -> String {
        let [name] = <[OsString; 1]>::try_from(self.names(directory)).expect("one file");
        String::from_utf8(name.into_vec()).expect("text")
    }
}

/// What joe's Maildir has of [`MESSAGE`].
pub fn delivered(user: &str) -> String {
    format!("Return-Path: <s@x.example>\nDelivered-To: {user}@dom.example\n{MESSAGE}")
}

/// A constant database: 256 pointers, the records, the 256 tables they point to.
fn database(all: &[(&str, &str)]) -> Vec<u8> {
    let mut tables: Vec<Vec<(u32, u32)>> = vec![Vec::new(); 256];
    let number = |value: usize| u32::try_from(value).expect("a small database");
    let mut records: Vec<u8> = Vec::new();
    for (user, rest) in all {
        let hash = user.bytes().fold(5381_u32, |hash, byte| {
            hash.wrapping_shl(5).wrapping_add(hash) ^ u32::from(byte)
        });
        tables[(hash & 255) as usize].push((hash, number(2048 + records.len())));
        records.extend(number(user.len()).to_le_bytes());
        records.extend(number(rest.len()).to_le_bytes());
        records.extend(user.bytes().chain(rest.bytes()));
    }
    let mut pointers = Vec::new();
    let mut slots = Vec::new();
    for table in &tables {
        let length = table.len() * 2;
        pointers.extend(number(2048 + records.len() + slots.len()).to_le_bytes());
        pointers.extend(number(length).to_le_bytes());
        let mut filled = vec![(0, 0); length];
        for (hash, at) in table {
            let mut slot = (hash >> 8) as usize % length;
            while filled[slot].1 != 0 {
                slot = (slot + 1) % length;
            }
            filled[slot] = (*hash, *at);
        }
        slots.extend(
            filled
                .iter()
                .flat_map(|(hash, at)| [hash.to_le_bytes(), at.to_le_bytes()])
                .flatten(),
        );
    }
    [pointers, records, slots].concat()
}

// Takes the message from descriptor 0 and the envelope from descriptor 1, as qmail-queue does.
const RECORDER: &str = r#"#!/bin/sh
[ -n "$QUEUE_SAYS" ] && printf %s "$QUEUE_SAYS" >&6
n=1
while ! mkdir "$QUEUED/$n" 2>/dev/null; do n=$((n+1)); done
cat >"$QUEUED/mess.$n"
cat <&1 >"$QUEUED/env.$n"
exit ${QUEUE_EXITS:-0}
"#;
