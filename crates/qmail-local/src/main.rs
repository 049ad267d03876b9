//! qmail-local(8): deliver or forward one message as a user's .qmail file says.

fn main() -> std::process::ExitCode {
    qmail_local::main()
}
