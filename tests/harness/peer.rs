//! A scripted SMTP server: it answers as told and keeps what it was sent.
//!
//! ```no_run
//! use harness::peer::{Act, Script, Server, Step};
//! let script = Script::new().on(Step::Recipient, ["250 ok", "550 no such user"]).on(Step::Message, Act::Close);
//! let server = Server::start(script);
//! // ... run a client against server.address() ...
//! let sessions = server.wait_for_sessions(1);
//! assert_eq!(sessions[0].commands().last().unwrap(), "DATA");
//! ```

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use nix::sys::socket::{setsockopt, sockopt};

use crate::wait;

/// The moments at which a server answers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Step {
    /// The client has connected.
    Greeting,
    /// HELO or EHLO.
    Hello,
    /// MAIL.
    Mail,
    /// RCPT.
    Recipient,
    /// DATA; a message follows if the answer begins with 2 or 3.
    Data,
    /// The final dot of a message.
    Message,
    /// RSET.
    Reset,
    /// QUIT; the server closes after its answer.
    Quit,
    /// Any other command.
    Other,
}

/// What a server does at one step.
#[derive(Clone, Debug)]
pub enum Act {
    /// Sends these bytes as they are.
    Raw(Vec<u8>),
    /// Sends these bytes again and again until the client goes away.
    Flood(Vec<u8>),
    /// Closes the connection.
    Close,
    /// Resets the connection.
    Abort,
    /// Says nothing more, and waits for the client to go away.
    Silence,
    /// Waits until the test calls [`Server::release`], then goes on.
    Hold,
    /// Several acts, one after the other.
    All(Vec<Self>),
}

impl Act {
    /// The same, and then the connection is closed.
    #[must_use]
    pub fn then_close(self) -> Self {
        Self::All(vec![self, Self::Close])
    }
}

impl From<&str> for Act {
    /// A reply line, or several with CR LF between them; the last CR LF is added.
    fn from(reply: &str) -> Self {
        Self::Raw(format!("{reply}\r\n").into_bytes())
    }
}

/// One act, or a list of them for a step that comes again: the last is repeated.
pub trait IntoActs {
    /// The acts in order, at least one.
    fn into_acts(self) -> Vec<Act>;
}

impl<T: Into<Act>> IntoActs for T {
    fn into_acts(self) -> Vec<Act> {
        vec![self.into()]
    }
}

impl<T: Into<Act>, const N: usize> IntoActs for [T; N] {
    fn into_acts(self) -> Vec<Act> {
        self.into_iter().map(Into::into).collect()
    }
}

/// How a server behaves in one session. Everything is accepted unless told otherwise.
#[derive(Clone, Debug)]
pub struct Script {
    acts: BTreeMap<Step, Vec<Act>>,
}

impl Script {
    /// A server that accepts everything.
    #[expect(
        clippy::new_without_default,
        reason = "a script is written, not defaulted"
    )]
    pub fn new() -> Self {
        let standard = [
            (Step::Greeting, "220 peer.example ESMTP"),
            (Step::Hello, "250 peer.example"),
            (Step::Mail, "250 ok"),
            (Step::Recipient, "250 ok"),
            (Step::Data, "354 go ahead"),
            (Step::Message, "250 ok queued as X"),
            (Step::Reset, "250 ok"),
            (Step::Quit, "221 peer.example"),
            (Step::Other, "502 unimplemented"),
        ];
        Self {
            acts: standard
                .into_iter()
                .map(|(step, reply)| (step, reply.into_acts()))
                .collect(),
        }
    }

    /// What to do at a step: a reply, an [`Act`], or an array of either.
    #[must_use]
    pub fn on(mut self, step: Step, acts: impl IntoActs) -> Self {
        self.acts.insert(step, acts.into_acts());
        self
    }
}

/// What one client did.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Every byte it sent.
    pub received: Vec<u8>,
    /// The messages it sent, dots removed, with CR LF as on the wire.
    pub messages: Vec<Vec<u8>>,
    commands: Vec<Vec<u8>>,
    over: bool,
}

