//! qmail-pw2u(8): makes `users/assign` of a password file.

fn main() -> std::process::ExitCode {
    qmail_users::pw2u::main()
}
