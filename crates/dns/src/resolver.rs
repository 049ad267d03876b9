//! Which name server is asked, and the runtime behind the blocking calls, built at the first query.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use tokio::runtime::{Builder, Runtime};

use crate::{DnsError, Mx, lookup, name, order};

/// The name server to ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Server {
    /// Those of `/etc/resolv.conf`; the one on this machine if that names none.
    System,
    /// This one alone, as `$DNSCACHEIP` says.
    At(SocketAddr),
}

impl Server {
    /// The value of `$DNSCACHEIP`: `ip` or `ip:port`, an IPv6 address with port in brackets. None if it is neither.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?.trim();
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Some(Self::At(address));
        }
        let ip: IpAddr = text.parse().ok()?;
        Some(Self::At(SocketAddr::new(ip, DNS_PORT)))
    }
}

/// Asks a name server, one question at a time, and waits for the answer.
pub struct Resolver {
    server: Server,
    running: Option<Running>,
}

struct Running {
    runtime: Runtime,
    resolver: TokioResolver,
}

impl Resolver {
    /// Opens nothing yet.
    #[must_use]
    pub fn new(server: Server) -> Self {
        Self {
            server,
            running: None,
        }
    }

    /// The mail exchangers of a domain, in the order to try them.
    pub fn mx(&mut self, domain: &[u8]) -> Result<Vec<Mx>, DnsError> {
        let domain = name::to_query(domain).ok_or(DnsError::NotFound)?;
        let exchangers = self.ask(|resolver| lookup::mx(resolver, domain))?;
        Ok(order::by_preference(exchangers, order::dice()))
    }

    /// The addresses of a host: IPv4, then IPv6, each in the order of the answer.
    pub fn addresses(&mut self, host: &[u8]) -> Result<Vec<IpAddr>, DnsError> {
        let host = name::to_query(host).ok_or(DnsError::NotFound)?;
        self.ask(|resolver| lookup::addresses(resolver, host))
    }

    /// The IPv4 addresses of a host, in the order of the answer.
    pub fn ipv4(&mut self, host: &[u8]) -> Result<Vec<Ipv4Addr>, DnsError> {
        let host = name::to_query(host).ok_or(DnsError::NotFound)?;
        self.ask(|resolver| lookup::ipv4(resolver, host))
    }

    /// The same for a name that may lack its domain: the search list of resolv.conf is tried, too.
    /// Mail never uses it; it helps a machine to find its own name.
    pub fn ipv4_searched(&mut self, host: &[u8]) -> Result<Vec<Ipv4Addr>, DnsError> {
        let mut name = name::to_query(host).ok_or(DnsError::NotFound)?;
        name.set_fqdn(host.ends_with(b"."));
        self.ask(|resolver| lookup::ipv4(resolver, name))
    }

    /// The name of an address, as its owner claims it: nothing says that the name has the address.
    pub fn ptr(&mut self, address: IpAddr) -> Result<Vec<u8>, DnsError> {
        self.ask(|resolver| lookup::ptr(resolver, address))
    }

    fn ask<T, F>(&mut self, question: impl FnOnce(TokioResolver) -> F) -> Result<T, DnsError>
    where
        F: Future<Output = Result<T, DnsError>>,
    {
        let running = match self.running.take() {
            Some(running) => running,
            None => Running::start(self.server)?,
        };
        let running = self.running.insert(running);
        running.runtime.block_on(question(running.resolver.clone()))
    }
}

impl Running {
    fn start(server: Server) -> Result<Self, DnsError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| DnsError::Temporary(error.to_string()))?;
        let mut builder = match server {
            Server::System => TokioResolver::builder_tokio()
                .unwrap_or_else(|_| only(SocketAddr::new(LOCALHOST, DNS_PORT))),
            Server::At(address) => only(address),
        };
        let options = builder.options_mut();
        options.use_hosts_file = ResolveHosts::Never;
        options.edns0 = true;
        let resolver = builder
            .build()
            .map_err(|error| DnsError::Temporary(error.to_string()))?;
        Ok(Self { runtime, resolver })
    }
}

fn only(address: SocketAddr) -> hickory_resolver::ResolverBuilder<TokioRuntimeProvider> {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()]
        .into_iter()
        .map(|mut connection| {
            connection.port = address.port();
            connection
        })
        .collect();
    let server = NameServerConfig::new(address.ip(), true, connections);
    let config = ResolverConfig::from_name_servers(vec![server]);
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(ResolverOpts::default())
}

const DNS_PORT: u16 = 53;

/// What the C library asks when resolv.conf names no server.
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &[u8], expected: Option<&str>) {
        let expected = expected.map(|address| Server::At(address.parse().unwrap()));
        assert_eq!(Server::parse(value), expected, "{value:?}");
    }

    #[test]
    fn dnscacheip_is_an_address_with_or_without_port() {
        check(b"127.0.0.1", Some("127.0.0.1:53"));
        check(b"127.0.0.1:5353", Some("127.0.0.1:5353"));
        check(b" 127.0.0.1\n", Some("127.0.0.1:53"));
        check(b"::1", Some("[::1]:53"));
        check(b"[::1]:5353", Some("[::1]:5353"));
        check(b"", None);
        check(b"localhost", None);
        check(b"127.0.0.1:x", None);
        check(b"\xff", None);
    }

    #[test]
    fn a_name_that_cannot_exist_is_not_asked_for() {
        let mut resolver = Resolver::new(Server::At("127.0.0.1:1".parse().unwrap()));
        assert_eq!(resolver.mx(b"a..b"), Err(DnsError::NotFound));
        assert_eq!(resolver.addresses(b""), Err(DnsError::NotFound));
        assert!(resolver.running.is_none());
    }
}
