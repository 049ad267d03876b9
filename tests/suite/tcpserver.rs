//! qmail-tcpserver(8): what the program it starts sees, how many run at a time, how it stops.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};

use harness::home::Home;
use harness::run::{Run, Running};
use harness::wait;
use nix::sys::signal::Signal;

/// Starts it on a free port of 127.0.0.1 with this shell script as program.
fn listen(home: &Home, options: &[&str], script: &str) -> (Running, u16) {
    let run: Run<'_> = home.program("qmail-tcpserver").args(["-1v"]).args(options);
    let running = run
        .args(["127.0.0.1", "0", "/bin/sh", "-c", script])
        .start();
    let port = wait::until("the port", || {
        let text = String::from_utf8(running.stdout()).expect("digits");
        text.strip_suffix('\n')
            .map(|digits| digits.parse().expect("a port"))
    });
    (running, port)
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connect");
    stream
        .set_read_timeout(Some(wait::PATIENCE))
        .expect("timeout");
    stream
}

fn line(stream: &TcpStream) -> String {
    let mut line = String::new();
    BufReader::with_capacity(1, stream)
        .read_line(&mut line)
        .expect("a line");
    line.trim_end().to_owned()
}

fn rest(mut stream: &TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("the rest");
    text
}

#[test]
fn the_program_has_the_connection_and_its_environment() {
    let home = Home::new();
    let script = "echo $PROTO $TCPLOCALIP $TCPLOCALPORT $TCPLOCALHOST $TCPREMOTEIP; cat";
    let (server, port) = listen(&home, &["-l", "mx.example"], script);
    let stream = connect(port);
    assert_eq!(
        line(&stream),
        format!("TCP 127.0.0.1 {port} mx.example 127.0.0.1")
    );
    (&stream).write_all(b"echoed\n").expect("write");
    stream.shutdown(Shutdown::Write).expect("shutdown");
    assert_eq!(rest(&stream), "echoed\n");
    wait::until("the end of the session", || {
        server.stderr_has(" status 0\n").then_some(())
    });
    server.signal(Signal::SIGTERM);
    let done = server.finish();
    let log = done.assert_exit(0).stderr_text();
    let mine = stream.local_addr().expect("address").port();
    assert!(
        log.starts_with("tcpserver: status: 0/40\ntcpserver: status: 1/40\n"),
        "{log}"
    );
    assert!(
        log.contains(&format!(
            " mx.example:127.0.0.1:{port} :127.0.0.1::{mine}\n"
        )),
        "{log}"
    );
    assert!(log.ends_with("tcpserver: status: 0/40\n"), "{log}");
}

#[test]
fn a_full_house_lets_the_next_wait() {
    let home = Home::new();
    let (_server, port) = listen(&home, &["-c1"], "echo in; read line; echo out");
    let first = connect(port);
    assert_eq!(line(&first), "in");
    let second = connect(port);
    second.set_nonblocking(true).expect("nonblocking");
    let early = (&second).read(&mut [0]).expect_err("nobody serves it yet");
    assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);
    second.set_nonblocking(false).expect("blocking");
    (&first).write_all(b"go\n").expect("write");
    assert_eq!(line(&first), "out");
    assert_eq!(line(&second), "in");
}

#[test]
fn sigterm_closes_the_door_and_lets_sessions_finish() {
    let home = Home::new();
    let (server, port) = listen(&home, &[], "echo in; read line; echo out");
    let stream = connect(port);
    assert_eq!(line(&stream), "in");
    server.signal(Signal::SIGTERM);
    wait::until("a closed door", || {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .is_err()
            .then_some(())
    });
    (&stream).write_all(b"go\n").expect("write");
    assert_eq!(line(&stream), "out");
    server.finish().assert_exit(0);
}

#[test]
fn a_program_that_cannot_run_costs_one_connection() {
    let home = Home::new();
    let run = home
        .program("qmail-tcpserver")
        .args(["-1", "127.0.0.1", "0", "/nonexistent/x"]);
    let server = run.start();
    let port = wait::until("the port", || {
        let text = String::from_utf8(server.stdout()).expect("digits");
        text.strip_suffix('\n')
            .map(|digits| digits.parse().expect("a port"))
    });
    assert_eq!(rest(&connect(port)), "");
    assert_eq!(rest(&connect(port)), "");
    server.signal(Signal::SIGTERM);
    let log = server.finish().assert_exit(0).stderr_text();
    let complaint = "tcpserver: warning: unable to run /nonexistent/x: file does not exist\n";
    assert_eq!(log, complaint.repeat(2));
}

#[test]
fn a_wrong_call_is_permanent_and_a_taken_port_temporary() {
    let home = Home::new();
    let done = home
        .program("qmail-tcpserver")
        .args(["-x", "rules.cdb", "0", "0", "true"])
        .output();
    assert!(
        done.assert_exit(100)
            .stderr_text()
            .contains("-x is not supported")
    );
    let (_server, port) = listen(&home, &[], "exit 0");
    let port = port.to_string();
    let done = home
        .program("qmail-tcpserver")
        .args(["127.0.0.1", &port, "true"])
        .output();
    let text = done.assert_exit(111).stderr_text();
    assert!(text.starts_with(&format!(
        "tcpserver: fatal: unable to listen on 127.0.0.1:{port}: "
    )));
}
