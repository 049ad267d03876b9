//! A page of doc/: its blocks by the names of the files that they are.

use std::fs;

use harness::programs;

pub struct Page {
    name: &'static str,
    text: String,
}

impl Page {
    pub fn read(name: &'static str) -> Self {
        let path = programs::source().join("doc").join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, text }
    }

    /// The content of the block that begins with this name.
    #[track_caller]
    pub fn block(&self, name: &str) -> String {
        let begin = format!("\n```{name}\n");
        let parts: Vec<&str> = self.text.split(&begin).collect();
        let [_, rest] = parts.as_slice() else {
            panic!("{}: {} blocks called {name}", self.name, parts.len() - 1);
        };
        let (block, _) = rest.split_once("\n```\n").expect("the end of the block");
        format!("{block}\n")
    }

    /// All names of blocks.
    fn names(&self) -> Vec<&str> {
        let mut fences = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("```"));
        let mut names = Vec::new();
        while let Some(name) = fences.next() {
            names.push(name);
            assert_eq!(
                fences.next(),
                Some(""),
                "{}: {name} does not end",
                self.name
            );
        }
        names
    }
}

/// Whatever a page shows as a file is named in a test, or it would not be known to work.
#[test]
fn every_block_of_every_page_is_used() {
    let suite = programs::source().join("tests/suite/recipes");
    let tests: String = fs::read_dir(suite)
        .expect("recipes")
        .flatten()
        .map(|entry| fs::read_to_string(entry.path()).expect("a test"))
        .collect();
    let pages = [
        "dovecot.md",
        "maildrop.md",
        "procmail.md",
        "spamassassin.md",
        "vpopmail.md",
    ];
    let directory = fs::read_dir(programs::source().join("doc")).expect("doc");
    let count = directory.flatten().count();
    assert_eq!(
        count,
        pages.len() + 1,
        "a page that is not listed here, or gone"
    );
    let index = fs::read_to_string(programs::source().join("doc/README.md")).expect("README.md");
    for name in pages {
        assert!(
            index.contains(&format!("[{name}]({name})")),
            "{name} is not in README.md"
        );
        assert!(
            tests.contains(&format!("Page::read(\"{name}\")")),
            "{name} is not tested"
        );
        let page = Page::read(name);
        assert!(!page.names().is_empty(), "{name} shows no file");
        for block in page.names() {
            let is_used = tests.contains(&format!("\"{block}\""));
            assert!(is_used, "{name}: {block} is not used by any test");
        }
    }
}
