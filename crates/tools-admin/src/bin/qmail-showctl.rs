//! qmail-showctl(8): explains the configuration.

fn main() -> std::process::ExitCode {
    tools_admin::qmail_showctl::main()
}
