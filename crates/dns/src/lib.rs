//! Names to mail exchangers and addresses; the only crate that names hickory and tokio. Blocking outside.
//!
//! Nothing is opened before the first query: most deliveries of a relay go to a route and need none. Names are
//! looked up exactly as given: no search list, no hosts file (RFC 5321, section 5; RFC 7505).

mod error;
mod lookup;
mod name;
mod order;
mod resolver;

pub use error::DnsError;
pub use lookup::Mx;
pub use resolver::{Resolver, Server};
