//! qmail-remote(8): sends one message to one host by SMTP.

fn main() -> std::process::ExitCode {
    qmail_remote::main()
}
