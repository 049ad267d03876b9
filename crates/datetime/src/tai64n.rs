//! TAI64N labels as multilog(8) writes them and tai64nlocal(8) reads them.

/// `@` and 24 hexadecimal digits; `nanos` below one second.
pub fn tai64n(secs: u64, nanos: u32) -> String {
    format!("@{:016x}{:08x}", EPOCH.wrapping_add(secs), nanos)
}

/// 2^62, plus the ten seconds TAI was ahead in 1970; leap seconds since then are ignored here
/// because multilog(8) ignores them too.
const EPOCH: u64 = 4_611_686_018_427_387_914;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_sign_and_24_digits() {
        assert_eq!(tai64n(0, 0), "@400000000000000a00000000");
        assert_eq!(
            tai64n(1_795_333_931, 500_000_000),
            "@400000006b029f351dcd6500"
        );
    }
}
