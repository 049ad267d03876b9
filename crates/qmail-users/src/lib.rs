//! The programs about users: qmail-getpw(8), qmail-newu(8), qmail-pw2u(8).

pub mod getpw;
pub mod newu;
pub mod pw2u;
