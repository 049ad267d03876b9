//! The side that connects: encrypt to anybody, or only to a server that can be verified; our own certificate if
//! we have one.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection};

use crate::error::{HandshakeError, TrustError};
use crate::identity;
use crate::stream::Stream;
use crate::trust::{Authorities, Presented, Trust, Verifier};

/// How much a client asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Demand {
    /// That nobody listens in; who it is, is looked at and told, and changes nothing.
    Secrecy,
    /// That the authorities vouch for the server's name, or that it is pinned.
    Verification,
}

/// Where a client finds what it believes and who it is.
#[derive(Clone, Debug)]
pub struct ClientFiles {
    /// PEM certificates; without, nobody can be verified.
    pub authorities: Option<PathBuf>,
    /// Our chain, and perhaps its key; need not exist.
    pub certificate: PathBuf,
    /// Its key, when not there.
    pub key: PathBuf,
}

/// Connects to servers.
#[derive(Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
    authorities: Option<Arc<Authorities>>,
}

impl Client {
    /// Reads the files once, for any number of connections.
    ///
    /// # Errors
    /// A file is there and cannot be used, or verification is demanded and nothing says by whom.
    pub fn read(files: &ClientFiles, demand: Demand) -> Result<Self, TrustError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authorities = match &files.authorities {
            Some(path) => Some(Arc::new(Authorities::read(path, &provider)?)),
            None => None,
        };
        let required = match demand {
            Demand::Secrecy => None,
            Demand::Verification => Some(authorities.clone().ok_or(TrustError::NothingToTrust)?),
        };
        let identity = identity::read(&files.certificate, &files.key, &provider)?;
        let verifier = Verifier {
            required,
            provider: Arc::clone(&provider),
        };
        Ok(Self {
            config: Arc::new(config(provider, verifier, identity)?),
            authorities,
        })
    }

    /// Shakes hands with the server of this name; an address in brackets or without stands for itself.
    ///
    /// # Errors
    /// No secure connection came about, or not with whom it was demanded.
    pub fn connect<T: Read + Write>(
        &self,
        transport: T,
        name: &[u8],
    ) -> Result<(Stream<T>, Trust), HandshakeError> {
        let name = server_name(name);
        let connection = ClientConnection::new(Arc::clone(&self.config), name.clone())
            .map_err(HandshakeError::Setup)?;
        let stream = Stream::establish(connection.into(), transport)?;
        let trust = self.trust(&stream, &name);
        Ok((stream, trust))
    }

    fn trust<T: Read + Write>(&self, stream: &Stream<T>, name: &ServerName<'_>) -> Trust {
        let Some(authorities) = &self.authorities else {
            return Trust::Anybody("no file of authorities".to_owned());
        };
        let shown = stream.connection().peer_certificates().unwrap_or_default();
        let Some((leaf, rest)) = shown.split_first() else {
            return Trust::Anybody("no certificate".to_owned());
        };
        let verified = authorities.verify(&Presented {
            leaf,
            rest,
            name,
            now: UnixTime::now(),
        });
        match verified {
            Ok(()) => Trust::Verified,
            Err(error) => Trust::Anybody(error.to_string()),
        }
    }
}

fn config(
    provider: Arc<CryptoProvider>,
    verifier: Verifier,
    identity: Option<CertifiedKey>,
) -> Result<ClientConfig, TrustError> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(TrustError::Setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match identity {
        Some(identity) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
        }
        None => builder.with_no_client_auth(),
    };
    // A process makes a few connections to different servers: nothing to keep.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// What cannot be a name is not asked for; the server shows the certificate it has for everybody.
fn server_name(name: &[u8]) -> ServerName<'static> {
    let text = std::str::from_utf8(name).unwrap_or_default();
    let text = text.trim_end_matches('.');
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return ServerName::from(address);
    }
    ServerName::try_from(text.to_owned())
        .unwrap_or_else(|_| ServerName::from(IpAddr::from([0, 0, 0, 0])))
}

#[cfg(test)]
mod tests;
