//! qmail-send
