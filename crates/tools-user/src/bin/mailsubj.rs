//! mailsubj(1): sends standard input under a subject.

fn main() -> std::process::ExitCode {
    tools_user::mailsubj::main()
}
