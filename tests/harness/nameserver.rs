//! A scripted name server on 127.0.0.1, UDP and TCP, for programs that take `$DNSCACHEIP`.
//!
//! Unknown names do not exist. An answer that is too long for the asker's UDP buffer is truncated, and comes
//! whole over TCP.
//!
//! ```no_run
//! use harness::nameserver::{Fault, NameServer, Type, Zone};
//! let zone = Zone::new().mx("a.example", 10, "mx.a.example").a("mx.a.example", "127.0.0.2")
//!     .fault("broken.example", Fault::ServFail);
//! let names = NameServer::start(zone);
//! // ... .env("DNSCACHEIP", names.dnscacheip()) ...
//! assert!(names.was_asked("a.example", Type::Mx));
//! ```

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::wait;

/// Types of records, as numbered on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Type {
    /// IPv4 address.
    A = 1,
    /// Another name for this one.
    Cname = 5,
    /// Name of an address.
    Ptr = 12,
    /// Mail exchanger.
    Mx = 15,
    /// IPv6 address.
    Aaaa = 28,
}

/// How a name misbehaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// "Server failure".
    ServFail,
    /// "Refused".
    Refused,
    /// No answer ever.
    Silence,
    /// An answer that is no DNS message.
    Garbage,
    /// Over UDP truncated whatever its length; whole over TCP.
    Truncated,
}

#[derive(Clone, Debug)]
struct Record {
    of: Type,
    data: Vec<u8>,
    /// the name that a CNAME leads to
    target: Option<String>,
}

/// What the server knows.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    records: BTreeMap<String, Vec<Record>>,
    faults: BTreeMap<(String, Option<u16>), Fault>,
}

impl Zone {
    /// No names at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// An IPv4 address of a name.
    #[must_use]
    pub fn a(self, name: &str, address: &str) -> Self {
        let address: Ipv4Addr = address.parse().expect("an IPv4 address");
        self.record(name, Type::A, address.octets().to_vec(), None)
    }

    /// An IPv6 address of a name.
    #[must_use]
    pub fn aaaa(self, name: &str, address: &str) -> Self {
        let address: Ipv6Addr = address.parse().expect("an IPv6 address");
        self.record(name, Type::Aaaa, address.octets().to_vec(), None)
    }

    /// The name of an IPv4 address.
    #[must_use]
    pub fn ptr(self, address: &str, name: &str) -> Self {
        self.record(&reverse(address), Type::Ptr, encode(name), None)
    }

    /// A mail exchanger of a name; `.` as exchanger is the null MX.
    #[must_use]
    pub fn mx(self, name: &str, preference: u16, exchange: &str) -> Self {
        let data = [preference.to_be_bytes().to_vec(), encode(exchange)].concat();
        self.record(name, Type::Mx, data, None)
    }

    /// Makes a name another name for `target`.
    #[must_use]
    pub fn cname(self, name: &str, target: &str) -> Self {
        self.record(name, Type::Cname, encode(target), Some(fold(target)))
    }

    /// A name that exists and has no records.
    #[must_use]
    pub fn empty(mut self, name: &str) -> Self {
        self.records.entry(fold(name)).or_default();
        self
    }

    /// A name that misbehaves whatever is asked.
    #[must_use]
    pub fn fault(mut self, name: &str, fault: Fault) -> Self {
        self.faults.insert((fold(name), None), fault);
        self
    }

    /// A name that misbehaves when asked for one type.
    #[must_use]
    pub fn fault_for(mut self, name: &str, of: Type, fault: Fault) -> Self {
        self.faults.insert((fold(name), Some(of as u16)), fault);
        self
    }

    fn record(mut self, name: &str, of: Type, data: Vec<u8>, target: Option<String>) -> Self {
        let record = Record { of, data, target };
        self.records.entry(fold(name)).or_default().push(record);
        self
    }

    fn fault_of(&self, question: &Question) -> Option<Fault> {
        let one = self.faults.get(&(question.name.clone(), Some(question.of)));
        one.or_else(|| self.faults.get(&(question.name.clone(), None)))
            .copied()
    }

    /// Response code and answers, following CNAMEs.
    fn answer(&self, question: &Question) -> (u8, Vec<Vec<u8>>) {
        let mut name = question.name.clone();
        let mut answers = Vec::new();
        for _ in 0..CNAMES_MAX {
            let Some(records) = self.records.get(&name) else {
                return (NXDOMAIN, answers);
            };
            let matching = records
                .iter()
                .filter(|record| record.of as u16 == question.of);
            answers.extend(matching.map(|record| record.to_wire(&name)));
            let alias = records.iter().find(|record| record.target.is_some());
            let Some(alias) = alias.filter(|_| question.of != Type::Cname as u16) else {
                break;
            };
            answers.push(alias.to_wire(&name));
            name.clone_from(alias.target.as_ref().expect("an alias has a target"));
        }
        (NOERROR, answers)
    }
}

impl Record {
    fn to_wire(&self, name: &str) -> Vec<u8> {
        let mut wire = encode(name);
        wire.extend((self.of as u16).to_be_bytes());
        wire.extend(CLASS_IN.to_be_bytes());
        wire.extend(TTL_S.to_be_bytes());
        wire.extend(
            u16::try_from(self.data.len())
                .expect("short data")
                .to_be_bytes(),
        );
        wire.extend(&self.data);
        wire
    }
}

/// A running name server. It stops when dropped.
pub struct NameServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    zone: Zone,
    asked: Mutex<Vec<(String, u16, Transport)>>,
    stop: AtomicBool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Transport {
    Udp,
    Tcp,
}

