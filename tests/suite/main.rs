//! The suite: one binary, one module per subject. All of them are black-box tests, but for the crash
//! model, which runs the steps of the programs on a model disk.

mod architecture;
mod attacks;
mod boot;
mod control_files;
mod control_readme;
mod crash;
mod crash_model;
mod dns;
mod flow;
mod fuzz_corpus;
mod hand_led;
mod hand_made;
mod harness_itself;
mod hostile_smtpd;
mod install;
mod internals;
mod man;
#[path = "../model/mod.rs"]
mod model;
mod recipes;
mod relay;
mod rfc3207;
mod rfc4954;
mod rfc5321;
mod rfc6409;
mod rfc_extensions;
mod run_script;
mod smtp_dialogue;
mod smtp_service;
mod swaks;
mod tcpserver;
mod tcpto;
