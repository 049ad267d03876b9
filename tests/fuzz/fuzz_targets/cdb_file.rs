//! libFuzzer's way to the target `cdb_file`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::run("cdb_file", data));
