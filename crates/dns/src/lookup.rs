//! The queries: MX, A with AAAA, A alone, and PTR, as values of our own.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::{DnsError as NetDnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use crate::{DnsError, name};

/// One mail exchanger of a domain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mx {
    /// The lower, the sooner.
    pub preference: u16,
    /// Its name, without a final dot; may be an address literal by mistake of the domain's owner.
    pub exchange: Vec<u8>,
}

/// The exchangers in the answer's order, at most [`MX_MAX`] of them.
pub(crate) async fn mx(resolver: TokioResolver, domain: Name) -> Result<Vec<Mx>, DnsError> {
    let lookup = query(resolver, domain, RecordType::MX).await?;
    let mut exchangers = Vec::new();
    let mut null = false;
    for record in lookup.answers() {
        let RData::MX(mx) = &record.data else {
            continue;
        };
        if mx.exchange.is_root() {
            null = true;
        } else if exchangers.len() < MX_MAX {
            exchangers.push(Mx {
                preference: mx.preference,
                exchange: name::to_bytes(&mx.exchange),
            });
        }
    }
    match (exchangers.is_empty(), null) {
        (true, true) => Err(DnsError::NullMx),
        (true, false) => Err(DnsError::NotFound),
        (false, _) => Ok(exchangers),
    }
}

/// The IPv4 addresses in the answer's order, then the IPv6 addresses, at most [`ADDRESSES_MAX`] of each.
/// A failure of one family does not matter when the other has addresses.
pub(crate) async fn addresses(
    resolver: TokioResolver,
    host: Name,
) -> Result<Vec<IpAddr>, DnsError> {
    let v6 = tokio::spawn(query(resolver.clone(), host.clone(), RecordType::AAAA));
    let v4 = query(resolver, host, RecordType::A).await;
    let v6 = v6
        .await
        .unwrap_or_else(|error| Err(DnsError::Temporary(error.to_string())));
    let mut found = Vec::new();
    for lookup in [&v4, &v6].into_iter().flatten() {
        found.extend(
            lookup
                .answers()
                .iter()
                .filter_map(|record| address(&record.data))
                .take(ADDRESSES_MAX),
        );
    }
    match (found.is_empty(), v4, v6) {
        (false, _, _) => Ok(found),
        (true, Err(error @ DnsError::Temporary(_)), _)
        | (true, _, Err(error @ DnsError::Temporary(_))) => Err(error),
        (true, _, _) => Err(DnsError::NotFound),
    }
}

/// The IPv4 addresses in the answer's order, at most [`ADDRESSES_MAX`]; a name that is not absolute
/// is tried with the search list of resolv.conf.
pub(crate) async fn ipv4(resolver: TokioResolver, host: Name) -> Result<Vec<Ipv4Addr>, DnsError> {
    let lookup = query(resolver, host, RecordType::A).await?;
    let found: Vec<Ipv4Addr> = lookup
        .answers()
        .iter()
        .filter_map(|record| match address(&record.data)? {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(_) => None,
        })
        .take(ADDRESSES_MAX)
        .collect();
    if found.is_empty() {
        return Err(DnsError::NotFound);
    }
    Ok(found)
}

/// The first name in the answer. Nobody has checked that it leads back to the address.
pub(crate) async fn ptr(resolver: TokioResolver, address: IpAddr) -> Result<Vec<u8>, DnsError> {
    let lookup = query(resolver, Name::from(address), RecordType::PTR).await?;
    let target = |data: &RData| {
        let RData::PTR(ptr) = data else { return None };
        Some(name::to_bytes(&ptr.0)).filter(|name| !name.is_empty())
    };
    let mut names = lookup.answers().iter().filter_map(|r| target(&r.data));
    names.next().ok_or(DnsError::NotFound)
}

fn address(data: &RData) -> Option<IpAddr> {
    if let RData::A(address) = data {
        return Some(IpAddr::V4(address.0));
    }
    if let RData::AAAA(address) = data {
        return Some(IpAddr::V6(address.0));
    }
    None
}

async fn query(resolver: TokioResolver, name: Name, of: RecordType) -> Result<Lookup, DnsError> {
    match tokio::time::timeout(QUERY_TIMEOUT, resolver.lookup(name, of)).await {
        Ok(Ok(lookup)) => Ok(lookup),
        Ok(Err(error)) => Err(classify(&error)),
        Err(_) => Err(DnsError::Temporary("no answer".to_owned())),
    }
}

/// Only a server that says "no such name" or "no such record" is believed to mean it.
fn classify(error: &NetError) -> DnsError {
    if let NetError::Dns(NetDnsError::NoRecordsFound(none)) = error
        && (none.response_code == ResponseCode::NXDomain
            || none.response_code == ResponseCode::NoError)
    {
        return DnsError::NotFound;
    }
    DnsError::Temporary(error.to_string())
}

/// Exchangers of one domain that are used. Real domains have up to a dozen; a message with 64 KiB of them
/// would otherwise cost a query for each.
const MX_MAX: usize = 100;

/// Addresses of one host and family that are used.
const ADDRESSES_MAX: usize = 64;

/// All tries at all servers for one query. Longer than the resolver's own limits add up to by default.
const QUERY_TIMEOUT: Duration = Duration::from_secs(60);
