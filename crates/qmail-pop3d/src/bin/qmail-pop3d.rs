//! qmail-pop3d(8): lets a POP3 client read a maildir.

fn main() -> std::process::ExitCode {
    qmail_pop3d::pop3d()
}
