//! qmail-getpw(8): says whose address it is.

fn main() -> std::process::ExitCode {
    qmail_users::getpw::main()
}
