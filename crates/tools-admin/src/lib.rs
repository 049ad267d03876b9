//! The tools of the postmaster: what is in the queue, what is configured, the databases and tables
//! beside them, logging through syslog, the first configuration, the state of an installation. One
//! module each, named like its program and its man page. Those that look at the queue do so
//! through crate `queue`, and none of them writes there but qmail-upq.

mod setup;
mod stdout;

pub mod config;
pub mod config_fast;
pub mod instcheck;
pub mod qmail_newmrh;
pub mod qmail_qread;
pub mod qmail_qstat;
pub mod qmail_showctl;
pub mod qmail_tcpok;
pub mod qmail_tcpto;
pub mod qmail_upq;
pub mod splogger;
