//! qmail-local
