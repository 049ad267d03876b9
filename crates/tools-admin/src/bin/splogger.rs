//! splogger(8): passes lines on to syslog.

fn main() -> std::process::ExitCode {
    tools_admin::splogger::main()
}
