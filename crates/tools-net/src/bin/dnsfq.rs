//! dnsfq(1): the full name of a host, by its address.

fn main() -> std::process::ExitCode {
    tools_net::dnsfq::main()
}
