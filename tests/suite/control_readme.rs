//! control/README.md and qmail-control(5) describe the files of `control::catalog`, and no others.

use std::collections::BTreeSet;
use std::fs;

use control::catalog::{CATALOG, Entry};
use harness::programs;

#[test]
fn the_table_in_the_readme_is_the_catalog() {
    let text = read("control/README.md");
    let is_row = |line: &&str| line.starts_with("| `");
    let shown: Vec<&str> = text.lines().filter(is_row).collect();
    let expected: Vec<String> = CATALOG.iter().map(row).collect();
    assert_eq!(
        shown,
        expected,
        "control/README.md should have:\n{}\n",
        expected.join("\n")
    );
}

#[test]
fn the_manual_page_has_an_item_for_every_file() {
    let text = read("crates/control/qmail-control.5");
    let items = text.lines().filter_map(|line| line.strip_prefix(".It Pa "));
    let shown: BTreeSet<&str> = items.collect();
    let expected: BTreeSet<&str> = CATALOG.iter().map(|entry| entry.name).collect();
    assert_eq!(shown, expected);
}

#[test]
fn the_sample_has_only_files_that_somebody_reads() {
    let directory = programs::source().join("control/sample");
    for entry in fs::read_dir(directory).expect("control/sample").flatten() {
        let name = entry.file_name().into_string().expect("name");
        assert!(
            control::catalog::find(&name).is_some(),
            "control/sample/{name}"
        );
    }
}

fn row(entry: &Entry) -> String {
    format!(
        "| `{}` | {} | {} | {} | {} |",
        entry.name,
        entry.form.word(),
        entry.default,
        entry.readers.join(", "),
        entry.reread.words()
    )
}

fn read(path: &str) -> String {
    let path = programs::source().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
