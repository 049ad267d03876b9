//! One connection: the environment the program gets (tcp-environ(5)) and its start.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsFd;

use os::child::{Child, Spawn};

use crate::options::Options;

/// The two ends of a connection, IPv4 addresses in their own form even on an IPv6 socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ends {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

impl Ends {
    pub(crate) fn of(connection: &TcpStream, remote: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            local: plain(connection.local_addr()?),
            remote: plain(remote),
        })
    }
}

fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Starts the program with the connection on fds 0 and 1.
pub(crate) fn start(
    options: &Options,
    connection: &TcpStream,
    ends: &Ends,
    inherited: &[(Vec<u8>, Vec<u8>)],
) -> io::Result<Child> {
    if options.no_delay {
        connection.set_nodelay(true)?;
    }
    if !options.banner.is_empty() {
        (&*connection).write_all(&options.banner)?;
    }
    Spawn::new(&options.program)
        .search_path()
        .args(&options.args)
        .env(environment(options, ends, inherited))
        .fd(0, connection.as_fd())
        .fd(1, connection.as_fd())
        .start()
}

type Variables = Vec<(Vec<u8>, Vec<u8>)>;

/// What we inherited without any older word about a connection, and the words about this one.
fn environment(options: &Options, ends: &Ends, inherited: &[(Vec<u8>, Vec<u8>)]) -> Variables {
    let old = |name: &[u8]| name == b"PROTO" || name.starts_with(b"TCP");
    let mut all: Variables = inherited
        .iter()
        .filter(|(name, _)| !old(name))
        .cloned()
        .collect();
    let mut set = |name: &str, value: String| all.push((name.into(), value.into_bytes()));
    let protocol = match ends.remote.ip() {
        IpAddr::V4(_) => "TCP",
        IpAddr::V6(_) => "TCP6",
    };
    set("PROTO", protocol.to_owned());
    set("TCPLOCALIP", ends.local.ip().to_string());
    set("TCPLOCALPORT", ends.local.port().to_string());
    set("TCPREMOTEIP", ends.remote.ip().to_string());
    set("TCPREMOTEPORT", ends.remote.port().to_string());
    if let Some(name) = &options.local_name {
        all.push((b"TCPLOCALHOST".to_vec(), name.clone()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(local: &str, remote: &str, name: &str, expected: Option<&str>) {
        let words = ["-l", "here", "0", "25", "p"].map(|word| word.as_bytes().to_vec());
        let options = Options::parse(words.to_vec()).expect("parses");
        let address = |text: &str| plain(text.parse().expect("an address"));
        let ends = Ends {
            local: address(local),
            remote: address(remote),
        };
        let inherited = [("PATH", "/bin"), ("TCPREMOTEHOST", "old"), ("PROTO", "old")]
            .map(|(name, value)| (name.into(), value.into()));
        let all = environment(&options, &ends, &inherited);
        let found: Vec<_> = all
            .iter()
            .filter(|(key, _)| key == name.as_bytes())
            .collect();
        let values: Vec<_> = found.iter().map(|(_, value)| value.as_slice()).collect();
        assert_eq!(
            values,
            expected
                .iter()
                .map(|value| value.as_bytes())
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_environment_tells_both_ends() {
        let (here, there) = ("127.0.0.1:25", "192.0.2.7:4000");
        check(here, there, "PATH", Some("/bin"));
        check(here, there, "PROTO", Some("TCP"));
        check(here, there, "TCPLOCALIP", Some("127.0.0.1"));
        check(here, there, "TCPLOCALPORT", Some("25"));
        check(here, there, "TCPLOCALHOST", Some("here"));
        check(here, there, "TCPREMOTEIP", Some("192.0.2.7"));
        check(here, there, "TCPREMOTEPORT", Some("4000"));
        check(here, there, "TCPREMOTEHOST", None);
    }

    #[test]
    fn an_ipv4_client_on_an_ipv6_socket_is_an_ipv4_client() {
        check(
            "[::1]:25",
            "[::ffff:192.0.2.7]:4000",
            "TCPREMOTEIP",
            Some("192.0.2.7"),
        );
        check("[::1]:25", "[::ffff:192.0.2.7]:4000", "PROTO", Some("TCP"));
        check("[::1]:25", "[2001:db8::1]:4000", "PROTO", Some("TCP6"));
        check(
            "[::1]:25",
            "[2001:db8::1]:4000",
            "TCPREMOTEIP",
            Some("2001:db8::1"),
        );
    }
}
