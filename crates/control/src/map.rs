//! A list as a table: ASCII case does not matter, and of two lines with one key the last counts.

use std::collections::HashMap;

/// Keys, folded to lower case, and their values as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map(HashMap<Vec<u8>, Vec<u8>>);

impl Map {
    /// Whole lines as keys, with empty values.
    pub fn of_names(lines: &[Vec<u8>]) -> Self {
        Self(
            lines
                .iter()
                .map(|line| (line.to_ascii_lowercase(), Vec::new()))
                .collect(),
        )
    }

    /// `key:value` lines, split at the first `:`; lines without one are ignored.
    pub fn of_pairs(lines: &[Vec<u8>]) -> Self {
        let pair = |line: &Vec<u8>| {
            let colon = line.iter().position(|b| *b == b':')?;
            Some((
                line.get(..colon)?.to_ascii_lowercase(),
                line.get(colon + 1..)?.to_vec(),
            ))
        };
        Self(lines.iter().filter_map(pair).collect())
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }

    /// Whether there is such a key.
    pub fn contains(&self, key: &[u8]) -> bool {
        self.get(key).is_some()
    }

    /// The value of a domain: its own, else that of the longest parent listed as `.parent`.
    /// The empty key, which some files use for everything else, is left to the caller.
    pub fn get_domain(&self, domain: &[u8]) -> Option<&[u8]> {
        parents(domain).find_map(|name| self.get(name))
    }

    /// How many different keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A domain and then every part of it that begins with a dot: `a.b.c`, `.b.c`, `.c`.
pub fn parents(domain: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_start = |i: usize| i == 0 || domain.get(i) == Some(&b'.');
    let length = domain.len();
    (0..length)
        .filter(move |i| is_start(*i))
        .filter_map(move |i| domain.get(i..))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[&str]) -> Map {
        Map::of_pairs(
            &lines
                .iter()
                .map(|l| l.as_bytes().to_vec())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn the_first_colon_splits_and_case_is_nothing() {
        let m = map(&["Dom.Example:relay:26", "no colon", ":default"]);
        assert_eq!(m.get(b"dOM.example"), Some(b"relay:26".as_slice()));
        assert_eq!(m.get(b""), Some(b"default".as_slice()));
        assert_eq!(m.get(b"no colon"), None);
        assert_eq!(m.len(), 2);
    }

    #[test]
    fn the_last_of_two_lines_counts() {
        assert_eq!(map(&["a:1", "A:2"]).get(b"a"), Some(b"2".as_slice()));
    }

    #[test]
    fn a_domain_finds_its_nearest_parent() {
        let m = map(&[".example:far", ".b.example:near", "a.b.example:own"]);
        assert_eq!(m.get_domain(b"a.b.example"), Some(b"own".as_slice()));
        assert_eq!(m.get_domain(b"x.b.example"), Some(b"near".as_slice()));
        assert_eq!(m.get_domain(b"b.example"), Some(b"far".as_slice()));
        assert_eq!(m.get_domain(b"example"), None);
        assert_eq!(m.get_domain(b""), None);
    }

    #[test]
    fn the_parents_begin_with_dots() {
        let shown: Vec<_> = parents(b"a..b.c").collect();
        assert_eq!(shown, [b"a..b.c".as_slice(), b"..b.c", b".b.c", b".c"]);
        assert_eq!(parents(b"").next(), None);
    }
}
