//! One run of the real qmail-local for user alice of a throwaway home, with a recorder in the place
//! of qmail-queue.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use harness::home::Home;
use harness::run::{Output, Run};

/// A user with an empty home directory.
pub struct Alice {
    pub home: Home,
}

impl Alice {
    pub fn new() -> Self {
        let home = Home::new();
        home.mkdir("mail/alice");
        home.mkdir("queued");
        home.write("recorder", RECORDER.as_bytes());
        home.give(&home.path().join("recorder"), 0o755);
        Self { home }
    }

    /// A path in alice's home directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.user_home("alice").join(name)
    }

    /// Writes a file in alice's home directory.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        self.home
            .write(&format!("mail/alice/{name}"), content.as_ref());
        self
    }

    /// Sets the mode of a file in alice's home directory; "" is the directory.
    pub fn mode(&self, name: &str, mode: u32) -> &Self {
        self.home.give(&self.path(name), mode);
        self
    }

    pub fn maildir(&self, name: &str) -> &Self {
        for part in ["", "/tmp", "/new", "/cur"] {
            self.home.mkdir(&format!("mail/alice/{name}{part}"));
        }
        self
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        self.home.read(&format!("mail/alice/{name}"))
    }

    /// The names in a directory of alice's, sorted.
    pub fn names(&self, directory: &str) -> Vec<OsString> {
        let entries = fs::read_dir(self.path(directory)).expect("directory");
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        names
    }

    /// A message for alice@test.example from s@x.example.
    pub fn delivery(&self) -> Delivery<'_> {
        Delivery {
            alice: self,
            options: Vec::new(),
            directory: self.path("").into_os_string().into_vec(),
            local: b"alice".to_vec(),
            dash: Vec::new(),
            ext: Vec::new(),
            domain: b"test.example".to_vec(),
            sender: b"s@x.example".to_vec(),
            default: b"./Mailbox".to_vec(),
            message: b"Subject: test\n\nbody\n".to_vec(),
        }
    }

    /// qmail-local with any words, forwarding to the recorder.
    pub fn qmail_local(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run<'_> {
        self.home
            .program("qmail-local")
            .args(words)
            .env("QMAILQUEUE", self.home.path().join("recorder"))
            .env("QUEUED", self.home.path().join("queued"))
    }

    /// What was handed to qmail-queue: message and envelope of each run.
    pub fn queued(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found = Vec::new();
        for number in 1.. {
            let file = |kind| self.home.path().join(format!("queued/{kind}.{number}"));
            let (Ok(message), Ok(envelope)) = (fs::read(file("mess")), fs::read(file("env")))
            else {
                break;
            };
            found.push((message, envelope));
        }
        found
    }
}

/// The words of a qmail-local command line, to be changed before it runs.
pub struct Delivery<'a> {
    alice: &'a Alice,
    options: Vec<&'static str>,
    directory: Vec<u8>,
    local: Vec<u8>,
    dash: Vec<u8>,
    ext: Vec<u8>,
    domain: Vec<u8>,
    sender: Vec<u8>,
    default: Vec<u8>,
    message: Vec<u8>,
}

impl<'a> Delivery<'a> {
    pub fn describe(mut self) -> Self {
        self.options.push("-n");
        self
    }

    /// For alice-EXT.
    pub fn ext(mut self, ext: &str) -> Self {
        self.local = format!("alice-{ext}").into_bytes();
        self.dash = b"-".to_vec();
        self.ext = ext.as_bytes().to_vec();
        self
    }

    pub fn local(mut self, local: impl AsRef<[u8]>) -> Self {
        self.local = local.as_ref().to_vec();
        self
    }

    pub fn dash_and_ext(mut self, dash: impl AsRef<[u8]>, ext: impl AsRef<[u8]>) -> Self {
        self.dash = dash.as_ref().to_vec();
        self.ext = ext.as_ref().to_vec();
        self
    }

    pub fn domain(mut self, domain: impl AsRef<[u8]>) -> Self {
        self.domain = domain.as_ref().to_vec();
        self
    }

    pub fn directory(mut self, directory: &str) -> Self {
        self.directory = directory.as_bytes().to_vec();
        self
    }

    pub fn sender(mut self, sender: impl AsRef<[u8]>) -> Self {
        self.sender = sender.as_ref().to_vec();
        self
    }

    pub fn default(mut self, default: impl AsRef<[u8]>) -> Self {
        self.default = default.as_ref().to_vec();
        self
    }

    pub fn message(mut self, message: impl AsRef<[u8]>) -> Self {
        self.message = message.as_ref().to_vec();
        self
    }

    #[track_caller]
    pub fn run(self) -> Output {
        self.prepare().output()
    }

    /// The run, for those who start it themselves.
    pub fn prepare(self) -> Run<'a> {
        let Self {
            local,
            dash,
            ext,
            domain,
            sender,
            default,
            directory,
            ..
        } = self;
        let words = [
            b"alice".to_vec(),
            directory,
            local,
            dash,
            ext,
            domain,
            sender,
            default,
        ];
        let words = words.map(OsString::from_vec).into_iter();
        let options = self.options.into_iter().map(OsString::from);
        self.alice
            .qmail_local(options.chain(words))
            .stdin(self.message)
    }
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
