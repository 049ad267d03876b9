//! Mail exchangers in the order to try: by preference, and fairly shuffled among equals (RFC 5321, section 5.1).

use std::hash::{BuildHasher, RandomState};

use crate::Mx;

/// Sorts by preference. `below(n)` chooses a number below n, each equally likely.
pub(crate) fn by_preference(
    mut exchangers: Vec<Mx>,
    mut below: impl FnMut(usize) -> usize,
) -> Vec<Mx> {
    for last in (1..exchangers.len()).rev() {
        exchangers.swap(last, below(last + 1).min(last));
    }
    // a stable sort keeps the shuffled order among equals
    exchangers.sort_by_key(|mx| mx.preference);
    exchangers
}

/// A source of numbers nobody outside can foresee: the keys of `RandomState` come from the system.
pub(crate) fn dice() -> impl FnMut(usize) -> usize {
    let keys = RandomState::new();
    let mut throws: u64 = 0;
    move |bound| {
        throws += 1;
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(keys.hash_one(throws) % bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn mx(preference: u16, exchange: &str) -> Mx {
        Mx {
            preference,
            exchange: exchange.as_bytes().to_vec(),
        }
    }

    #[test]
    fn lower_preferences_come_first() {
        let sorted = by_preference(vec![mx(30, "c"), mx(10, "a"), mx(20, "b")], dice());
        assert_eq!(sorted, [mx(10, "a"), mx(20, "b"), mx(30, "c")]);
    }

    #[test]
    fn nothing_and_one_are_in_order() {
        assert_eq!(by_preference(vec![], dice()), []);
        assert_eq!(by_preference(vec![mx(1, "a")], dice()), [mx(1, "a")]);
    }

    #[test]
    fn equals_come_in_every_order_equally_often() {
        const ROUNDS: usize = 12_000;
        let mut below = dice();
        let mut seen: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for _ in 0..ROUNDS {
            let equals = vec![mx(10, "a"), mx(5, "x"), mx(10, "b"), mx(10, "c")];
            let sorted = by_preference(equals, &mut below);
            assert_eq!(sorted[0], mx(5, "x"));
            let order = sorted[1..]
                .iter()
                .flat_map(|mx| mx.exchange.clone())
                .collect();
            *seen.entry(order).or_default() += 1;
        }
        assert_eq!(seen.len(), 6, "{seen:?}");
        // 2000 expected each, with a standard deviation of 41: five of them
        for (order, count) in seen {
            assert!(
                (1795..2205).contains(&count),
                "{order:?} came {count} times"
            );
        }
    }
}
