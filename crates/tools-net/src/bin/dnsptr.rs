//! dnsptr(1): the name of an address.

fn main() -> std::process::ExitCode {
    tools_net::dnsptr::main()
}
