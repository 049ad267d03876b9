//! qmail-upq(8): puts the files of a queue into their subdirectories.

fn main() -> std::process::ExitCode {
    tools_admin::qmail_upq::main()
}
