//! qmail-smtpd
