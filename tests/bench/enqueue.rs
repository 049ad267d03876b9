//! Acknowledgements per second of qmail-queue, against two floors measured in the same run:
//!
//! * `floor`: a loop in one process that makes the same system calls per message, no program run;
//! * `exec floor`: this program run once per message (`--one`), doing those calls and nothing else.
//!
//! `bench-enqueue QMAIL-QUEUE HOME [messages] [rounds]`; HOME is a single-account home of the user
//! who runs it (scripts/run makes one). Rounds are interleaved; medians and ratios are printed.

use std::fs::{File, OpenOptions, hard_link, remove_file};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const BODY_BYTES: usize = 2048;
const ENVELOPE: &[u8] = b"Fs@a.example\0Tr@b.example\0\0";

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).map(String::as_str) == Some("--one") {
        std::env::set_current_dir(&args[2]).expect("queue");
        let mut body = Vec::new();
        std::io::stdin().read_to_end(&mut body).expect("body");
        return one(&body, std::process::id().into(), 0);
    }
    let (Some(program), Some(home)) = (args.get(1), args.get(2)) else {
        eprintln!("usage: bench-enqueue QMAIL-QUEUE HOME [messages] [rounds]");
        std::process::exit(100);
    };
    let number = |index: usize, default| {
        args.get(index)
            .map_or(default, |n| n.parse().expect("number"))
    };
    let bench = Bench {
        program: PathBuf::from(program),
        home: PathBuf::from(home),
        messages: number(3, 400),
        rounds: number(4, 5),
    };
    println!(
        "messages of {BODY_BYTES} bytes, {} per round, {} rounds, medians",
        bench.messages, bench.rounds
    );
    for writers in [1, 8] {
        bench.compare(writers);
    }
}

struct Bench {
    program: PathBuf,
    home: PathBuf,
    messages: usize,
    rounds: usize,
}

#[derive(Clone, Copy)]
enum Subject {
    Floor,
    ExecFloor,
    Ours,
}

impl Bench {
    fn compare(&self, writers: usize) {
        let mut rates = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..self.rounds {
            for (index, subject) in [Subject::Floor, Subject::ExecFloor, Subject::Ours]
                .into_iter()
                .enumerate()
            {
                rates[index].push(self.rate(subject, writers));
                self.empty_queue();
            }
        }
        let [floor, exec_floor, ours] = rates.map(median);
        println!(
            "{writers} writers: floor {floor:.0}/s, exec floor {exec_floor:.0}/s, qmail-queue {ours:.0}/s; \
             ratio to floor {:.2}, to exec floor {:.2}",
            ours / floor,
            ours / exec_floor
        );
    }

    /// Messages per second with so many writers at once.
    fn rate(&self, subject: Subject, writers: usize) -> f64 {
        let each = self.messages / writers;
        let start = Instant::now();
        std::thread::scope(|scope| {
            for writer in 0..writers {
                scope.spawn(move || self.write(subject, writer, each));
            }
        });
        (each * writers) as f64 / start.elapsed().as_secs_f64()
    }

    fn write(&self, subject: Subject, writer: usize, count: usize) {
        let body = vec![b'x'; BODY_BYTES];
        let queue = self.home.join("queue");
        for number in 0..count {
            match subject {
                Subject::Floor => one_in(&queue, &body, writer as u64, number as u64),
                Subject::ExecFloor => {
                    let me = std::env::current_exe().expect("own path");
                    self.run(Command::new(me).arg("--one").arg(&queue), &body);
                }
                Subject::Ours => self.run(
                    Command::new(&self.program).env("QMAILHOME", &self.home),
                    &body,
                ),
            }
        }
    }

    /// Runs a program with the message on descriptor 0 and the envelope on descriptor 1.
    fn run(&self, command: &mut Command, body: &[u8]) {
        let (envelope, mut envelope_writer) = std::io::pipe().expect("pipe");
        let (message, mut message_writer) = std::io::pipe().expect("pipe");
        let mut child = command
            .stdin(message)
            .stdout(Stdio::from(std::os::fd::OwnedFd::from(envelope)))
            .spawn()
            .expect("program");
        message_writer.write_all(body).expect("message");
        drop(message_writer);
        envelope_writer.write_all(ENVELOPE).expect("envelope");
        drop(envelope_writer);
        assert!(child.wait().expect("child").success(), "the program failed");
    }

    fn empty_queue(&self) {
        for dir in ["intd", "todo"] {
            remove_all(&self.home.join("queue").join(dir));
        }
        for bucket in 0..23 {
            remove_all(&self.home.join(format!("queue/mess/{bucket}")));
        }
    }
}

fn remove_all(dir: &Path) {
    for entry in std::fs::read_dir(dir).expect("queue directory") {
        remove_file(entry.expect("entry").path()).expect("queue file");
    }
}

fn one(body: &[u8], writer: u64, number: u64) {
    one_in(Path::new("."), body, writer, number);
}

/// What qmail-queue does to the disk for one message, in its order.
fn one_in(queue: &Path, body: &[u8], writer: u64, number: u64) {
    let birth = queue.join(format!("pid/{writer}.{number}.1"));
    let create = |path: &Path| {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .expect("create")
    };
    let mut content = create(&birth);
    let inode = content.metadata().expect("stat").ino();
    let bucket = queue.join(format!("mess/{}", inode % 23));
    let (intd, todo) = (
        queue.join(format!("intd/{inode}")),
        queue.join(format!("todo/{inode}")),
    );
    hard_link(&birth, bucket.join(inode.to_string())).expect("link");
    remove_file(&birth).expect("unlink");
    content.write_all(body).expect("write");
    let mut envelope = create(&intd);
    envelope.write_all(ENVELOPE).expect("write");
    content.sync_all().expect("fsync");
    envelope.sync_all().expect("fsync");
    File::open(&bucket)
        .and_then(|dir| dir.sync_all())
        .expect("fsync directory");
    hard_link(&intd, &todo).expect("link");
    File::open(queue.join("todo"))
        .and_then(|dir| dir.sync_all())
        .expect("fsync directory");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
