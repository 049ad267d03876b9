//! tcp-env(1), and the programs that show what the DNS says: dnsip(1), dnsptr(1), dnsfq(1),
//! dnsmxip(1), hostname(1), ipmeprint(1).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use harness::home::Home;
use harness::nameserver::{Fault, NameServer, Type, Zone, reverse};
use harness::peer::lonely_address;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, socket};

/// A client and a server's end of its connection.
struct Connection {
    client: TcpStream,
    server: TcpStream,
}

impl Connection {
    /// From this address.
    fn from(address: IpAddr) -> Self {
        let listener = TcpListener::bind((any_port_beside(address), 0)).expect("a free port");
        let there = listener.local_addr().expect("an address");
        let family = match address {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        let client =
            socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("socket");
        let here = SockaddrStorage::from(SocketAddr::new(address, 0));
        bind(client.as_raw_fd(), &here).expect("bind");
        connect(client.as_raw_fd(), &SockaddrStorage::from(there)).expect("connect");
        let (server, _) = listener.accept().expect("accept");
        let client = TcpStream::from(client);
        Self { client, server }
    }

    /// What the server that tcp-env becomes has in its environment.
    #[track_caller]
    fn told(&self, home: &Home, options: &[&str], before: &[(&str, &str)]) -> Told {
        let mut run = home.program("tcp-env").args(options);
        for (name, value) in before {
            run = run.env(name, value);
        }
        let stdin = OwnedFd::from(self.server.try_clone().expect("dup"));
        let mut command = run.args(["env", "-0"]).into_command();
        let output = output(command.stdin(stdin));
        assert!(output.0, "tcp-env failed");
        Told::parse(&output.1)
    }
}

fn any_port_beside(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(_) => address,
    }
}

/// Whether it succeeded, and what it wrote on descriptors 1 and 2.
#[track_caller]
fn output(command: &mut Command) -> (bool, Vec<u8>, Vec<u8>) {
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = piped.output().expect("starts");
    (output.status.success(), output.stdout, output.stderr)
}

/// An environment.
struct Told(BTreeMap<String, Vec<u8>>);

impl Told {
    fn parse(text: &[u8]) -> Self {
        let entries = text
            .split(|byte| *byte == 0)
            .filter(|entry| !entry.is_empty());
        let pair = |entry: &[u8]| {
            let at = entry
                .iter()
                .position(|byte| *byte == b'=')
                .expect("name=value");
            let name = String::from_utf8(entry[..at].to_vec()).expect("a name");
            (name, entry[at + 1..].to_vec())
        };
        Self(entries.map(pair).collect())
    }

    #[track_caller]
    fn check(&self, name: &str, expected: Option<&str>) -> &Self {
        let value = self.0.get(name).map(|value| String::from_utf8_lossy(value));
        assert_eq!(value.as_deref(), expected, "{name}");
        self
    }
}

#[test]
fn a_server_is_told_both_ends_of_the_connection() {
    let home = Home::new();
    let connection = Connection::from(lonely_address().into());
    let client = connection.client.local_addr().expect("an address");
    let server = connection.server.local_addr().expect("an address");
    let before = [
        ("TCPREMOTEHOST", "old.example"),
        ("TCPREMOTEINFO", "old"),
        ("PROTO", "UDP"),
        ("OTHER", "stays"),
    ];
    let told = connection.told(&home, &["-R"], &before);
    told.check("PROTO", Some("TCP"))
        .check("TCPLOCALIP", Some("127.0.0.1"))
        .check("TCPLOCALPORT", Some(&server.port().to_string()))
        .check("TCPLOCALHOST", Some("localhost"))
        .check("TCPREMOTEIP", Some(&client.ip().to_string()))
        .check("TCPREMOTEPORT", Some(&client.port().to_string()))
        .check("TCPREMOTEHOST", Some("localhost"))
        .check("TCPREMOTEINFO", None)
        .check("OTHER", Some("stays"));
}

#[test]
fn nothing_is_changed_when_somebody_has_told_already() {
    let home = Home::new();
    let connection = Connection::from(lonely_address().into());
    for protocol in ["TCP", "TCP6"] {
        let before = [("PROTO", protocol), ("TCPREMOTEIP", "192.0.2.7")];
        let told = connection.told(&home, &[], &before);
        told.check("PROTO", Some(protocol))
            .check("TCPREMOTEIP", Some("192.0.2.7"))
            .check("TCPREMOTEPORT", None);
    }
}

