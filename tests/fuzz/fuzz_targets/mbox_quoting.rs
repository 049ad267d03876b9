//! libFuzzer's way to the target `mbox_quoting`.
#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::run("mbox_quoting", data));
