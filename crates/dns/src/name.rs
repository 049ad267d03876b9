//! Domain names as mail has them: bytes with dots between the labels.

use hickory_resolver::proto::rr::Name;

/// The absolute name; None if it could not be in the DNS at all (RFC 1035, section 2.3.4).
pub(crate) fn to_query(domain: &[u8]) -> Option<Name> {
    let domain = domain.strip_suffix(b".").unwrap_or(domain);
    if domain.is_empty() {
        return None;
    }
    let labels = domain.split(|&byte| byte == b'.');
    if labels
        .clone()
        .any(|label| label.is_empty() || label.len() > LABEL_MAX)
    {
        return None;
    }
    // `from_labels` takes any bytes; it checks the length of the whole.
    Name::from_labels(labels).ok()
}

/// The name without its final dot; empty for the root.
pub(crate) fn to_bytes(name: &Name) -> Vec<u8> {
    let labels: Vec<&[u8]> = name.iter().collect();
    labels.join(&b'.')
}

/// RFC 1035, section 2.3.4
const LABEL_MAX: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(domain: &[u8], expected: Option<&[u8]>) {
        assert_eq!(
            to_query(domain).map(|name| to_bytes(&name)).as_deref(),
            expected
        );
    }

    #[test]
    fn names_keep_their_bytes() {
        check(b"mx.example", Some(b"mx.example"));
        check(b"MX.example.", Some(b"MX.example"));
        check(b"under_score.example", Some(b"under_score.example"));
        check(b"\xe9 x*.example", Some(b"\xe9 x*.example"));
    }

    #[test]
    fn impossible_names_are_refused() {
        check(b"", None);
        check(b".", None);
        check(b"a..b", None);
        check(b".a", None);
        check(b"a..", None);
        check(&[b"x".repeat(64), b".example".to_vec()].concat(), None);
        check(&b"abcdefghi.".repeat(26), None);
    }

    #[test]
    fn names_are_absolute() {
        assert!(to_query(b"a.example").unwrap().is_fqdn());
    }
}
