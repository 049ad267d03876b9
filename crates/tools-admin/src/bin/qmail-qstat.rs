//! qmail-qstat(8): counts the messages in the queue.

fn main() -> std::process::ExitCode {
    tools_admin::qmail_qstat::main()
}
