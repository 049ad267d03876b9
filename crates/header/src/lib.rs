//! Message headers (RFC 822, as qmail-header(5) understands it): fields, the tokens and address
//! lists inside them, the rewriting of addresses, and the lines we write ourselves.

pub mod field;
pub mod list;
pub mod received;
pub mod rewrite;
pub mod stamp;
pub mod token;

pub use received::Received;
pub use rewrite::Defaults;
pub use token::Token;
