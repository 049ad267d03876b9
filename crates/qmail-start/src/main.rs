//! qmail-start(8): starts the daemons of one queue and becomes qmail-send.

fn main() -> std::process::ExitCode {
    qmail_start::main()
}
