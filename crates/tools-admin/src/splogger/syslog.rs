//! The socket of the syslog daemon, and the form of a message on it as the C library sends it
//! (RFC 3164): `<priority>Mmm dd hh:mm:ss tag: message`.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};

use datetime::Civil;

/// How urgent a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    Alert,
    Warning,
    Info,
}

impl Priority {
    const fn number(self) -> u32 {
        match self {
            Self::Alert => 1,
            Self::Warning => 4,
            Self::Info => 6,
        }
    }
}

/// A way to the daemon. What cannot be sent is lost, as with syslog(3): a logger that waited for a
/// daemon that is gone would stop the mail.
pub(super) struct Syslog {
    path: PathBuf,
    tag: Vec<u8>,
    facility: u32,
    link: Option<Link>,
}

enum Link {
    Datagrams(UnixDatagram),
    Stream(UnixStream),
}

impl Syslog {
    pub(super) fn new(path: &[u8], tag: &[u8], facility: u32) -> Self {
        Self {
            path: PathBuf::from(OsStr::from_bytes(path)),
            tag: tag.to_vec(),
            facility,
            link: None,
        }
    }

    /// Sends a message; a daemon that was restarted meanwhile is found again.
    pub(super) fn send(&mut self, priority: Priority, message: &[u8]) {
        let packet = self.packet(priority, message);
        for _ in 0..ATTEMPTS {
            let link = match self.link.take() {
                Some(link) => Ok(link),
                None => Link::open(&self.path),
            };
            let Ok(mut link) = link else {
                return;
            };
            if link.send(&packet).is_ok() {
                self.link = Some(link);
                return;
            }
        }
    }

    fn packet(&self, priority: Priority, message: &[u8]) -> Vec<u8> {
        let number = self.facility.wrapping_shl(3) | priority.number();
        let now = os::clock::now();
        let stamp = stamp(now.saturating_add_signed(os::clock::ahead_of_utc(now)));
        let head = format!("<{number}>{stamp} ").into_bytes();
        [head.as_slice(), &self.tag, b": ", message].concat()
    }
}

impl Link {
    fn open(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        match socket.connect(path) {
            Ok(()) => Ok(Self::Datagrams(socket)),
            Err(error) if error.raw_os_error() == Some(EPROTOTYPE) => {
                Ok(Self::Stream(UnixStream::connect(path)?))
            }
            Err(error) => Err(error),
        }
    }

    fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        match self {
            Self::Datagrams(socket) => socket.send(packet).map(drop),
            Self::Stream(socket) => socket.write_all(&[packet, b"\0"].concat()),
        }
    }
}

/// `Nov  2 07:50:05`, in local time.
fn stamp(local: u64) -> String {
    let time = Civil::from_secs(local);
    format!(
        "{} {:2} {:02}:{:02}:{:02}",
        time.month_name(),
        time.day,
        time.hour,
        time.minute,
        time.second
    )
}

/// A link that was there, and a new one.
const ATTEMPTS: u32 = 2;
/// "Protocol wrong type for socket": the daemon listens for streams.
const EPROTOTYPE: i32 = 91;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_pads_the_day_with_a_blank() {
        assert_eq!(stamp(0), "Jan  1 00:00:00");
        assert_eq!(stamp(1_795_333_931), "Nov 22 07:52:11");
    }

    #[test]
    fn a_packet_has_facility_and_priority_in_one_number() {
        let packet = Syslog::new(b"/x", b"qmail", 2).packet(Priority::Alert, b"m");
        assert!(packet.starts_with(b"<17>"), "{}", packet.escape_ascii());
        assert!(packet.ends_with(b" qmail: m"), "{}", packet.escape_ascii());
    }
}
