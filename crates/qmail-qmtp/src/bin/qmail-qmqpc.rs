//! qmail-qmqpc(8): hands a message to a QMQP server, in the place of qmail-queue.

fn main() -> std::process::ExitCode {
    qmail_qmtp::qmqpc()
}
