//! Messages per second from qmail-queue's descriptor 0 to the log's `end msg`, through all programs:
//!
//! * `local`: into a Maildir; * `remote`: to an SMTP sink on loopback, one connection each;
//! * `enqueue`: qmail-queue alone, which both begin with: the ratio says what the rest costs.
//!
//! `bench-flow [messages] [rounds]`. Injecting and delivering overlap, eight writers inject.
//! `QMAIL_UNDER_TEST` names the programs to measure (scripts/build-static makes the ones that are
//! installed). Rounds are interleaved; medians are printed.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

use harness::home::Home;

const WRITERS: usize = 8;
const BODY_BYTES: usize = 4096;

fn main() {
    let number = |index, default| {
        std::env::args()
            .nth(index)
            .map_or(default, |text| text.parse().expect("a number"))
    };
    let (messages, rounds): (usize, usize) = (number(1, 800), number(2, 3));
    let sink = start_sink();
    let mut rates: [Vec<f64>; 3] = Default::default();
    for _ in 0..rounds {
        rates[0].push(enqueue_rate(messages));
        rates[1].push(flow_rate(messages, "u@local.example", sink));
        rates[2].push(flow_rate(messages, "r@remote.example", sink));
    }
    let [enqueue, local, remote] = rates.map(median);
    println!(
        "{messages} messages of {BODY_BYTES} bytes, {WRITERS} writers, {rounds} rounds, medians"
    );
    println!("enqueue {enqueue:.0}/s");
    println!("local   {local:.0}/s, {:.2} of enqueue", local / enqueue);
    println!("remote  {remote:.0}/s, {:.2} of enqueue", remote / enqueue);
}

fn home(sink: SocketAddr) -> Home {
    let home = Home::new();
    home.control("me", "local.example\n")
        .control("locals", "local.example\n")
        .control("smtproutes", &format!(":{}:{}\n", sink.ip(), sink.port()))
        .user("u");
    home
}

fn enqueue_rate(messages: usize) -> f64 {
    let home = home(SocketAddr::from(([127, 0, 0, 1], 9)));
    let start = Instant::now();
    inject(&home, messages, "u@local.example");
    rate(messages, start)
}

fn flow_rate(messages: usize, recipient: &str, sink: SocketAddr) -> f64 {
    let home = home(sink);
    let daemons = home.start_daemons();
    daemons.wait_for_log("status: local 0/");
    let start = Instant::now();
    inject(&home, messages, recipient);
    daemons.wait_for_lines("end msg ", messages);
    let rate = rate(messages, start);
    assert_eq!(
        daemons.count(": success: "),
        messages,
        "not everything was delivered"
    );
    rate
}

fn rate(messages: usize, start: Instant) -> f64 {
    messages as f64 / start.elapsed().as_secs_f64()
}

fn inject(home: &Home, messages: usize, recipient: &str) {
    let body = [
        b"Subject: bench\n\n".as_slice(),
        &b"0123456789abcde\n".repeat(BODY_BYTES / 16),
    ]
    .concat();
    let envelope = format!("Fs@local.example\0T{recipient}\0\0");
    let write = || {
        for _ in 0..messages / WRITERS {
            let run = home.program("qmail-queue").stdin(&body);
            run.fd(1, &envelope).output().assert_exit(0);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(write);
        }
    });
}

/// Accepts every mail and throws it away.
fn start_sink() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its number");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away is its own concern.
            std::thread::spawn(move || serve(stream).ok());
        }
    });
    address
}

fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink\r\n")?;
    let mut is_data = false;
    for line in BufReader::new(stream.try_clone()?).split(b'\n') {
        let line = line?;
        let reply = match (is_data, line.as_slice()) {
            (true, b".\r") => {
                is_data = false;
                "250 ok\r\n"
            }
            (true, _) => continue,
            (false, line) if line.starts_with(b"DATA") => {
                is_data = true;
                "354 go\r\n"
            }
            (false, line) if line.starts_with(b"QUIT") => return stream.write_all(b"221 bye\r\n"),
            (false, _) => "250 ok\r\n",
        };
        stream.write_all(reply.as_bytes())?;
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
