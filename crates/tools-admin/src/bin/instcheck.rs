//! instcheck(8): compares a home with what it should be.

fn main() -> std::process::ExitCode {
    tools_admin::instcheck::main()
}
