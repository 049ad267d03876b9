//! config(8): the first control files of a host that the DNS knows: its full name and its domains,
//! and the names of all its addresses.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;

use dns::{DnsError, Resolver, Server};
use report::Exit;

use crate::setup::{Setup, SetupError};
use crate::stdout::{self, Stdout};

/// config; its result as an exit code.
#[must_use]
pub fn main() -> ExitCode {
    match run(&os::home::home()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            diag::fatal("config", &failure);
            ExitCode::from(failure.exit().code())
        }
    }
}

/// Why there is no configuration, or only a part of one.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("unable to find the name of this machine")]
    HostName(#[source] io::Error),
    #[error("this machine has no name")]
    NoName,
    #[error("unable to find its full name")]
    FullName(#[source] DnsError),
    #[error("DNSCACHEIP is no address")]
    Server,
    #[error("unable to find the addresses of this machine")]
    Addresses(#[source] io::Error),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("unable to write output")]
    Output(#[from] io::Error),
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::NoName | Self::FullName(DnsError::NotFound | DnsError::NullMx) => Exit::PERMANENT,
            Self::HostName(_)
            | Self::FullName(DnsError::Temporary(_))
            | Self::Server
            | Self::Addresses(_)
            | Self::Setup(_)
            | Self::Output(_) => Exit::TEMPORARY,
        }
    }
}

fn run(home: &Path) -> Result<(), Failure> {
    let setup = Setup::new(home);
    let mut out = stdout::open()?;
    let mut dns = Resolver::new(server()?);
    let host = host_name(&mut out)?;
    writeln!(out, "Your hostname is {}.", shown(&host))?;
    let name = full_name(&mut dns, &host, &mut out)?;
    let text = shown(&name);
    writeln!(out, "Your host's fully qualified name in DNS is {text}.")?;
    setup.put_names(&name, &mut out)?;
    let locals = locals(&mut dns, &name, &mut out)?;
    setup.put("locals", &locals)?;
    advise(home, &mut out)?;
    setup.put("rcpthosts", &locals)?;
    writeln!(
        out,
        "Now qmail will refuse to accept SMTP messages except to those hosts."
    )?;
    writeln!(
        out,
        "Make sure to change rcpthosts if you add hosts to locals or virtualdomains!"
    )?;
    Ok(out.flush()?)
}

fn server() -> Result<Server, Failure> {
    match os::env::var("DNSCACHEIP").filter(|value| !value.is_empty()) {
        Some(value) => Server::parse(&value).ok_or(Failure::Server),
        None => Ok(Server::System),
    }
}

fn host_name(out: &mut Stdout) -> Result<Vec<u8>, Failure> {
    let failure = match os::host::name() {
        Ok(name) if !name.is_empty() => return Ok(name.to_ascii_lowercase()),
        Ok(_) => Failure::NoName,
        Err(error) => Failure::HostName(error),
    };
    writeln!(out, "Sorry, I couldn't find your hostname.")?;
    give_up(out)?;
    Err(failure)
}

/// The name of the first address of the host.
fn full_name(dns: &mut Resolver, host: &[u8], out: &mut Stdout) -> Result<Vec<u8>, Failure> {
    let first = |addresses: Vec<_>| addresses.into_iter().next().ok_or(DnsError::NotFound);
    let address = dns.ipv4_searched(host).and_then(first);
    match address.and_then(|address| dns.ptr(IpAddr::V4(address))) {
        Ok(name) => Ok(name.to_ascii_lowercase()),
        Err(error) => {
            writeln!(
                out,
                "Sorry, I couldn't find your host's canonical name in DNS."
            )?;
            give_up(out)?;
            Err(Failure::FullName(error))
        }
    }
}

fn give_up(out: &mut Stdout) -> io::Result<()> {
    writeln!(out, "You will have to set up control/me yourself.")?;
    out.flush()
}

/// The names of all addresses of this host, a line each.
fn locals(dns: &mut Resolver, name: &[u8], out: &mut Stdout) -> Result<Vec<u8>, Failure> {
    writeln!(out, " \nChecking local IP addresses:")?;
    let own = os::interfaces::own_addresses().map_err(Failure::Addresses)?;
    // What the DNS does not know is still known to the interfaces.
    let known = dns.ipv4(name).unwrap_or_default().into_iter();
    let all = own
        .into_iter()
        .filter(IpAddr::is_ipv4)
        .chain(known.map(IpAddr::V4));
    let mut lines = Vec::new();
    for address in all.map(|ip| ip.to_string()).collect::<BTreeSet<_>>() {
        write!(out, "{address}: ")?;
        out.flush()?;
        let ip = address.parse().map_err(|_| DnsError::NotFound);
        match ip.and_then(|ip| dns.ptr(ip)) {
            Ok(local) => {
                writeln!(out, "Adding {} to control/locals...", shown(&local))?;
                lines.extend([local.as_slice(), b"\n"].concat());
            }
            Err(_) => writeln!(
                out,
                "PTR lookup failed. I assume this address has no DNS name."
            )?,
        }
    }
    Ok(lines)
}

fn advise(home: &Path, out: &mut Stdout) -> io::Result<()> {
    let control = home.join("control");
    let control = control.display();
    writeln!(out, " ")?;
    writeln!(
        out,
        "If there are any other domain names that point to you,"
    )?;
    writeln!(out, "you will have to add them to {control}/locals.")?;
    writeln!(
        out,
        "You don't have to worry about aliases, i.e., domains with CNAME records."
    )?;
    writeln!(out, " ")?;
    writeln!(out, "Copying {control}/locals to {control}/rcpthosts...")
}

fn shown(bytes: &[u8]) -> String {
    diag::escape::shown(bytes)
}
