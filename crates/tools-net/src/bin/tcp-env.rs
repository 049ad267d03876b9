//! tcp-env(1): TCP environment variables from a socket.

fn main() -> std::process::ExitCode {
    tools_net::tcp_env::main()
}
