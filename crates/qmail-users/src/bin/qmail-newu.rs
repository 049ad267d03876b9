//! qmail-newu(8): makes `users/cdb` of `users/assign`.

fn main() -> std::process::ExitCode {
    qmail_users::newu::main()
}