#[test]
fn an_ipv6_client_is_told_as_one() {
    let address: IpAddr = "::1".parse().expect("an address");
    if TcpListener::bind((address, 0)).is_err() {
        return;
    }
    let told = Connection::from(address).told(&Home::new(), &["-R"], &[]);
    told.check("PROTO", Some("TCP6"))
        .check("TCPREMOTEIP", Some("::1"))
        .check("TCPREMOTEHOST", Some("localhost"));
}

/// An ident server that reads a question and answers so, as long as it can.
fn ident(address: IpAddr, answer: &'static [u8]) -> Option<thread::JoinHandle<String>> {
    // The port is a privileged one, and the protocol has no other.
    let listener = TcpListener::bind((address, 113)).ok()?;
    Some(thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("accept");
        let mut question = String::new();
        let reader = stream.try_clone().expect("dup");
        BufReader::new(reader)
            .read_line(&mut question)
            .expect("a question");
        stream.write_all(answer).expect("answer");
        question
    }))
}

#[track_caller]
fn check_ident(answer: &'static [u8], expected: Option<&str>) {
    let address = lonely_address().into();
    let Some(server) = ident(address, answer) else {
        return;
    };
    let connection = Connection::from(address);
    let told = connection.told(&Home::new(), &["-t", "20"], &[]);
    told.check("TCPREMOTEINFO", expected);
    let port = |stream: &TcpStream| stream.local_addr().expect("an address").port();
    let (theirs, ours) = (port(&connection.client), port(&connection.server));
    assert_eq!(
        server.join().expect("asked"),
        format!("{theirs} , {ours}\r\n")
    );
}

#[test]
fn the_clients_machine_says_whose_connection_it_is() {
    check_ident(b"1 , 2 : USERID : UNIX : jo e\r\n", Some("joe"));
    check_ident(b"1,2:USERID:OTHER:a:b\n", Some("a:b"));
    check_ident(b"1,2:ERROR:NO-USER\r\n", Some(""));
    check_ident(b"1,2:USERID:UNIX:cut", None);
    check_ident(b"", None);
}

#[test]
fn a_machine_that_keeps_silent_does_not_hold_the_server_up() {
    let address: IpAddr = lonely_address().into();
    let Ok(_silent) = TcpListener::bind((address, 113)) else {
        return;
    };
    let connection = Connection::from(address);
    let began = Instant::now();
    let told = connection.told(&Home::new(), &["-t1"], &[]);
    told.check("TCPREMOTEINFO", None);
    let took = began.elapsed();
    assert!((1..10).contains(&took.as_secs()), "{took:?}");
}

#[test]
fn without_a_connection_or_a_program_it_fails_and_says_nothing() {
    let home = Home::new();
    let connection = Connection::from(lonely_address().into());
    let silent = |args: &[&str], is_connected: bool| {
        let mut command = home.program("tcp-env").args(args).into_command();
        if is_connected {
            command.stdin(OwnedFd::from(connection.server.try_clone().expect("dup")));
        }
        let status = command.status().expect("starts");
        assert_eq!(status.code(), Some(111), "{args:?}");
        let (_, stdout, stderr) = output(&mut command);
        assert!(stdout.is_empty() && stderr.is_empty(), "{args:?}");
    };
    silent(&["env"], false);
    silent(&["-R"], true);
    silent(&["-R", "no-such-program"], true);
}

/// Runs one of the small programs against a name server; exit code, standard output and error.
#[track_caller]
fn check(zone: Zone, call: &[&str], code: i32, stdout: &str, stderr: &str) -> NameServer {
    let names = NameServer::start(zone);
    let home = Home::new();
    let run = home.built(call[0]).env("DNSCACHEIP", names.dnscacheip());
    let done = run.args(&call[1..]).output();
    done.assert_exit(code);
    assert_eq!(
        (&*done.stdout_text(), &*done.stderr_text()),
        (stdout, stderr),
        "{call:?}"
    );
    names
}

#[test]
fn dnsip_shows_ipv4_addresses() {
    let zone = Zone::new()
        .a("h.example", "192.0.2.1")
        .a("h.example", "192.0.2.2");
    let zone = zone
        .aaaa("h.example", "2001:db8::1")
        .cname("alias.example", "h.example");
    let both = "192.0.2.1\n192.0.2.2\n";
    check(zone.clone(), &["dnsip", "h.example"], 0, both, "");
    check(zone.clone(), &["dnsip", "ALIAS.example."], 0, both, "");
    let names = check(zone, &["dnsip", "[192.0.2.9]"], 0, "192.0.2.9\n", "");
    assert_eq!(names.questions(), 0);
    let zone = Zone::new().aaaa("six.example", "2001:db8::1");
    check(zone, &["dnsip", "six.example"], 100, "", "hard error\n");
}

