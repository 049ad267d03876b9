//! qmail-qread(8): lists the messages in the queue.

fn main() -> std::process::ExitCode {
    tools_admin::qmail_qread::main()
}
