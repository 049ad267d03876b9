//! maildirmake(1): makes a maildir.

fn main() -> std::process::ExitCode {
    tools_user::maildirmake::main()
}
