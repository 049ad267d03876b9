//! ipmeprint(1): the addresses of this machine.

fn main() -> std::process::ExitCode {
    tools_net::ipmeprint::main()
}
