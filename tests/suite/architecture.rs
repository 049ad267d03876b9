//! The rules of the architecture: who may depend on whom, what a privileged program links, what
//! the files look like. INTERNALS.md says why.

mod links;
mod manifests;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

use harness::programs;

/// One crate of the workspace.
struct Crate {
    name: String,
    directory: PathBuf,
    /// The names under `[dependencies]`, those of tests excluded.
    dependencies: Vec<String>,
    /// The whole manifest.
    manifest: String,
}

/// Where a crate stands; a crate may depend on its own layer only where said, and on lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Ground,
    Format,
    Service,
    Program,
}

const GROUND: [&str; 2] = ["os", "diag"];
const FORMATS: [&str; 6] = [
    "address",
    "datetime",
    "header",
    "netstring",
    "report",
    "smtp",
];
const SERVICES: [&str; 11] = [
    "cdb",
    "control",
    "dns",
    "dot-qmail",
    "mailbox",
    "queue",
    "queue-client",
    "spawner",
    "tcpto",
    "tls",
    "users",
];

impl Crate {
    fn layer(&self) -> Layer {
        let name = self.name.as_str();
        if GROUND.contains(&name) {
            Layer::Ground
        } else if FORMATS.contains(&name) {
            Layer::Format
        } else if SERVICES.contains(&name) {
            Layer::Service
        } else {
            Layer::Program
        }
    }
}

/// Every crate under `crates/`.
fn crates() -> Vec<Crate> {
    let directory = programs::source().join("crates");
    let entries = fs::read_dir(directory).expect("crates/").flatten();
    let mut crates: Vec<Crate> = entries.map(|entry| read_crate(&entry.path())).collect();
    crates.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(crates.len() > 20, "crates/ holds {} crates", crates.len());
    crates
}

fn read_crate(directory: &Path) -> Crate {
    let manifest = fs::read_to_string(directory.join("Cargo.toml")).expect("a manifest");
    let mut section = "";
    let mut dependencies = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section == "[dependencies]"
            && let Some(name) = line
                .split(['.', '=', ' '])
                .next()
                .filter(|name| !name.is_empty())
        {
            dependencies.push(name.trim_matches('"').to_owned());
        }
    }
    let name = directory
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    Crate {
        name,
        directory: directory.to_owned(),
        dependencies,
        manifest: manifest.clone(),
    }
}
