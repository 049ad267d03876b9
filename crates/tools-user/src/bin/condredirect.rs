//! condredirect(1): sends the message on if a program says so.

fn main() -> std::process::ExitCode {
    tools_user::condredirect::main()
}
