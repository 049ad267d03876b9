//! qmail-rspawn