impl Session {
    /// The command lines, without their line ends.
    pub fn commands(&self) -> Vec<String> {
        let show = |line: &Vec<u8>| String::from_utf8_lossy(line).into_owned();
        self.commands.iter().map(show).collect()
    }
}

/// A scripted SMTP server on a loopback address and a port of its own. It stops when dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    scripts: Vec<Script>,
    sessions: Mutex<Vec<Session>>,
    held: Mutex<bool>,
    released: Condvar,
    stop: AtomicBool,
}

impl Server {
    /// Starts a server that treats every session alike.
    pub fn start(script: Script) -> Self {
        Self::start_each([script])
    }

    /// Starts a server with a script for each session in turn; the last is repeated.
    pub fn start_each(scripts: impl IntoIterator<Item = Script>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        Self::serve(listener, scripts.into_iter().collect())
    }

    /// Starts a server on the SMTP port of a loopback address nobody else uses, for clients that find it
    /// by MX. None, with a line that says so, where this user may not have that port.
    pub fn start_on_smtp_port(script: Script) -> Option<Self> {
        Self::start_on(SocketAddr::from((lonely_address(), 25)), script)
    }

    /// Starts a server on IPv6. None, with a line that says so, where there is none.
    pub fn start_on_v6(script: Script) -> Option<Self> {
        Self::start_on(SocketAddr::from((Ipv6Addr::LOCALHOST, 0)), script)
    }

    fn start_on(address: SocketAddr, script: Script) -> Option<Self> {
        match TcpListener::bind(address) {
            Ok(listener) => Some(Self::serve(listener, vec![script])),
            Err(error) => {
                eprintln!("skipped: no listener on {address}: {error}");
                None
            }
        }
    }

    fn serve(listener: TcpListener, scripts: Vec<Script>) -> Self {
        assert!(!scripts.is_empty(), "a server needs a script");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            scripts,
            sessions: Mutex::default(),
            held: Mutex::new(true),
            released: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let acceptor = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &acceptor));
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As a relay in control/smtproutes: `127.0.0.1:PORT`.
    pub fn relay(&self) -> String {
        self.address.to_string()
    }

    /// The sessions so far, finished or not, in the order of their beginning.
    pub fn sessions(&self) -> Vec<Session> {
        self.shared
            .sessions
            .lock()
            .expect("no session panics")
            .clone()
    }

    /// Waits until this many sessions have ended, and returns all.
    #[track_caller]
    pub fn wait_for_sessions(&self, count: usize) -> Vec<Session> {
        wait::until(&format!("{count} SMTP sessions"), || {
            let sessions = self.sessions();
            let over = sessions.iter().filter(|session| session.over).count();
            (over >= count).then_some(sessions)
        })
    }

    /// All messages of all sessions so far.
    pub fn messages(&self) -> Vec<Vec<u8>> {
        self.sessions()
            .into_iter()
            .flat_map(|session| session.messages)
            .collect()
    }

    /// Lets every session go on that waits, or will come to wait, at an [`Act::Hold`].
    pub fn release(&self) {
        *self.shared.held.lock().expect("no session panics") = false;
        self.shared.released.notify_all();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.release();
        // wakes the acceptor, which then sees that it shall stop
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let mut sessions = shared.sessions.lock().expect("no session panics");
        let number = sessions.len();
        sessions.push(Session::default());
        drop(sessions);
        let script = shared
            .scripts
            .get(number)
            .or(shared.scripts.last())
            .cloned();
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let host = Host {
                stream,
                script: script.expect("there is a script"),
                used: BTreeMap::new(),
                shared: &shared,
                number,
                input: Vec::new(),
            };
            // an error is a client that has gone, which the test sees in the session
            let _ = host.run();
            shared.sessions.lock().expect("no session panics")[number].over = true;
        });
    }
}

/// One session as the server sees it.
struct Host<'a> {
    stream: TcpStream,
    script: Script,
    used: BTreeMap<Step, usize>,
    shared: &'a Shared,
    number: usize,
    input: Vec<u8>,
}

