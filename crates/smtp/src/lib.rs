//! The SMTP protocol without I/O, both ends: bytes in, values out (RFC 5321).

pub mod command;
pub mod ehlo;
pub mod line;
pub mod parameters;
pub mod reply;
pub mod sasl;
pub mod stuff;
pub mod unstuff;
