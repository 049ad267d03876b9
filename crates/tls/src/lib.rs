//! TLS for the programs that speak to the network, both ends; the only crate that names rustls and ring.
//!
//! TLS 1.2 and 1.3, nothing older. A server has a certificate for everybody and others by the name a client asks
//! for; its tickets are good in every process that reads the same key file. A client believes everybody, or
//! whom a file of authorities vouches for. Nothing here knows of SMTP or of control files: paths come in.

mod client;
mod error;
mod identity;
mod server;
mod stream;
mod ticket_keys;
mod tickets;
mod trust;

pub use client::{Client, ClientFiles, Demand};
pub use error::{HandshakeError, IdentityError, TicketError, TrustError};
pub use server::{Server, ServerFiles, Trouble};
pub use stream::{Stream, Summary};
pub use trust::Trust;
