//! datemail(1): sendmail with a Date field in local time.

fn main() -> std::process::ExitCode {
    tools_user::datemail::main()
}
