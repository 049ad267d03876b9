//! vdelivermail(8): deliver one message to a user of a vpopmail domain.

fn main() -> std::process::ExitCode {
    vdelivermail::main()
}
