//! preline(1): puts the delivery's lines before the message and feeds it to a program.

fn main() -> std::process::ExitCode {
    tools_user::preline::main()
}
