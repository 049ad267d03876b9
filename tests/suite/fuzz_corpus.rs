//! The fuzz targets of `fuzz/targets` in every test run: each stored input, and thousands of
//! mutations of them that are the same in every run.

use std::fs;
use std::panic;
use std::path::PathBuf;

use harness::programs;

#[path = "../fuzz/targets/mod.rs"]
mod targets;

/// What is stored for a target, by name, always in the same order.
fn stored(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = corpus().join(target);
    let entries = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .flatten();
    let mut inputs: Vec<_> = entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).expect("a stored input"))
        })
        .collect();
    inputs.sort();
    assert!(!inputs.is_empty(), "nothing is stored for {target}");
    inputs
}

fn corpus() -> PathBuf {
    programs::source().join("tests/fuzz/corpus")
}

#[test]
fn every_stored_input_keeps_every_promise() {
    for (target, _) in targets::ALL {
        for (name, input) in stored(target) {
            check(target, &name, &input);
        }
    }
}

#[test]
fn mutations_of_stored_inputs_keep_every_promise() {
    for (target, _) in targets::ALL {
        let inputs = stored(target);
        let mut random = Random(SEED);
        for number in 0..MUTATIONS {
            let (name, input) = &inputs[random.below(inputs.len())];
            let (_, other) = &inputs[random.below(inputs.len())];
            let mutation = random.mutate(input, other);
            check(target, &format!("{name}, mutation {number}"), &mutation);
        }
    }
}

/// A failure names the input, so that it can be stored.
#[track_caller]
fn check(target: &str, name: &str, input: &[u8]) {
    let outcome = panic::catch_unwind(|| targets::run(target, input));
    assert!(
        outcome.is_ok(),
        "target {target} failed on {name}: b\"{}\"",
        input.escape_ascii()
    );
}

#[test]
fn each_target_has_a_program_for_the_fuzzer_and_each_corpus_a_target() {
    let fuzz = programs::source().join("tests/fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).expect("a manifest");
    let names: Vec<&str> = targets::ALL.iter().map(|(name, _)| *name).collect();
    for name in &names {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name}");
        assert!(fuzz.join(format!("fuzz_targets/{name}.rs")).is_file());
    }
    for entry in fs::read_dir(corpus()).expect("corpus").flatten() {
        let name = entry.file_name();
        assert!(names.iter().any(|known| name == **known), "{name:?}");
    }
}

/// xorshift64*: the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).expect("small");
        usize::try_from((self.next() >> 33) % limit).expect("small")
    }

    /// One to four changes of one input, with pieces of another.
    fn mutate(&mut self, input: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes, other);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len() + 1);
        let to = (at + self.below(8)).min(bytes.len());
        match self.below(7) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..to)),
            2 => bytes.insert(at, TELLING[self.below(TELLING.len())]),
            3 => bytes.insert(at, self.next().to_le_bytes()[0]),
            4 => drop(bytes.splice(at..to, TELLING.get(self.below(TELLING.len())).copied())),
            5 => {
                let from = self.below(other.len() + 1);
                let until = (from + self.below(24)).min(other.len());
                bytes.splice(at..at, other[from..until].iter().copied());
            }
            _ => {
                let piece = bytes[at..to].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
}

/// Bytes that mean something to some parser.
const TELLING: &[u8] = b"\0\n\r \t.,:;@<>()[]\"\\'|&#+-=/%FTDKZurhs019\x7f\xff";
const SEED: u64 = 0x0005_eed0_fa11_5eed;
/// Of each target; all of them together take some seconds without optimisation.
const MUTATIONS: usize = 2000;
