//! qmail-newmrh(8): makes `control/morercpthosts.cdb`.

fn main() -> std::process::ExitCode {
    tools_admin::qmail_newmrh::main()
}
