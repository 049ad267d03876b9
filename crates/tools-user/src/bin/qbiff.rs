//! qbiff(1): tells the user's terminals that mail has come.

fn main() -> std::process::ExitCode {
    tools_user::qbiff::main()
}
