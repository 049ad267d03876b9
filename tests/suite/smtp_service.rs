//! qmail-smtpd behind qmail-tcpserver on a port of its own: certificates as the guide makes them, clients that speak
//! TLS.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::client::Client;
use harness::home::Home;
use harness::run::{Output, Running};
use harness::wait;
use nix::sys::signal::Signal;
use tls::{ClientFiles, Demand, HandshakeError, Stream};

use crate::smtp_dialogue::Dialogue;

/// A running service.
pub(crate) struct Service {
    running: Running,
    port: u16,
}

impl Service {
    /// Starts one with this in its environment.
    pub(crate) fn start(dialogue: &Dialogue, env: &[(&str, &str)]) -> Self {
        Self::with_arguments(dialogue, env, &[])
    }

    /// The same, with arguments for qmail-smtpd.
    pub(crate) fn with_arguments(
        dialogue: &Dialogue,
        env: &[(&str, &str)],
        arguments: &[&str],
    ) -> Self {
        let home = &dialogue.home;
        let mut server = home
            .program("qmail-tcpserver")
            .args(["-1RH", "-l", "mx.test.example", "127.0.0.1", "0"])
            .args([home.bin("qmail-smtpd")])
            .args(arguments)
            .env("QMAILQUEUE", home.path().join("bin/queue-double"))
            .env("RECORD", home.path().join("record"));
        for (name, value) in env {
            server = server.env(name, value);
        }
        let running = server.start();
        let port = wait::until("the port", || {
            let text = String::from_utf8(running.stdout()).expect("digits");
            text.strip_suffix('\n')
                .map(|digits| digits.parse().expect("a port"))
        });
        Self { running, port }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn name(&self) -> String {
        self.address().to_string()
    }

    /// The listener's process.
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// A client in clear.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// openssl's client; with `-quiet` its descriptors 0 and 1 are the secured session.
    pub(crate) fn openssl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-connect", &self.name()])
            .args(arguments)
            .stderr(std::process::Stdio::null());
        command
    }

    /// Waits until the log holds this text.
    pub(crate) fn wait_for_log(&self, text: &str) {
        wait::until(text, || self.running.stderr_has(text).then_some(()));
    }

    /// Stops the listener, waits for the sessions; gives the log.
    pub(crate) fn stop(self) -> Output {
        self.running.signal(Signal::SIGTERM);
        self.running.finish()
    }
}

/// A session after its handshake, led by hand.
pub(crate) struct Secure(pub(crate) Stream<TcpStream>);

impl Secure {
    /// A connection that has been in clear so far.
    pub(crate) fn establish(stream: TcpStream) -> Result<Self, HandshakeError> {
        let files = ClientFiles {
            authorities: None,
            certificate: PathBuf::from("/nonexistent"),
            key: PathBuf::from("/nonexistent"),
        };
        let client = tls::Client::read(&files, Demand::Secrecy).expect("nothing to read");
        let (stream, _) = client.connect(stream, b"mx.test.example")?;
        Ok(Self(stream))
    }

    /// Sends a line and returns its reply, all lines; what is left when the server has closed.
    pub(crate) fn say(&mut self, line: &str) -> String {
        self.0
            .write_all(format!("{line}\r\n").as_bytes())
            .expect("the server reads");
        self.reply()
    }

    /// The next reply.
    pub(crate) fn reply(&mut self) -> String {
        let mut reply = String::new();
        let mut byte = [0];
        while self.0.read_exact(&mut byte).is_ok() {
            reply.push(char::from(byte[0]));
            let last = reply.lines().last().unwrap_or_default();
            if reply.ends_with('\n') && last.get(3..4) != Some("-") {
                break;
            }
        }
        reply
    }
}

/// Whether a program that a test needs as a neighbour is there; says so if not.
pub(crate) fn has(program: &str) -> bool {
    let is_there = Command::new("sh")
        .args(["-c", "command -v \"$0\" >/dev/null", program])
        .status()
        .is_ok_and(|status| status.success());
    if !is_there {
        eprintln!("skipped: no {program}");
    }
    is_there
}

/// The guide's three commands, with our names: key, certificate without alternative names, rights.
pub(crate) fn make_certificate(home: &Home, name: &str) {
    let key = control(home, "serverkey.pem");
    openssl(&["genrsa", "-out", &key, "2048"]);
    let certificate = control(home, "servercert.pem");
    let subject = format!("/CN={name}");
    openssl(&[
        "req",
        "-new",
        "-x509",
        "-key",
        &key,
        "-out",
        &certificate,
        "-days",
        "3650",
        "-subj",
        &subject,
    ]);
    home.give(Path::new(&key), 0o600);
    home.give(Path::new(&certificate), 0o644);
}

/// One file with a key on an elliptic curve, which is faster to sign with.
pub(crate) fn make_small_certificate(home: &Home, file: &str, name: &str) {
    let file = control(home, file);
    let subject = format!("/CN={name}");
    openssl(&[
        "req",
        "-new",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-keyout",
        &file,
        "-out",
        &format!("{file}.crt"),
        "-days",
        "3650",
        "-subj",
        &subject,
    ]);
    let both = [std::fs::read(&file), std::fs::read(format!("{file}.crt"))];
    let both: Vec<u8> = both
        .into_iter()
        .flat_map(|part| part.expect("PEM"))
        .collect();
    std::fs::write(&file, both).expect("both in one file");
    std::fs::remove_file(format!("{file}.crt")).expect("the rest");
    home.give(Path::new(&file), 0o600);
}

fn control(home: &Home, name: &str) -> String {
    home.path().join("control").join(name).display().to_string()
}

fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .output()
        .expect("openssl");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
