//! qmail-lspawn
