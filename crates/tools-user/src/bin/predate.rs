//! predate(1): puts a Date field in local time before a message.

fn main() -> std::process::ExitCode {
    tools_user::predate::main()
}
