//! What source files look like: length, names, beginnings, purity of the formats.

use std::fs;
use std::path::{Path, PathBuf};

use harness::programs;

use super::{Layer, crates};

/// Every Rust file of ours with its text, paths relative to the top of the tree.
fn sources() -> Vec<(PathBuf, String)> {
    let top = programs::source();
    let mut files = Vec::new();
    for part in ["crates", "tests"] {
        collect(&top.join(part), &mut files);
    }
    assert!(files.len() > 100, "only {} source files found", files.len());
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("a source file");
        (
            path.strip_prefix(&top).expect("below the top").to_owned(),
            text,
        )
    };
    files.into_iter().map(read).collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn no_file_is_longer_than_a_screenful_of_screens() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
    }
}

#[test]
fn every_file_says_first_what_it_is() {
    for (path, text) in sources() {
        assert!(
            text.starts_with("//! "),
            "{} begins without a word",
            path.display()
        );
    }
}

#[test]
fn nothing_is_called_by_a_name_that_says_nothing() {
    const EMPTY: [&str; 10] = [
        "common", "util", "utils", "helper", "helpers", "misc", "core", "base", "types", "prelude",
    ];
    for (path, _) in sources() {
        for part in &path {
            let name = part.to_string_lossy();
            let stem = name.strip_suffix(".rs").unwrap_or(&name);
            assert!(!EMPTY.contains(&stem), "{} says nothing", path.display());
        }
    }
    for each in crates() {
        assert!(
            !EMPTY.contains(&each.name.as_str()),
            "{} says nothing",
            each.name
        );
    }
}

#[test]
fn a_main_only_turns_a_result_into_an_exit_code() {
    for each in crates()
        .iter()
        .filter(|each| each.layer() == Layer::Program)
    {
        let mut files = Vec::new();
        collect(&each.directory.join("src"), &mut files);
        let is_main = |path: &&PathBuf| {
            path.ends_with("main.rs") || path.parent().is_some_and(|parent| parent.ends_with("bin"))
        };
        for path in files.iter().filter(is_main) {
            let lines = fs::read_to_string(path).expect("a main").lines().count();
            assert!(
                lines <= MAIN_LINES_MAX,
                "{} has {lines} lines",
                path.display()
            );
        }
    }
}

#[test]
fn formats_take_bytes_and_give_values() {
    const IMPURE: [&str; 6] = ["env", "fs", "net", "process", "thread", "time"];
    for each in crates().iter().filter(|each| each.layer() == Layer::Format) {
        let mut files = Vec::new();
        collect(&each.directory.join("src"), &mut files);
        for path in files.iter().filter(|path| !path.ends_with("tests.rs")) {
            let text = fs::read_to_string(path).expect("a source file");
            let code = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .expect("a first part");
            for module in std_modules(code) {
                let is_pure = !IMPURE.contains(&module.as_str());
                assert!(is_pure, "{} uses std::{module}", path.display());
            }
        }
    }
}

/// The modules of std that some code names, in paths and in grouped imports.
fn std_modules(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for after in code.split("std::").skip(1) {
        let group = after
            .strip_prefix('{')
            .and_then(|rest| rest.split('}').next());
        let names = group.map_or_else(|| vec![after], |group| group.split(',').collect());
        for name in names {
            let end = |letter: char| !letter.is_alphanumeric() && letter != '_';
            modules.push(name.trim().split(end).next().unwrap_or_default().to_owned());
        }
    }
    modules
}

#[test]
fn the_modules_of_std_are_found() {
    assert_eq!(std_modules("use std::fs;\nstd::net::IpAddr"), ["fs", "net"]);
    assert_eq!(std_modules("use std::{fmt, fs::File};"), ["fmt", "fs"]);
}

#[test]
fn unsafe_code_is_in_os_alone() {
    for (path, text) in sources() {
        if path.starts_with("crates/os") || path.ends_with("architecture/sources.rs") {
            continue;
        }
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        let found = text.lines().filter(is_code).find(|line| {
            line.contains("unsafe {") || line.contains("unsafe fn") || line.contains("unsafe impl")
        });
        assert_eq!(found, None, "{}", path.display());
    }
}

#[test]
fn nobody_sleeps_for_a_guessed_time() {
    for (path, text) in sources() {
        let exempt = path.starts_with("tests/bench") || path.ends_with("architecture/sources.rs");
        let sleeps = text.contains("thread::sleep") && !exempt;
        assert!(
            !sleeps,
            "{} sleeps: wait for something instead",
            path.display()
        );
    }
}

#[test]
fn an_ignored_test_has_a_reason() {
    for (path, text) in sources() {
        let ignored = text
            .lines()
            .find(|line| line.trim() == concat!("#[", "ignore]"));
        assert_eq!(ignored, None, "{}", path.display());
    }
}

#[test]
fn internals_lists_every_crate() {
    let text = fs::read_to_string(programs::source().join("INTERNALS.md")).expect("INTERNALS.md");
    for each in crates() {
        let word = |letter: char| !letter.is_alphanumeric() && letter != '-';
        let is_named = text.split(word).any(|name| name == each.name);
        assert!(is_named, "INTERNALS.md does not name {}", each.name);
    }
}

const LINES_MAX: usize = 500;
const MAIN_LINES_MAX: usize = 15;
