//! maildir2mbox(1): moves mail from a maildir into an mbox.

fn main() -> std::process::ExitCode {
    tools_user::maildir2mbox::main()
}
