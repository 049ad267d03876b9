//! Which recipients qmail-smtpd and its kin accept: `rcpthosts`, then `morercpthosts.cdb`.
//! Without `rcpthosts` the host is not an open relay: what it delivers itself, by `locals` and
//! `virtualdomains`, is all it takes.

use crate::{Control, ControlError, Map, parents};

/// The domains mail is accepted for.
#[derive(Debug)]
pub struct RcptHosts(Source);

#[derive(Debug)]
enum Source {
    Listed {
        domains: Map,
        more: Option<cdb::Reader>,
    },
    Own {
        locals: Map,
        virtualdomains: Map,
    },
}

impl RcptHosts {
    /// Reads the files; `morercpthosts.cdb` is opened only beside a `rcpthosts`.
    pub fn read(control: &Control) -> Result<Self, ControlError> {
        if let Some(domains) = control.set("rcpthosts")? {
            let more = cdb::Reader::open_if_exists(&control.path("morercpthosts.cdb"))?;
            return Ok(Self(Source::Listed { domains, more }));
        }
        let locals = control.locals()?.unwrap_or_default();
        let virtualdomains = control.map("virtualdomains")?.unwrap_or_default();
        Ok(Self(Source::Own {
            locals,
            virtualdomains,
        }))
    }

    /// As if `rcpthosts` had these lines, without `morercpthosts.cdb`.
    pub fn of_names(lines: &[Vec<u8>]) -> Self {
        Self(Source::Listed {
            domains: Map::of_names(lines),
            more: None,
        })
    }

    /// Whether there is a `rcpthosts`; a host without one deserves a warning.
    pub fn is_listed(&self) -> bool {
        matches!(self.0, Source::Listed { .. })
    }

    /// Whether a recipient is accepted. One without domain always is: qmail-send gives it
    /// `envnoathost`.
    pub fn allows(&self, recipient: &[u8]) -> Result<bool, ControlError> {
        let Some(at) = recipient.iter().rposition(|b| *b == b'@') else {
            return Ok(true);
        };
        let domain = recipient.get(at + 1..).unwrap_or_default();
        match &self.0 {
            Source::Listed { domains, more } => listed(domains, more.as_ref(), domain),
            Source::Own {
                locals,
                virtualdomains,
            } => Ok(locals.contains(domain) || is_virtual(virtualdomains, recipient, domain)),
        }
    }
}

fn listed(domains: &Map, more: Option<&cdb::Reader>, domain: &[u8]) -> Result<bool, ControlError> {
    if domains.get_domain(domain).is_some() {
        return Ok(true);
    }
    let Some(more) = more else {
        return Ok(false);
    };
    let domain = domain.to_ascii_lowercase();
    for name in parents(&domain) {
        if more.contains(name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// As qmail-send routes, but for the line that takes everything: it would relay for the world.
fn is_virtual(virtualdomains: &Map, recipient: &[u8], domain: &[u8]) -> bool {
    let prefix = virtualdomains.get(recipient);
    prefix
        .or_else(|| virtualdomains.get_domain(domain))
        .is_some_and(|prefix| !prefix.is_empty())
}
