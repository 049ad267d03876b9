//! qmail-tcpok(8): forgets the hosts that timed out lately.

fn main() -> std::process::ExitCode {
    tools_admin::qmail_tcpok::main()
}
