//! qmail-qmqpd(8): takes mail by QMQP from the client on descriptors 0 and 1.

fn main() -> std::process::ExitCode {
    qmail_qmtp::qmqpd()
}
