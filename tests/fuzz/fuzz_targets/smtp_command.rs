//! libFuzzer's way to the target `smtp_command`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::run("smtp_command", data));
