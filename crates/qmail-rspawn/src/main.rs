//! qmail-rspawn(8): starts a qmail-remote for every delivery that qmail-send orders.

fn main() -> std::process::ExitCode {
    qmail_rspawn::main()
}
