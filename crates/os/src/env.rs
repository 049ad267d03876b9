//! The environment and the arguments, as bytes. Programs read them once, into their Config.

use std::os::unix::ffi::OsStringExt;

/// One variable of the environment, as it was when the process started.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
pub fn var(name: &str) -> Option<Vec<u8>> {
    std::env::var_os(name).map(OsStringExt::into_vec)
}

/// The whole environment: names and values.
#[must_use]
pub fn all() -> Vec<(Vec<u8>, Vec<u8>)> {
    std::env::vars_os()
        .map(|(name, value)| (name.into_vec(), value.into_vec()))
        .collect()
}

/// The arguments after the program's name.
#[must_use]
pub fn args() -> Vec<Vec<u8>> {
    std::env::args_os()
        .skip(1)
        .map(OsStringExt::into_vec)
        .collect()
}

/// The name by which the program was called, without directories; empty when the caller gave none.
#[must_use]
pub fn program() -> Vec<u8> {
    let name = std::env::args_os()
        .next()
        .map(OsStringExt::into_vec)
        .unwrap_or_default();
    name.rsplit(|&byte| byte == b'/')
        .next()
        .unwrap_or_default()
        .to_vec()
}
