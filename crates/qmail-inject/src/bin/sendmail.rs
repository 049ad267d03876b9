//! sendmail(8): the old name and options, for programs that know no other way to send mail.

fn main() -> std::process::ExitCode {
    qmail_inject::sendmail::main()
}
