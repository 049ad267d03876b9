//! qmail-qmtpd(8): takes mail by QMTP from the client on descriptors 0 and 1.

fn main() -> std::process::ExitCode {
    qmail_qmtp::qmtpd()
}
