//! qmail-inject(8): completes a message from standard input and queues it.

fn main() -> std::process::ExitCode {
    qmail_inject::main()
}
