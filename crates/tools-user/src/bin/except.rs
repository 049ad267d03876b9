//! except(1): turns the answer of a program round.

fn main() -> std::process::ExitCode {
    tools_user::except::main()
}
