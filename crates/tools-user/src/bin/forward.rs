//! forward(1): sends the message on to other addresses.

fn main() -> std::process::ExitCode {
    tools_user::forward::main()
}
