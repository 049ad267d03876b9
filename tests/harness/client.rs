//! A scripted SMTP client: it says what it is told and shows what it was answered.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus};

use crate::wait;

/// A client that a test leads by hand.
pub struct Client {
    reader: BufReader<Box<dyn Read + Send>>,
    writer: Box<dyn Write + Send>,
    close: Box<dyn Fn() + Send>,
    child: Option<Child>,
}

impl Client {
    /// Connects to a server.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a server listens");
        stream
            .set_read_timeout(Some(wait::PATIENCE))
            .expect("time limit");
        let (writer, closer) = (
            stream.try_clone().expect("dup"),
            stream.try_clone().expect("dup"),
        );
        let close = Box::new(move || drop(closer.shutdown(Shutdown::Write)));
        Self::new(Box::new(stream), Box::new(writer), close)
    }

    /// Starts a program with one socket as its fds 0 and 1, as tcpserver does, and talks to it.
    /// Have the command from [`Run::into_command`](crate::run::Run::into_command).
    pub fn spawn(mut command: Command) -> Self {
        let (ours, theirs) = UnixStream::pair().expect("socketpair");
        ours.set_read_timeout(Some(wait::PATIENCE))
            .expect("time limit");
        let theirs = OwnedFd::from(theirs);
        command
            .stdin(theirs.try_clone().expect("dup"))
            .stdout(theirs);
        let child = command.spawn().expect("the program starts");
        let (writer, closer) = (
            ours.try_clone().expect("dup"),
            ours.try_clone().expect("dup"),
        );
        let close = Box::new(move || drop(closer.shutdown(Shutdown::Write)));
        let mut client = Self::new(Box::new(ours), Box::new(writer), close);
        client.child = Some(child);
        client
    }

    fn new(
        reader: Box<dyn Read + Send>,
        writer: Box<dyn Write + Send>,
        close: Box<dyn Fn() + Send>,
    ) -> Self {
        Self {
            reader: BufReader::new(reader),
            writer,
            close,
            child: None,
        }
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.writer
            .write_all(bytes.as_ref())
            .expect("the server reads");
        self
    }

    /// The next reply, all its lines with LF; empty when the server has closed.
    #[track_caller]
    pub fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let line = self.line();
            reply.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return reply;
            }
        }
    }

    /// Sends a command, CR LF added, and returns its reply.
    #[track_caller]
    pub fn say(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n")).reply()
    }

    /// Fails the test unless the reply to `command` begins with `expected`; an empty command only reads.
    #[track_caller]
    pub fn expect(&mut self, command: &str, expected: &str) -> &mut Self {
        let reply = if command.is_empty() {
            self.reply()
        } else {
            self.say(command)
        };
        assert!(
            reply.starts_with(expected),
            "{command}: {reply:?}, not {expected:?}"
        );
        self
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&mut self) -> &mut Self {
        (self.close)();
        self
    }

    /// Everything up to the end of the connection.
    #[track_caller]
    pub fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        match self.reader.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the server neither closes nor answers: {error}"),
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for the end of a program started with [`Self::spawn`].
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let child = self.child.as_mut().expect("a program was started");
        wait::until("the program to end", || child.try_wait().expect("wait"))
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("no reply: {error}"),
        }
        String::from_utf8_lossy(&line).replace("\r\n", "\n")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
