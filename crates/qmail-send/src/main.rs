//! qmail-send(8).

fn main() -> std::process::ExitCode {
    qmail_send::main()
}