#[test]
fn dnsptr_shows_the_name_of_an_address() {
    let zone = Zone::new().ptr("192.0.2.7", "MX.Example");
    check(
        zone.clone(),
        &["dnsptr", "192.0.2.7"],
        0,
        "MX.Example\n",
        "",
    );
    check(
        zone.clone(),
        &["dnsptr", "192.0.2.8"],
        100,
        "",
        "hard error\n",
    );
    let names = check(zone, &["dnsptr", "127.0.0.9"], 0, "localhost\n", "");
    assert_eq!(names.questions(), 0, "nobody knows better than RFC 6761");
    let usage = "dnsptr: usage: dnsptr address\n";
    check(Zone::new(), &["dnsptr", "mx.example"], 100, "", usage);
}

#[test]
fn dnsfq_shows_the_name_of_the_first_address() {
    let zone = Zone::new().a("host", "192.0.2.7").a("host", "192.0.2.8");
    let zone = zone.ptr("192.0.2.7", "host.a.example");
    check(zone.clone(), &["dnsfq", "host"], 0, "host.a.example\n", "");
    check(
        zone.clone(),
        &["dnsfq", "192.0.2.7"],
        0,
        "host.a.example\n",
        "",
    );
    check(zone, &["dnsfq", "other"], 100, "", "hard error\n");
    let zone = Zone::new().a("host", "192.0.2.7");
    check(zone, &["dnsfq", "host"], 100, "", "hard error\n");
}

#[test]
fn dnsmxip_shows_where_mail_would_go() {
    let zone = Zone::new()
        .mx("d.example", 20, "two.example")
        .mx("d.example", 10, "one.example")
        .mx("d.example", 5, "gone.example")
        .a("one.example", "192.0.2.1")
        .aaaa("one.example", "2001:db8::1")
        .a("two.example", "192.0.2.2");
    let all = "192.0.2.1 10\n2001:db8::1 10\n192.0.2.2 20\n";
    check(zone.clone(), &["dnsmxip", "d.example"], 0, all, "");
    check(
        zone.clone(),
        &["dnsmxip", "two.example"],
        0,
        "192.0.2.2 0\n",
        "",
    );
    check(zone, &["dnsmxip", "192.0.2.9"], 0, "192.0.2.9 0\n", "");
    let zone = Zone::new()
        .mx("none.example", 0, ".")
        .a("none.example", "192.0.2.1");
    check(zone, &["dnsmxip", "none.example"], 100, "", "hard error\n");
    let zone = Zone::new().mx("d.example", 5, "gone.example");
    check(
        zone.clone(),
        &["dnsmxip", "d.example"],
        100,
        "",
        "hard error\n",
    );
    let zone = zone.fault_for("gone.example", Type::A, Fault::ServFail);
    check(zone, &["dnsmxip", "d.example"], 111, "", "soft error\n");
}

#[test]
fn doubt_is_a_soft_error_and_a_wrong_call_a_hard_one() {
    for name in ["dnsip", "dnsfq", "dnsmxip"] {
        let zone = Zone::new().fault("h.example", Fault::ServFail);
        check(zone, &[name, "h.example"], 111, "", "soft error\n");
        let home = Home::new();
        home.built(name).output().assert_exit(100);
        let done = home
            .built(name)
            .env("DNSCACHEIP", "ns.example")
            .args(["h.example"])
            .output();
        done.assert_exit(111);
        assert_eq!(done.stderr_text(), "soft error\n");
    }
    let zone = Zone::new().fault(&reverse("192.0.2.7"), Fault::Refused);
    check(zone, &["dnsptr", "192.0.2.7"], 111, "", "soft error\n");
    Home::new().built("dnsptr").output().assert_exit(100);
}

#[test]
fn hostname_and_ipmeprint_ask_the_system() {
    let home = Home::new();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    assert_eq!(
        home.built("hostname").output().assert_exit(0).stdout_text(),
        kernel
    );
    let shown = home
        .built("ipmeprint")
        .output()
        .assert_exit(0)
        .stdout_text();
    assert!(
        shown.starts_with("0.0.0.0\n") && shown.contains("\n127.0.0.1\n"),
        "{shown}"
    );
    assert!(
        shown
            .lines()
            .all(|line| line.parse::<std::net::Ipv4Addr>().is_ok())
    );
}
