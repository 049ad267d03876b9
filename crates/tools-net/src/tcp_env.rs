//! tcp-env(1): tells a server about its client, tcp-environ(5), from the socket on descriptor 0;
//! then becomes the server. For super-servers that set no variables.
//!
//! It never says a word: descriptor 2 may be the connection.

mod ident;
mod options;

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use dns::{DnsError, Resolver};
use os::child::Spawn;
use report::Exit;

use options::Options;

use crate::answer::resolver;

/// tcp-env; returns only if there is no server to become.
#[must_use]
pub fn main() -> ExitCode {
    os::signal::ignore_pipe();
    let _cause = run();
    ExitCode::from(Exit::TEMPORARY.code())
}

/// Why the server was not started; nobody is told.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no program")]
    NoProgram,
    #[error("descriptor 0 is not a connection")]
    NoConnection(#[source] std::io::Error),
    #[error("unable to run")]
    Run(#[source] std::io::Error),
}

fn run() -> Failure {
    let Some(options) = Options::parse(&os::env::args()) else {
        return Failure::NoProgram;
    };
    let mut env = os::env::all();
    if !is_told(&env) {
        let ends = match Ends::of_stdin() {
            Ok(ends) => ends,
            Err(error) => return Failure::NoConnection(error),
        };
        tell(&mut env, &ends, &options);
    }
    let server = Spawn::new(&options.program).search_path();
    Failure::Run(os::child::become_program(
        &server.args(&options.arguments).env(env),
    ))
}

type Variables = Vec<(Vec<u8>, Vec<u8>)>;

/// Whether somebody has set the variables already.
fn is_told(env: &Variables) -> bool {
    let known = |value: &[u8]| value == b"TCP" || value == b"TCP6";
    env.iter()
        .any(|(name, value)| name == b"PROTO" && known(value))
}

/// The two ends of the connection, IPv4 addresses in their own form even on an IPv6 socket.
struct Ends {
    local: SocketAddr,
    remote: SocketAddr,
}

impl Ends {
    fn of_stdin() -> std::io::Result<Self> {
        let socket = TcpStream::from(os::fd::stdin().as_fd().try_clone_to_owned()?);
        let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
        Ok(Self {
            local: plain(socket.local_addr()?),
            remote: plain(socket.peer_addr()?),
        })
    }
}

fn tell(env: &mut Variables, ends: &Ends, options: &Options) {
    env.retain(|(name, _)| !OURS.iter().any(|ours| name == ours.as_bytes()));
    let mut set = |name: &str, value: Vec<u8>| env.push((name.into(), value));
    let protocol = match ends.remote.ip() {
        IpAddr::V4(_) => "TCP",
        IpAddr::V6(_) => "TCP6",
    };
    set("PROTO", protocol.into());
    let mut dns = resolver();
    for (prefix, end) in [("TCPLOCAL", ends.local), ("TCPREMOTE", ends.remote)] {
        set(&format!("{prefix}PORT"), end.port().to_string().into());
        set(&format!("{prefix}IP"), end.ip().to_string().into());
        if let Some(host) = host(name_of(&mut dns, end.ip())) {
            set(&format!("{prefix}HOST"), host);
        }
    }
    if let Some(limit_s) = options.ident_limit_s
        && let Some(info) = ident::ask(ends.local, ends.remote, Duration::from_secs(limit_s))
    {
        set("TCPREMOTEINFO", info);
    }
}

fn name_of(dns: &mut Result<Resolver, DnsError>, ip: IpAddr) -> Result<Vec<u8>, DnsError> {
    match dns {
        Ok(resolver) => resolver.ptr(ip),
        Err(error) => Err(error.clone()),
    }
}

/// What stands in `TCPLOCALHOST` or `TCPREMOTEHOST`, if anything.
fn host(name: Result<Vec<u8>, DnsError>) -> Option<Vec<u8>> {
    match name {
        // No variable can hold a zero byte.
        Ok(name) if name.contains(&0) => None,
        Ok(name) => Some(name.to_ascii_lowercase()),
        Err(DnsError::NotFound | DnsError::NullMx) => None,
        Err(DnsError::Temporary(_)) => Some(b"softdnserror".to_vec()),
    }
}

/// What was inherited under these names was said of another connection.
const OURS: [&str; 8] = [
    "PROTO",
    "TCPLOCALPORT",
    "TCPLOCALIP",
    "TCPLOCALHOST",
    "TCPREMOTEPORT",
    "TCPREMOTEIP",
    "TCPREMOTEHOST",
    "TCPREMOTEINFO",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: Result<&[u8], DnsError>, expected: Option<&[u8]>) {
        assert_eq!(host(name.map(<[u8]>::to_vec)).as_deref(), expected);
    }

    #[test]
    fn a_name_is_in_lower_case_and_doubt_has_a_name_of_its_own() {
        check(Ok(b"MX.Example"), Some(b"mx.example"));
        check(Ok(b"m\0x"), None);
        check(Err(DnsError::NotFound), None);
        let doubt = DnsError::Temporary("no answer".to_owned());
        check(Err(doubt), Some(b"softdnserror"));
    }
}
