//! Both ends in one process, over a pair of sockets. The keys in test-data are nobody's.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::*;
use crate::error::IdentityError;
use crate::server::{Server, ServerFiles, Trouble};

/// A directory with whatever files a test puts there, secret to their owner.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tls-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        for name in ["names", "tickets"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        fs::set_permissions(path.join("tickets"), Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }

    /// Puts these files of test-data together.
    fn put(&self, name: &str, parts: &[&str]) -> &Self {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("test-data");
        let read = |part: &&str| fs::read_to_string(data.join(part)).unwrap();
        let path = self.0.join(name);
        #[expect(
            clippy::disallowed_methods,
            reason = "a test makes its files in one go"
        )]
        fs::write(&path, parts.iter().map(read).collect::<String>()).unwrap();
        self.mode(name, 0o600)
    }

    fn mode(&self, name: &str, mode: u32) -> &Self {
        fs::set_permissions(self.0.join(name), Permissions::from_mode(mode)).unwrap();
        self
    }

    fn server_files(&self, service: &str) -> ServerFiles {
        ServerFiles {
            certificate: self.0.join("cert.pem"),
            key: self.0.join("key.pem"),
            by_name: self.0.join("names"),
            tickets: self.0.join("tickets"),
            service: service.as_bytes().to_vec(),
            protocols: vec![b"smtp".to_vec()],
        }
    }

    fn server(&self) -> Result<Option<Server>, IdentityError> {
        Server::read(self.server_files("smtp"))
    }

    fn client(&self, authorities: Option<&str>, demand: Demand) -> Result<Client, TrustError> {
        let files = ClientFiles {
            authorities: authorities.map(|name| self.0.join(name)),
            certificate: self.0.join("client.pem"),
            key: self.0.join("client.pem"),
        };
        Client::read(&files, demand)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What each end has to say about a handshake; the client sends `ping`, the server answers `pong`.
struct Met {
    client: Result<Trust, HandshakeError>,
    server: Result<Trouble, HandshakeError>,
    cipher: Option<String>,
}

fn meet(server: Server, client: &Client, name: &str) -> Met {
    let (ours, theirs) = os::fd::socketpair().unwrap();
    let serving = thread::spawn(move || serve(&server, theirs));
    let mut cipher = None;
    let client = client
        .connect(ours, name.as_bytes())
        .map(|(mut stream, trust)| {
            stream.write_all(b"ping").unwrap();
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"pong");
            let summary = stream.summary();
            cipher = Some(format!("{} {}", summary.version, summary.cipher));
            stream.close().unwrap();
            trust
        });
    Met {
        client,
        server: serving.join().unwrap(),
        cipher,
    }
}

fn serve(server: &Server, socket: File) -> Result<Trouble, HandshakeError> {
    let (mut stream, trouble) = server.accept(socket)?;
    let mut question = [0; 4];
    stream.read_exact(&mut question).unwrap();
    assert_eq!(&question, b"ping");
    stream.write_all(b"pong").unwrap();
    // The client's goodbye is an end, not an error.
    assert_eq!(stream.read(&mut question).unwrap(), 0);
    Ok(trouble)
}

#[track_caller]
fn check_trust(directory: &Directory, client: &Client, name: &str, trust: &str) {
    let met = meet(directory.server().unwrap().unwrap(), client, name);
    let shown = match met.client.unwrap() {
        Trust::Verified => "verified".to_owned(),
        Trust::Anybody(reason) => reason,
    };
    assert!(shown.contains(trust), "{shown}");
}

#[test]
fn every_kind_of_key_serves_in_one_file_or_two() {
    for (certificate, key) in [
        (&["guide.crt", "guide.key"][..], None),
        (&["guide.key", "guide.crt"], None),
        (&["guide.crt"], Some("guide.key")),
        (&["guide.crt"], Some("guide-pkcs1.key")),
        (&["ec.key", "ec.crt"], None),
        (&["mx.crt", "ca.crt"], Some("mx.key")),
    ] {
        let directory = Directory::new();
        directory.put("cert.pem", certificate);
        if let Some(key) = key {
            directory.put("key.pem", &[key]);
        }
        let client = directory.client(None, Demand::Secrecy).unwrap();
        let met = meet(directory.server().unwrap().unwrap(), &client, "any.example");
        assert_eq!(
            met.cipher.as_deref(),
            Some("TLSv1.3 TLS_AES_256_GCM_SHA384"),
            "{certificate:?} {key:?}"
        );
        assert!(met.server.unwrap().tickets.is_none());
    }
}

#[test]
fn without_a_certificate_there_is_no_server() {
    assert!(Directory::new().server().unwrap().is_none());
}

