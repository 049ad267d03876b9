//! dnsip(1): the addresses of a host.

fn main() -> std::process::ExitCode {
    tools_net::dnsip::main()
}