impl Host<'_> {
    fn run(mut self) -> io::Result<()> {
        self.stream.set_read_timeout(Some(wait::PATIENCE))?;
        self.act(Step::Greeting)?;
        loop {
            let mut line = self.until(b"\n")?;
            while line.last().is_some_and(|byte| b"\r\n".contains(byte)) {
                line.pop();
            }
            let step = step_of(&line);
            self.note(|session| session.commands.push(line));
            let answer = self.act(step)?;
            if step == Step::Data && matches!(answer.first(), Some(b'2' | b'3')) {
                self.message()?;
            }
            if step == Step::Quit {
                return Ok(());
            }
        }
    }

    fn message(&mut self) -> io::Result<()> {
        let mut message = Vec::new();
        loop {
            let line = self.until(b"\r\n")?;
            if line == b".\r\n" {
                break;
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        self.note(|session| session.messages.push(message));
        self.act(Step::Message)?;
        Ok(())
    }

    /// Takes input up to and including `end`.
    fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self
                .input
                .windows(end.len())
                .position(|window| window == end)
            {
                return Ok(self.input.drain(..at + end.len()).collect());
            }
            self.read()?;
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; 8192];
        let count = self.stream.read(&mut chunk)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.input.extend_from_slice(&chunk[..count]);
        self.note(|session| session.received.extend_from_slice(&chunk[..count]));
        Ok(())
    }

    fn note(&self, change: impl FnOnce(&mut Session)) {
        change(&mut self.shared.sessions.lock().expect("no session panics")[self.number]);
    }

    /// Does what the script says for a step; returns what was said.
    fn act(&mut self, step: Step) -> io::Result<Vec<u8>> {
        let acts = self.script.acts.get(&step).expect("every step has acts");
        let count = self.used.entry(step).or_default();
        let act = acts[(*count).min(acts.len() - 1)].clone();
        *count += 1;
        let mut said = Vec::new();
        self.perform(act, &mut said)?;
        Ok(said)
    }

    fn perform(&mut self, act: Act, said: &mut Vec<u8>) -> io::Result<()> {
        let gone = || io::Error::from(io::ErrorKind::ConnectionAborted);
        match act {
            Act::Raw(bytes) => {
                self.stream.write_all(&bytes)?;
                said.extend(bytes);
            }
            Act::Flood(bytes) => loop {
                self.stream.write_all(&bytes)?;
            },
            Act::Close => return Err(gone()),
            Act::Abort => {
                let linger = libc::linger {
                    l_onoff: 1,
                    l_linger: 0,
                };
                setsockopt(&self.stream, sockopt::Linger, &linger)?;
                return Err(gone());
            }
            Act::Silence => loop {
                self.read()?;
            },
            Act::Hold => {
                let held = self.shared.held.lock().expect("no session panics");
                drop(
                    self.shared
                        .released
                        .wait_while(held, |held| *held)
                        .expect("no session panics"),
                );
            }
            Act::All(acts) => acts
                .into_iter()
                .try_for_each(|act| self.perform(act, said))?,
        }
        Ok(())
    }
}

fn step_of(line: &[u8]) -> Step {
    let verb = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    match verb.to_ascii_uppercase().as_slice() {
        b"HELO" | b"EHLO" => Step::Hello,
        b"MAIL" => Step::Mail,
        b"RCPT" => Step::Recipient,
        b"DATA" => Step::Data,
        b"RSET" => Step::Reset,
        b"QUIT" => Step::Quit,
        _ => Step::Other,
    }
}

/// A loopback address of this test alone, so that a fixed port on it is free.
pub fn lonely_address() -> Ipv4Addr {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id()
        .wrapping_mul(64)
        .wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed));
    let [_, a, b, c] = number.to_be_bytes();
    // 127.0.x.x is left to others; 0 and 255 at the end are left out
    Ipv4Addr::new(127, a % 254 + 1, b, c % 254 + 1)
}
