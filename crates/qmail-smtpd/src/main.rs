//! qmail-smtpd(8): takes mail by SMTP from the client on descriptors 0 and 1.

fn main() -> std::process::ExitCode {
    qmail_smtpd::main()
}
