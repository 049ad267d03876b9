//! qmail-lspawn(8): starts a qmail-local for every delivery that qmail-send orders.

fn main() -> std::process::ExitCode {
    qmail_lspawn::main()
}
