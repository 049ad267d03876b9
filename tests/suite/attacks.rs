//! What attackers, broken programs and typing errors give to the programs, one module per way in;
//! `hostile_smtpd` has the network's.

mod control;
mod dot_qmail;
mod inject;
mod logs;
mod queue_files;
mod setuid;
