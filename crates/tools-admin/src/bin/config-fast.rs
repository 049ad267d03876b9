//! config-fast(8): the first control files, for a given name.

fn main() -> std::process::ExitCode {
    tools_admin::config_fast::main()
}
