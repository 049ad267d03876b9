//! A secured stream over any transport that reads and writes: handshake, bytes both ways, a clean end.
//!
//! Time limits are the transport's. A connection that ends without the peer's goodbye is an error
//! (`UnexpectedEof`), never an end of file: somebody may have cut it.

use std::io::{self, Read, Write};

use rustls::{Connection, Error, HandshakeKind, ProtocolVersion};

use crate::error::HandshakeError;

/// A connection after its handshake.
#[derive(Debug)]
pub struct Stream<T> {
    connection: Connection,
    transport: T,
}

/// What was agreed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Summary {
    /// `TLSv1.3` or `TLSv1.2`
    pub version: &'static str,
    /// The cipher suite by its registered name, as `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// The peer had a ticket from an earlier connection.
    pub is_resumed: bool,
}

impl<T: Read + Write> Stream<T> {
    /// Shakes hands; afterwards both ends have proved that they know the keys.
    pub(crate) fn establish(connection: Connection, transport: T) -> Result<Self, HandshakeError> {
        let mut stream = Self {
            connection,
            transport,
        };
        while stream.connection.is_handshaking() {
            stream.send()?;
            if stream.connection.is_handshaking() {
                stream.receive().map_err(HandshakeError::from_receipt)?;
            }
        }
        // The last flight, and tickets for the next time.
        stream.send()?;
        Ok(stream)
    }

    /// What was agreed.
    pub fn summary(&self) -> Summary {
        let version = match self.connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
            Some(_) | None => "TLSv1.2",
        };
        let cipher = self.connection.negotiated_cipher_suite();
        let name = cipher.map(|suite| format!("{:?}", suite.suite()));
        Summary {
            version,
            cipher: name.unwrap_or_default().replace("TLS13_", "TLS_"),
            is_resumed: self.connection.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }

    /// What is below: to set its time limits.
    pub fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    /// Says goodbye, so that the peer knows that nothing was cut off.
    ///
    /// # Errors
    /// The transport's.
    pub fn close(&mut self) -> io::Result<()> {
        self.connection.send_close_notify();
        self.send()
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Sends every record that waits.
    fn send(&mut self) -> io::Result<()> {
        while self.connection.wants_write() {
            retry(|| self.connection.write_tls(&mut self.transport))?;
        }
        self.transport.flush()
    }

    /// Waits for bytes and takes them in.
    fn receive(&mut self) -> Result<(), Receipt> {
        let count = retry(|| self.connection.read_tls(&mut self.transport))?;
        if let Err(error) = self.connection.process_new_packets() {
            // The peer should hear why; it has an alert waiting for it. That it may not is no news.
            let _unheard = self.send();
            return Err(Receipt::Refused(error));
        }
        if count == 0 && self.connection.is_handshaking() {
            return Err(Receipt::Lost(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }
}

/// Bytes that were waited for and did not come well.
enum Receipt {
    Lost(io::Error),
    Refused(Error),
}

impl From<io::Error> for Receipt {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

impl HandshakeError {
    fn from_receipt(receipt: Receipt) -> Self {
        match receipt {
            Receipt::Lost(error) => Self::Transport(error),
            Receipt::Refused(error @ Error::InvalidCertificate(_)) => Self::Untrusted(error),
            Receipt::Refused(error) => Self::Peer(error),
        }
    }
}

impl<T: Read + Write> Read for Stream<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
            // An answer to the peer's keys or alerts; the peer may wait for it.
            self.send()?;
            match self.receive() {
                Ok(()) => {}
                Err(Receipt::Lost(error)) => return Err(error),
                Err(Receipt::Refused(error)) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
        }
    }
}

impl<T: Read + Write> Write for Stream<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.connection.writer().write(bytes)?;
        self.send()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

/// Again, when a signal came between.
fn retry(mut attempt: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