#[track_caller]
fn check_refused(directory: &Directory, words: &str) {
    let error = directory.server().unwrap_err();
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn what_cannot_be_used_is_refused_with_a_reason() {
    let directory = Directory::new();
    directory.put("cert.pem", &["guide.crt"]);
    check_refused(&directory, "cert.pem holds no private key");
    directory.put("key.pem", &["guide-encrypted.key"]);
    check_refused(
        &directory,
        "key.pem holds no private key without a passphrase",
    );
    directory.put("key.pem", &["ec.key"]);
    check_refused(&directory, "key.pem does not belong to the certificate in");
    directory.put("key.pem", &["weak.key"]);
    check_refused(&directory, "key.pem is of no use");
    directory.put("cert.pem", &["guide.key"]);
    check_refused(&directory, "cert.pem holds no certificate");
    fs::remove_file(directory.0.join("cert.pem")).unwrap();
    fs::create_dir(directory.0.join("cert.pem")).unwrap();
    check_refused(&directory, "unable to read");
}

#[test]
fn a_key_that_others_can_read_is_refused_and_how_to_mend_it_said() {
    let directory = Directory::new();
    directory.put("cert.pem", &["guide.crt", "guide.key"]);
    for (mode, words) in [
        (0o604, "can be read by every user: chmod o= "),
        (0o644, "can be read by every user: chmod o= "),
        (0o602, "can be read by every user: chmod o= "),
    ] {
        check_refused(directory.mode("cert.pem", mode), words);
    }
    // Our own group may read it: the service runs in it.
    assert!(
        directory
            .mode("cert.pem", 0o640)
            .server()
            .unwrap()
            .is_some()
    );
    // The key in the file of the certificate counts even if another one is used.
    directory
        .put("key.pem", &["guide.key"])
        .mode("cert.pem", 0o644);
    check_refused(&directory, "cert.pem can be read by every user");
    directory
        .put("cert.pem", &["guide.crt"])
        .mode("cert.pem", 0o644);
    assert!(directory.server().unwrap().is_some());
}

#[test]
fn a_client_gets_the_certificate_it_asks_for() {
    let directory = Directory::new();
    directory.put("cert.pem", &["guide.crt", "guide.key"]);
    directory.put("names/mx.example.pem", &["mx.crt", "mx.key"]);
    directory.put("ca.pem", &["ca.crt"]);
    let client = directory
        .client(Some("ca.pem"), Demand::Verification)
        .unwrap();
    check_trust(&directory, &client, "mx.example", "verified");
    check_trust(&directory, &client, "MX.example.", "verified");
    let met = meet(
        directory.server().unwrap().unwrap(),
        &client,
        "other.example",
    );
    assert!(matches!(met.client, Err(HandshakeError::Untrusted(_))));
}

#[test]
fn a_certificate_for_a_name_that_cannot_be_used_is_told_and_not_missed() {
    let directory = Directory::new();
    directory.put("cert.pem", &["guide.crt", "guide.key"]);
    directory.put("names/mx.example.pem", &["mx.crt", "guide.key"]);
    let client = directory.client(None, Demand::Secrecy).unwrap();
    let met = meet(directory.server().unwrap().unwrap(), &client, "mx.example");
    assert!(met.client.is_ok());
    let trouble = met.server.unwrap().by_name.unwrap().to_string();
    assert!(trouble.contains("does not belong"), "{trouble}");
}

#[test]
fn secrecy_takes_any_certificate_and_says_what_it_is_worth() {
    let directory = Directory::new();
    directory.put("cert.pem", &["mx.crt", "mx.key"]);
    directory.put("ca.pem", &["ca.crt"]);
    directory.put("guide.pem", &["guide.crt"]);
    let client = directory.client(Some("ca.pem"), Demand::Secrecy).unwrap();
    check_trust(&directory, &client, "mx.example", "verified");
    check_trust(&directory, &client, "a.mx.example", "verified");
    check_trust(&directory, &client, "evil.example", "certificate");
    check_trust(&directory, &client, "192.0.2.1", "certificate");
    check_trust(&directory, &client, "not a name", "certificate");
    let client = directory
        .client(Some("guide.pem"), Demand::Secrecy)
        .unwrap();
    check_trust(&directory, &client, "mx.example", "UnknownIssuer");
    let client = directory.client(None, Demand::Secrecy).unwrap();
    check_trust(&directory, &client, "mx.example", "no file of authorities");
}

#[test]
fn a_certificate_of_its_own_making_can_be_pinned() {
    let directory = Directory::new();
    directory.put("cert.pem", &["guide.crt", "guide.key"]);
    directory.put("pinned.pem", &["ec.crt", "guide.crt"]);
    let client = directory
        .client(Some("pinned.pem"), Demand::Verification)
        .unwrap();
    check_trust(&directory, &client, "whatever.example", "verified");
    directory.put("pinned.pem", &["ec.crt"]);
    let client = directory
        .client(Some("pinned.pem"), Demand::Verification)
        .unwrap();
    let met = meet(
        directory.server().unwrap().unwrap(),
        &client,
        "whatever.example",
    );
    assert!(matches!(met.client, Err(HandshakeError::Untrusted(_))));
    assert!(met.server.is_err());
}

#[test]
fn verification_needs_somebody_to_trust() {
    let directory = Directory::new();
    assert!(matches!(
        directory.client(None, Demand::Verification),
        Err(TrustError::NothingToTrust)
    ));
    directory.put("ca.pem", &["mx.key"]);
    assert!(matches!(
        directory.client(Some("ca.pem"), Demand::Secrecy),
        Err(TrustError::NoAuthority { .. })
    ));
    assert!(matches!(
        directory.client(Some("missing.pem"), Demand::Secrecy),
        Err(TrustError::Read { .. })
    ));
}

#[test]
fn a_client_with_a_certificate_connects_as_before() {
    let directory = Directory::new();
    directory.put("cert.pem", &["guide.crt", "guide.key"]);
    directory.put("client.pem", &["ec.crt", "ec.key"]);
    let client = directory.client(None, Demand::Secrecy).unwrap();
    check_trust(&directory, &client, "mx.example", "no file");
    directory.mode("client.pem", 0o644);
    assert!(directory.client(None, Demand::Secrecy).is_err());
}

#[test]
fn a_peer_that_speaks_something_else_is_refused_at_once() {
    let directory = Directory::new();
    directory.put("cert.pem", &["guide.crt", "guide.key"]);
    let server = directory.server().unwrap().unwrap();
    let (mut ours, theirs) = os::fd::socketpair().unwrap();
    ours.write_all(b"EHLO me\r\nMAIL FROM:<s@h>\r\n").unwrap();
    assert!(matches!(
        server.accept(theirs),
        Err(HandshakeError::Peer(_))
    ));
    let client = directory.client(None, Demand::Secrecy).unwrap();
    let (ours, mut theirs) = os::fd::socketpair().unwrap();
    theirs.write_all(b"220 not a handshake\r\n").unwrap();
    assert!(matches!(
        client.connect(ours, b"mx.example"),
        Err(HandshakeError::Peer(_))
    ));
}

#[test]
fn a_peer_that_goes_away_is_lost() {
    let directory = Directory::new();
    directory.put("cert.pem", &["guide.crt", "guide.key"]);
    let server = directory.server().unwrap().unwrap();
    let (ours, theirs) = os::fd::socketpair().unwrap();
    drop(ours);
    assert!(matches!(
        server.accept(theirs),
        Err(HandshakeError::Transport(_))
    ));
}

#[test]
fn an_end_without_goodbye_is_not_an_end() {
    let directory = Directory::new();
    directory.put("cert.pem", &["guide.crt", "guide.key"]);
    let server = directory.server().unwrap().unwrap();
    let (ours, theirs) = os::fd::socketpair().unwrap();
    let client = directory.client(None, Demand::Secrecy).unwrap();
    let connecting = thread::spawn(move || {
        let (mut stream, _) = client.connect(ours, b"mx.example").unwrap();
        stream.read_exact(&mut [0]).unwrap();
    });
    let (mut stream, _) = server.accept(theirs).unwrap();
    stream.write_all(b"x").unwrap();
    connecting.join().unwrap();
    let error = stream.read(&mut [0; 10]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[test]
fn large_pieces_cross_both_ways() {
    let directory = Directory::new();
    directory.put("cert.pem", &["guide.crt", "guide.key"]);
    let server = directory.server().unwrap().unwrap();
    let (ours, theirs) = os::fd::socketpair().unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _) = server.accept(theirs).unwrap();
        let mut all = vec![0; 1 << 20];
        stream.read_exact(&mut all).unwrap();
        stream.write_all(&all).unwrap();
        stream.close().unwrap();
    });
    let client = directory.client(None, Demand::Secrecy).unwrap();
    let (mut stream, _) = client.connect(ours, b"mx.example").unwrap();
    let sent: Vec<u8> = (0..1_u32 << 20).map(|n| n.to_le_bytes()[1]).collect();
    stream.write_all(&sent).unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    assert!(back == sent);
    serving.join().unwrap();
}
