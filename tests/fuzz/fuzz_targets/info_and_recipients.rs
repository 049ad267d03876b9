//! libFuzzer's way to the target `info_and_recipients`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::run("info_and_recipients", data));
