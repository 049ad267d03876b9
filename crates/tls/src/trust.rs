//! Whom a client believes: everybody, or whom a file of authorities vouches for.
//!
//! A certificate that itself stands in the file is believed whatever name it bears: so a server with a certificate
//! of its own making can be pinned.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::error::TrustError;
use crate::identity::{certificates, read_all};

/// What is known of a server after the handshake.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Trust {
    /// An authority vouches for it, or it is pinned.
    Verified,
    /// Nobody listens in, but it may be anybody; why it could not be verified.
    Anybody(String),
}

/// A file of authorities, ready to be asked.
#[derive(Debug)]
pub(crate) struct Authorities {
    pinned: Vec<CertificateDer<'static>>,
    /// Nothing when no certificate in the file can be an authority.
    chains: Option<Arc<WebPkiServerVerifier>>,
}

impl Authorities {
    pub(crate) fn read(path: &Path, provider: &Arc<CryptoProvider>) -> Result<Self, TrustError> {
        let failed = |source| TrustError::Read {
            path: path.to_path_buf(),
            source,
        };
        let content = os::file::open_read(path)
            .and_then(|file| read_all(&file))
            .map_err(failed)?;
        let pinned: Vec<_> = certificates(&content).collect();
        if pinned.is_empty() {
            return Err(TrustError::NoAuthority {
                path: path.to_path_buf(),
            });
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(pinned.iter().cloned());
        let chains =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        Ok(Self {
            pinned,
            chains: chains.build().ok(),
        })
    }

    /// Whether this server is the one of that name.
    pub(crate) fn verify(&self, server: &Presented<'_>) -> Result<(), Error> {
        if self.pinned.iter().any(|known| known == server.leaf) {
            return Ok(());
        }
        let Some(chains) = &self.chains else {
            return Err(Error::General("no authority to ask".to_owned()));
        };
        chains
            .verify_server_cert(server.leaf, server.rest, server.name, &[], server.now)
            .map(|_| ())
    }
}

/// What a server shows.
pub(crate) struct Presented<'a> {
    pub(crate) leaf: &'a CertificateDer<'a>,
    pub(crate) rest: &'a [CertificateDer<'a>],
    pub(crate) name: &'a ServerName<'a>,
    pub(crate) now: UnixTime,
}

/// Asked by rustls during the handshake. That the server owns the certificate it shows is always checked.
#[derive(Debug)]
pub(crate) struct Verifier {
    /// Without, everybody passes.
    pub(crate) required: Option<Arc<Authorities>>,
    pub(crate) provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        rest: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(authorities) = &self.required {
            authorities.verify(&Presented {
                leaf,
                rest,
                name,
                now,
            })?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, leaf, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, leaf, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
