//! qreceipt(1): answers a request for a notice of delivery.

fn main() -> std::process::ExitCode {
    tools_user::qreceipt::main()
}