impl NameServer {
    /// Starts a server on a port of its own.
    pub fn start(zone: Zone) -> Self {
        let (udp, tcp) = wait::until("a port free for UDP and TCP", || {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let address = udp.local_addr().expect("a bound socket has an address");
            TcpListener::bind(address).ok().map(|tcp| (udp, tcp))
        });
        let address = udp.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            zone,
            asked: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let (for_udp, for_tcp) = (Arc::clone(&shared), Arc::clone(&shared));
        thread::spawn(move || serve_udp(&udp, &for_udp));
        thread::spawn(move || serve_tcp(&tcp, &for_tcp));
        Self { address, shared }
    }

    /// The value for `$DNSCACHEIP`.
    pub fn dnscacheip(&self) -> String {
        self.address.to_string()
    }

    /// How often a name was asked for this type.
    pub fn count(&self, name: &str, of: Type) -> usize {
        let asked = self.shared.asked.lock().expect("no server panics");
        asked
            .iter()
            .filter(|(asked, number, _)| *asked == fold(name) && *number == of as u16)
            .count()
    }

    /// Whether a name was asked for this type.
    pub fn was_asked(&self, name: &str, of: Type) -> bool {
        self.count(name, of) > 0
    }

    /// How many questions came at all.
    pub fn questions(&self) -> usize {
        self.shared.asked.lock().expect("no server panics").len()
    }

    /// How many questions came over TCP.
    pub fn questions_by_tcp(&self) -> usize {
        let asked = self.shared.asked.lock().expect("no server panics");
        asked
            .iter()
            .filter(|(_, _, transport)| *transport == Transport::Tcp)
            .count()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // wakes both threads, which then see that they shall stop
        let _ = TcpStream::connect(self.address);
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            let _ = socket.send_to(b"", self.address);
        }
    }
}

fn serve_udp(socket: &UdpSocket, shared: &Shared) {
    let mut buffer = [0; 4096];
    while let Ok((count, from)) = socket.recv_from(&mut buffer) {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        if let Some(answer) = shared.respond(&buffer[..count], Transport::Udp) {
            let _ = socket.send_to(&answer, from);
        }
    }
}

fn serve_tcp(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // an error is a client that has gone
        thread::spawn(move || drop(converse(stream, &shared)));
    }
}

/// RFC 1035, section 4.2.2: two bytes of length before each message.
fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(wait::PATIENCE))?;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query)?;
        let Some(answer) = shared.respond(&query, Transport::Tcp) else {
            continue;
        };
        let length = u16::try_from(answer.len()).expect("an answer below 64 KiB");
        stream.write_all(&[&length.to_be_bytes()[..], &answer].concat())?;
    }
}

struct Question {
    name: String,
    of: u16,
    /// the question section as it came
    wire: Vec<u8>,
    /// bytes of UDP that the asker takes
    room: usize,
}

impl Shared {
    fn respond(&self, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
        let question = parse(query)?;
        let entry = (question.name.clone(), question.of, transport);
        self.asked.lock().expect("no server panics").push(entry);
        let id = &query[..2];
        let fault = self.zone.fault_of(&question);
        match fault {
            Some(Fault::Silence) => return None,
            Some(Fault::Garbage) => return Some([id, &b"\x80\0no message"[..]].concat()),
            Some(Fault::ServFail) => return Some(message(id, SERVFAIL, &question, &[])),
            Some(Fault::Refused) => return Some(message(id, REFUSED, &question, &[])),
            Some(Fault::Truncated) | None => {}
        }
        let (code, answers) = self.zone.answer(&question);
        let whole = message(id, code, &question, &answers);
        let short = transport == Transport::Udp
            && (whole.len() > question.room || fault == Some(Fault::Truncated));
        if !short {
            return Some(whole);
        }
        let mut cut = message(id, code, &question, &[]);
        cut[2] |= TRUNCATED;
        Some(cut)
    }
}

fn message(id: &[u8], code: u8, question: &Question, answers: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(answers.len()).expect("few answers");
    let mut message = id.to_vec();
    message.extend([RESPONSE, RECURSION_AVAILABLE | code, 0, 1]);
    message.extend(count.to_be_bytes());
    message.extend([0; 4]);
    message.extend(&question.wire);
    message.extend(answers.concat());
    message
}

/// The first question of a query, and the UDP size in its OPT record (RFC 6891), which is the last record.
fn parse(query: &[u8]) -> Option<Question> {
    let mut labels = Vec::new();
    let mut at = HEADER_BYTES;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).into_owned());
        at += length;
    }
    let end = at + 4;
    let of = u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?);
    // OPT: root name, type 41, then the size
    let room = match query.get(end..end + 5) {
        Some([0, 0, 41, high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
        _ => 512,
    };
    Some(Question {
        name: fold(&labels.join(".")),
        of,
        wire: query.get(HEADER_BYTES..end)?.to_vec(),
        room,
    })
}

fn encode(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).expect("a short label"));
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// The name under which an IPv4 address is looked up, for [`Zone::fault`] and [`NameServer::count`].
pub fn reverse(address: &str) -> String {
    let address: Ipv4Addr = address.parse().expect("an IPv4 address");
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa")
}

fn fold(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

const HEADER_BYTES: usize = 12;
const CLASS_IN: u16 = 1;
const TTL_S: u32 = 60;
const CNAMES_MAX: usize = 8;

/// QR, AA and RD; RA.
const RESPONSE: u8 = 0x85;
const RECURSION_AVAILABLE: u8 = 0x80;
const TRUNCATED: u8 = 0x02;

const NOERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;
