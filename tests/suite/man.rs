//! What each man page promises, one module per page.

mod dot_qmail_5;
mod full_disk;
mod hand_fed;
mod injected;
mod local_interrupted;
mod local_recorded;
mod maildir_5;
mod mbox_5;
mod one_delivery;
mod qmail_command_8;
mod qmail_getpw_8;
mod qmail_inject_8;
mod qmail_local_8;
mod qmail_lspawn_8;
mod qmail_newu_8;
mod qmail_remote_8;
mod qmail_rspawn_8;
mod qmail_send_8;
mod qmail_smtpd_8;
mod qmail_start_8;
mod sendmail_8;
