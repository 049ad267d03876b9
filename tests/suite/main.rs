//! The black-box suite: one binary, one module per subject.

mod architecture;
mod control_readme;
mod crash;
mod dns;
mod flow;
mod hand_led;
mod hand_made;
mod harness_itself;
mod hostile_smtpd;
mod install;
mod internals;
mod man;
mod recipes;
mod rfc5321;
mod run_script;
mod smtp_dialogue;
mod tcpserver;
mod tcpto;
