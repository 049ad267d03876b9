//! bouncesaying(1): refuses the message with a text, always or if a program says so.

fn main() -> std::process::ExitCode {
    tools_user::bouncesaying::main()
}
