//! libFuzzer's way to the target `cdb_records`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::run("cdb_records", data));
