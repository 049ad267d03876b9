//! qmail-popup(8): asks a POP3 client who it is.

fn main() -> std::process::ExitCode {
    qmail_pop3d::popup()
}
