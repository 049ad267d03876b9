//! qmail-rcptcheck(8): says by its exit code whether `$RECIPIENT` has a mailbox here.

fn main() -> std::process::ExitCode {
    qmail_rcptcheck::main()
}
