//! The only crate that makes system calls beyond `std`, and the only one that names nix and libc.
//!
//! What is here is safe, owned and close-on-exec; every `unsafe` block of the project stands in
//! one of these files with the reason why it cannot be undefined behaviour. Everything else
//! forbids unsafe code.

pub mod account;
pub mod child;
pub mod clock;
pub mod deadline;
pub mod disk;
pub mod env;
pub mod errno;
pub mod fd;
pub mod fifo;
pub mod file;
pub mod home;
pub mod host;
pub mod interfaces;
pub mod lock;
pub mod nss;
pub mod poll;
pub mod sandbox;
mod shared_sync;
pub mod signal;
pub mod tcp;
pub mod terminals;
