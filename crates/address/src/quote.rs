//! Quotes a local part for SMTP and for headers (RFC 821 section 4.1.2, RFC 822 section 6):
//! as it is when every reader takes it as it is, else all of it in `"..."`.

use crate::domain_split;

/// An address for a header line: the local part quoted if it must be, the domain as it is.
/// Without `@` everything is local part; the empty address stays empty.
pub fn quote(address: &[u8]) -> Vec<u8> {
    if address.is_empty() {
        return Vec::new();
    }
    with_domain(address, local_part(domain_split(address).0))
}

/// An address for `MAIL FROM:<...>` and `RCPT TO:<...>`: as [`quote`], but an address without
/// `@` is left as it is.
pub fn for_smtp(address: &[u8]) -> Vec<u8> {
    match domain_split(address) {
        (local, Some(_)) => with_domain(address, local_part(local)),
        (_, None) => address.to_vec(),
    }
}

/// A local part, quoted if it must be.
pub fn local_part(local: &[u8]) -> Vec<u8> {
    if !needs_quotes(local) {
        return local.to_vec();
    }
    let mut out = Vec::with_capacity(local.len() + 2);
    out.push(b'"');
    for b in local {
        if matches!(b, b'\r' | b'\n' | b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(*b);
    }
    out.push(b'"');
    out
}

/// Whether a local part means something else, or nothing, without quotes.
pub fn needs_quotes(local: &[u8]) -> bool {
    local.is_empty()
        || local.first() == Some(&b'.')
        || local.last() == Some(&b'.')
        || local.windows(2).any(|pair| pair == b"..")
        || !local.iter().all(|b| is_safe(*b))
}

fn with_domain(address: &[u8], mut quoted: Vec<u8>) -> Vec<u8> {
    if let Some(domain) = domain_split(address).1 {
        quoted.push(b'@');
        quoted.extend_from_slice(domain);
    }
    quoted
}

const fn is_safe(b: u8) -> bool {
    matches!(b, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-'..=b'9' | b'=' | b'?'
        | b'A'..=b'Z' | b'^'..=b'~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path;

    #[track_caller]
    fn check(address: &[u8], expected: &[u8]) {
        let shown = quote(address);
        assert_eq!(
            shown.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }

    #[test]
    fn ordinary_local_parts_stay() {
        check(b"user@host", b"user@host");
        check(b"first.last@host", b"first.last@host");
        check(
            b"a!b#c$d%e&f'g*h+i-j/k=l?m^n_o`p{q|r}s~t@host",
            b"a!b#c$d%e&f'g*h+i-j/k=l?m^n_o`p{q|r}s~t@host",
        );
        check(b"", b"");
        check(b"user", b"user");
    }

    #[test]
    fn anything_else_is_quoted_whole() {
        check(b"se nder@x", b"\"se nder\"@x");
        check(b"@x", b"\"\"@x");
        check(b".a@x", b"\".a\"@x");
        check(b"a.@x", b"\"a.\"@x");
        check(b"a..b@x", b"\"a..b\"@x");
        check(b"a@b@x", b"\"a@b\"@x");
        check(b"a\"b\\c\n@x", b"\"a\\\"b\\\\c\\\n\"@x");
        for b in b"(),:;<>[] \x01\x7f\xe4" {
            assert!(needs_quotes(&[*b]), "{b}");
        }
    }

    #[test]
    fn smtp_gets_addresses_without_domain_as_they_are() {
        assert_eq!(for_smtp(b""), b"");
        assert_eq!(for_smtp(b"a b"), b"a b");
        assert_eq!(for_smtp(b"a b@c"), b"\"a b\"@c");
    }

    proptest::proptest! {
        #[test]
        fn what_is_quoted_for_smtp_is_read_back(
            local in proptest::collection::vec(1u8..=255, 0..40),
            domain in "[a-z.]{1,20}",
        ) {
            // Line ends are not sent in an address, and not read.
            let local: Vec<u8> = local.into_iter().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
            let address = [&local[..], b"@", domain.as_bytes()].concat();
            let argument = [b"FROM:<".as_slice(), &for_smtp(&address), b">"].concat();
            proptest::prop_assert_eq!(path::parse(&argument).unwrap().address, address);
        }
    }
}
