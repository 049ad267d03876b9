//! The side that is connected to: a certificate for everybody, others by the name a client asks for, tickets.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ring::digest::{SHA256, digest};
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection};

use crate::error::{HandshakeError, IdentityError, TicketError};
use crate::stream::Stream;
use crate::tickets::Tickets;
use crate::{identity, ticket_keys};

/// Where a server's secrets are.
#[derive(Clone, Debug)]
pub struct ServerFiles {
    /// The chain for everybody, and perhaps its key.
    pub certificate: PathBuf,
    /// Its key, when not there.
    pub key: PathBuf,
    /// A directory with `NAME.pem`, chain and key, for clients that ask for this name.
    pub by_name: PathBuf,
    /// A directory of this account's own, for the keys of tickets; without it sessions are not resumed.
    pub tickets: PathBuf,
    /// Tickets of one service are nothing to another.
    pub service: Vec<u8>,
    /// What a client may call the protocol, if it calls it anything (ALPN): one that means to speak HTTP is
    /// turned away.
    pub protocols: Vec<Vec<u8>>,
}

/// A server whose certificate and key fit each other.
#[derive(Debug)]
pub struct Server {
    files: ServerFiles,
    identity: Arc<CertifiedKey>,
    provider: Arc<CryptoProvider>,
}

/// Something a postmaster should know; the connection is secure all the same.
#[derive(Debug, Default)]
pub struct Trouble {
    /// There are no tickets.
    pub tickets: Option<TicketError>,
    /// A certificate for a name cannot be used; the one for everybody was.
    pub by_name: Option<IdentityError>,
}

impl Server {
    /// Reads the certificate for everybody. Nothing when there is none: then there is no TLS.
    ///
    /// # Errors
    /// The certificate is there and cannot be used.
    pub fn read(files: ServerFiles) -> Result<Option<Self>, IdentityError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let identity = identity::read(&files.certificate, &files.key, &provider)?;
        Ok(identity.map(|identity| Self {
            files,
            identity: Arc::new(identity),
            provider,
        }))
    }

    /// Shakes hands with a client.
    ///
    /// # Errors
    /// No secure connection came about.
    pub fn accept<T: Read + Write>(
        &self,
        transport: T,
    ) -> Result<(Stream<T>, Trouble), HandshakeError> {
        let mut trouble = Trouble::default();
        let chooser = Arc::new(Chooser {
            for_everybody: Arc::clone(&self.identity),
            directory: self.files.by_name.clone(),
            provider: Arc::clone(&self.provider),
            trouble: Mutex::new(None),
        });
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(HandshakeError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Chooser>::clone(&chooser));
        config.alpn_protocols.clone_from(&self.files.protocols);
        match self.tickets() {
            Ok(Some(tickets)) => config.ticketer = Arc::new(tickets),
            Ok(None) => config.send_tls13_tickets = 0,
            Err(error) => {
                config.send_tls13_tickets = 0;
                trouble.tickets = Some(error);
            }
        }
        let connection = ServerConnection::new(Arc::new(config)).map_err(HandshakeError::Setup)?;
        let stream = Stream::establish(connection.into(), transport)?;
        trouble.by_name = chooser.trouble();
        Ok((stream, trouble))
    }

    fn tickets(&self) -> Result<Option<Tickets>, TicketError> {
        let keys = ticket_keys::current(&self.files.tickets, os::clock::now())?;
        Ok(Tickets::new(&keys, self.context(), os::clock::now))
    }

    /// A new certificate ends old sessions: clients should see it.
    fn context(&self) -> Vec<u8> {
        let leaf = self.identity.cert.first().map(AsRef::as_ref);
        let print = digest(&SHA256, leaf.unwrap_or_default());
        [&self.files.service, b"\0".as_slice(), print.as_ref()].concat()
    }
}

/// Chooses a certificate by the name in the client's first message.
#[derive(Debug)]
struct Chooser {
    for_everybody: Arc<CertifiedKey>,
    directory: PathBuf,
    provider: Arc<CryptoProvider>,
    /// rustls takes an answer, not a complaint.
    trouble: Mutex<Option<IdentityError>>,
}

impl Chooser {
    fn by_name(&self, name: &str) -> Option<CertifiedKey> {
        let file = file_of(&self.directory, name)?;
        match identity::read(&file, &file, &self.provider) {
            Ok(found) => found,
            Err(error) => {
                if let Ok(mut trouble) = self.trouble.lock() {
                    *trouble = Some(error);
                }
                None
            }
        }
    }

    fn trouble(&self) -> Option<IdentityError> {
        self.trouble.lock().ok()?.take()
    }
}

/// A name is host name letters only: it becomes a file name.
fn file_of(directory: &Path, name: &str) -> Option<PathBuf> {
    let name = name.to_ascii_lowercase();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_fit = name.bytes().all(is_plain) && !name.starts_with('.') && !name.is_empty();
    is_fit.then(|| directory.join(format!("{name}.pem")))
}

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.by_name(name));
        Some(named.map_or_else(|| Arc::clone(&self.for_everybody), Arc::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_name_becomes_a_file_name() {
        let file = |name: &str| file_of(Path::new("/d"), name);
        assert_eq!(file("Mx.Example"), Some(PathBuf::from("/d/mx.example.pem")));
        for name in ["", "..", "../x", ".hidden", "a/b", "a\0b", "*"] {
            assert_eq!(file(name), None, "{name}");
        }
    }
}
