//! hostname(1): the name of this machine.

fn main() -> std::process::ExitCode {
    tools_net::hostname::main()
}
