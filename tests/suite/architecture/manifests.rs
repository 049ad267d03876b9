//! What Cargo.toml files say: dependencies point down, few crates are named, builds are strict.

use std::fs;

use harness::programs;

use super::{Crate, Layer, crates};

#[test]
fn folder_and_crate_have_one_name_and_a_place_in_the_layers() {
    for each in crates() {
        let line = format!("name = \"{}\"", each.name);
        assert!(
            each.manifest.contains(&line),
            "{} is called otherwise inside",
            each.name
        );
        let is_program = each.name.starts_with("qmail-")
            || each.name.starts_with("tools-")
            || each.name == "vdelivermail";
        let by_layer = each.layer() == Layer::Program;
        assert_eq!(
            by_layer, is_program,
            "{} is in no layer of architecture.rs",
            each.name
        );
    }
}

#[test]
fn dependencies_point_down() {
    let all = crates();
    for each in &all {
        for name in &each.dependencies {
            let Some(other) = all.iter().find(|other| other.name == *name) else {
                continue;
            };
            let allowed = match (each.layer(), other.layer()) {
                // The formats take bytes and give values; they have no use for the ground.
                (Layer::Format, Layer::Ground) => false,
                (Layer::Format, Layer::Format) | (Layer::Ground, Layer::Ground) => true,
                (Layer::Service, Layer::Service) => {
                    other.name == "cdb" && ["control", "users"].contains(&each.name.as_str())
                }
                (upper, lower) => upper > lower,
            };
            assert!(allowed, "{} may not depend on {name}", each.name);
        }
    }
}

#[test]
fn only_one_crate_names_each_outsider() {
    for each in crates() {
        for name in &each.dependencies {
            let owner = match name.as_str() {
                "tokio" | "hickory-resolver" | "hickory-proto" => "dns",
                "rustls" | "ring" | "rustls-pki-types" | "webpki-roots" => "tls",
                "nix" | "libc" | "fs2" => "os",
                _ => continue,
            };
            assert_eq!(each.name, owner, "only {owner} may name {name}");
        }
    }
}

#[test]
fn outsiders_are_few() {
    const KNOWN: [&str; 8] = [
        "fs2",
        "hickory-resolver",
        "libc",
        "nix",
        "ring",
        "rustls",
        "thiserror",
        "tokio",
    ];
    let all = crates();
    for each in &all {
        for name in &each.dependencies {
            let is_ours = all.iter().any(|other| other.name == *name);
            let is_known = is_ours || KNOWN.contains(&name.as_str());
            assert!(
                is_known,
                "{} names {name}: THOUGHTS.md has no paragraph on it",
                each.name
            );
        }
    }
}

#[test]
fn every_crate_keeps_the_lints() {
    for each in crates() {
        let own = each.name == "os" && each.manifest.contains("undocumented_unsafe_blocks");
        let shared = each.manifest.contains("[lints]\nworkspace = true");
        assert!(
            own || shared,
            "{} does not take the workspace's lints",
            each.name
        );
    }
}

#[test]
fn what_ships_aborts_on_panic_and_checks_arithmetic() {
    let manifest = fs::read_to_string(programs::source().join("Cargo.toml")).expect("Cargo.toml");
    for profile in ["dev", "release"] {
        let (_, rest) = manifest
            .split_once(&format!("[profile.{profile}]\n"))
            .unwrap_or_else(|| panic!("no profile {profile}"));
        let section = rest.split("\n[").next().expect("a section");
        for line in ["panic = \"abort\"", "overflow-checks = true"] {
            assert!(section.contains(line), "profile {profile} lacks {line}");
        }
    }
    assert!(manifest.contains("[profile.dist]\ninherits = \"release\"\n"));
    assert!(manifest.contains("unsafe_code = \"forbid\""));
}

#[test]
fn every_program_has_its_man_page() {
    for each in crates()
        .iter()
        .filter(|each| each.layer() == Layer::Program)
    {
        for program in binaries(each) {
            let has_page =
                (1..=8).any(|section| each.directory.join(format!("{program}.{section}")).exists());
            assert!(
                has_page,
                "{program} has no man page in crates/{}",
                each.name
            );
        }
    }
}

/// The names in the `[[bin]]` sections.
fn binaries(each: &Crate) -> Vec<String> {
    let sections = each.manifest.split("[[bin]]").skip(1);
    let name = |section: &str| {
        let (_, rest) = section.split_once("name = \"")?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let names: Vec<String> = sections.filter_map(name).collect();
    assert!(
        !names.is_empty(),
        "{} is a program without a [[bin]]",
        each.name
    );
    names
}
