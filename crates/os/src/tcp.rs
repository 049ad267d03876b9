//! TCP with a time limit on every wait.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect as connect_socket,
    getsockopt, socket, sockopt,
};

use crate::{fd, poll::PollSet};

/// Connects within `timeout_s` seconds, from `local` when given.
///
/// # Errors
/// ETIMEDOUT when the time is over; otherwise what connect(2) says.
pub fn connect(peer: SocketAddr, timeout_s: u64, local: Option<IpAddr>) -> io::Result<TcpStream> {
    let family = if peer.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    let socket: OwnedFd = socket(
        family,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        None,
    )?;
    if let Some(address) = local {
        bind(
            socket.as_raw_fd(),
            &SockaddrStorage::from(SocketAddr::new(address, 0)),
        )?;
    }
    match connect_socket(socket.as_raw_fd(), &SockaddrStorage::from(peer)) {
        Ok(()) => {}
        Err(nix::errno::Errno::EINPROGRESS | nix::errno::Errno::EINTR) => {
            finish_connecting(&socket, timeout_s)?;
        }
        Err(errno) => return Err(errno.into()),
    }
    fd::set_blocking(&socket)?;
    let stream = TcpStream::from(socket);
    // Commands are short and each waits for an answer: no delay for them.
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn finish_connecting(socket: &OwnedFd, timeout_s: u64) -> io::Result<()> {
    if !writable_within(socket, timeout_s)? {
        return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT));
    }
    match getsockopt(socket, sockopt::SocketError)? {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

fn writable_within(fd: &impl AsFd, timeout_s: u64) -> io::Result<bool> {
    writable_until(fd, end_of(timeout_s))
}

fn writable_until(fd: &impl AsFd, end: Duration) -> io::Result<bool> {
    wait_until(end, |set| set.write(fd))
}

fn readable_until(fd: &impl AsFd, end: Duration) -> io::Result<bool> {
    wait_until(end, |set| set.read(fd))
}

fn end_of(timeout_s: u64) -> Duration {
    crate::clock::monotonic().saturating_add(Duration::from_secs(timeout_s))
}

/// Waits up to that moment; a signal does not shorten it.
fn wait_until(end: Duration, add: impl Fn(&mut PollSet) -> crate::poll::Slot) -> io::Result<bool> {
    let mut set = PollSet::new();
    loop {
        set.clear();
        let slot = add(&mut set);
        let left = end.saturating_sub(crate::clock::monotonic());
        set.wait(Some(left))?;
        if set.ready(slot) {
            return Ok(true);
        }
        if left.is_zero() {
            return Ok(false);
        }
    }
}

/// A stream whose every read and write ends within `timeout_s` seconds, and before a deadline if
/// there is one: a peer that sends a byte now and then cannot hold it for ever.
pub struct TimedStream<S> {
    stream: S,
    timeout_s: u64,
    /// By [`crate::clock::monotonic`].
    deadline: Option<Duration>,
    is_socket: bool,
}

impl<S: AsFd> TimedStream<S> {
    /// Wraps a descriptor in blocking mode.
    pub fn new(stream: S, timeout_s: u64) -> Self {
        let is_socket = fd::is_socket(&stream);
        Self {
            stream,
            timeout_s,
            deadline: None,
            is_socket,
        }
    }

    /// The descriptor inside.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Another limit from now on.
    pub fn set_timeout(&mut self, timeout_s: u64) {
        self.timeout_s = timeout_s;
    }

    /// From this moment on, by [`crate::clock::monotonic`], nothing is read or written any more,
    /// not even what is there already.
    pub fn set_deadline(&mut self, deadline: Option<Duration>) {
        self.deadline = deadline;
    }

    /// When the next wait ends at the latest; nothing when the deadline is over.
    fn end(&self) -> Option<Duration> {
        let end = end_of(self.timeout_s);
        let Some(deadline) = self.deadline else {
            return Some(end);
        };
        (crate::clock::monotonic() < deadline).then(|| end.min(deadline))
    }

    fn readable_in_time(&self) -> io::Result<bool> {
        match self.end() {
            Some(end) => readable_until(&self.stream, end),
            None => Ok(false),
        }
    }

    fn writable_in_time(&self) -> io::Result<bool> {
        match self.end() {
            Some(end) => writable_until(&self.stream, end),
            None => Ok(false),
        }
    }

    /// Whether a read would return at once.
    ///
    /// # Errors
    /// poll(2)'s.
    pub fn has_input(&self) -> io::Result<bool> {
        readable_until(&self.stream, Duration::ZERO)
    }
}

impl<S: AsFd + Read> Read for TimedStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.readable_in_time()? {
            return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT));
        }
        self.stream.read(buffer)
    }
}

impl<S: AsFd + Write> Write for TimedStream<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.writable_in_time()? {
            return Err(io::Error::from_raw_os_error(libc::ETIMEDOUT));
        }
        if self.is_socket {
            return write_now(&self.stream, bytes);
        }
        // A blocking write of more than a pipe takes at once would wait without a limit.
        self.stream
            .write(bytes.get(..PIPE_BYTES_MIN).unwrap_or(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Writes what the socket takes now. "Nothing" after poll(2) said "something" is an interruption:
/// `write_all` tries again.
fn write_now(fd: &impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    let flags = nix::sys::socket::MsgFlags::MSG_DONTWAIT | nix::sys::socket::MsgFlags::MSG_NOSIGNAL;
    match nix::sys::socket::send(fd.as_fd().as_raw_fd(), bytes, flags) {
        Ok(count) => Ok(count),
        Err(nix::errno::Errno::EAGAIN) => Err(io::ErrorKind::Interrupted.into()),
        Err(errno) => Err(errno.into()),
    }
}

/// PIPE_BUF: a pipe that polls as writable takes this much without blocking.
const PIPE_BYTES_MIN: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_peer_times_out() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = connect(listener.local_addr().unwrap(), 5, None).unwrap();
        let mut timed = TimedStream::new(stream, 0);
        let error = timed.read(&mut [0; 10]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ETIMEDOUT));
    }

    #[test]
    fn after_the_deadline_nothing_is_read_even_if_it_is_there() {
        let (ours, mut theirs) = fd::socketpair().unwrap();
        let mut timed = TimedStream::new(ours, 1_000);
        theirs.write_all(b"x").unwrap();
        timed.set_deadline(Some(crate::clock::monotonic()));
        let error = timed.read(&mut [0; 10]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ETIMEDOUT));
        timed.set_deadline(Some(end_of(10)));
        assert_eq!(timed.read(&mut [0; 10]).unwrap(), 1);
    }

    #[test]
    fn bytes_cross_a_connection() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut ours =
            TimedStream::new(connect(listener.local_addr().unwrap(), 5, None).unwrap(), 5);
        let (mut theirs, _) = listener.accept().unwrap();
        let sent = vec![7; 1_000_000];
        let copy = sent.clone();
        let reader = std::thread::spawn(move || {
            let mut got = Vec::new();
            theirs.read_to_end(&mut got).unwrap();
            got
        });
        ours.write_all(&copy).unwrap();
        drop(ours);
        assert_eq!(reader.join().unwrap(), sent);
    }

    #[test]
    fn a_refused_connection_says_so() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let error = connect(address, 5, None).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
    }
}
