//! What is done with bytes from outside, whoever made them up: libFuzzer (`fuzz_targets/`), or the
//! corpus and its mutations in every test run (`suite/fuzz_corpus.rs`). A target panics where a
//! parser breaks its word: what it reads it must write back as it was, pieces must make the same as
//! the whole, and what it gives on must be fit for whoever takes it.

mod delivery;
mod files;
mod header;
mod pipes;
mod queue_files;
mod scratch;
mod smtp;
mod wire;

/// A target: it panics, or all is well.
pub type Target = fn(&[u8]);

/// All of them by name; the corpus of each is in `corpus/NAME`.
pub const ALL: &[(&str, Target)] = &[
    ("assign", files::assign),
    ("cdb_file", files::cdb_file),
    ("cdb_records", files::cdb_records),
    ("clean_request", queue_files::clean_request),
    ("control", files::control),
    ("data_received", wire::data_received),
    ("data_sent", wire::data_sent),
    ("dot_qmail", delivery::dot_qmail),
    ("envelope", queue_files::envelope),
    ("header_fields", header::fields),
    ("header_list", header::list),
    ("header_tokens", header::tokens),
    ("info_and_recipients", queue_files::info_and_recipients),
    ("log_line", delivery::log_line),
    ("loop_line", delivery::loop_line),
    ("mbox_quoting", delivery::mbox_quoting),
    ("netstring", wire::netstring),
    ("quota", delivery::quota),
    ("remote_report", pipes::remote_report),
    ("smtp_command", smtp::command),
    ("smtp_parameters", smtp::parameters),
    ("smtp_path", smtp::path),
    ("smtp_reply", smtp::reply),
    ("smtp_sasl", smtp::sasl),
    ("spawn_commands", pipes::spawn_commands),
    ("spawn_reports", pipes::spawn_reports),
    ("tcpto", files::tcpto),
    ("todo", queue_files::todo),
];

/// Runs one of them.
///
/// # Panics
/// When there is none of this name, and whenever the target does.
pub fn run(name: &str, data: &[u8]) {
    let found = ALL.iter().find(|(known, _)| *known == name);
    let (_, target) = found.unwrap_or_else(|| panic!("no target {name}"));
    target(data);
}

/// Cuts data into two to sixteen pieces whose sizes the first byte decides: a parser must not care.
fn pieces(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let size = data.first().map_or(1, |byte| usize::from(byte % 7) + 1);
    data.chunks(size)
}
