//! dnsmxip(1): the addresses mail for a domain goes to.

fn main() -> std::process::ExitCode {
    tools_net::dnsmxip::main()
}
