//! config(8): the first control files, by the DNS.

fn main() -> std::process::ExitCode {
    tools_admin::config::main()
}
