//! qmail-users
