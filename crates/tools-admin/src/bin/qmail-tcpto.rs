//! qmail-tcpto(8): shows the hosts that timed out lately.

fn main() -> std::process::ExitCode {
    tools_admin::qmail_tcpto::main()
}
