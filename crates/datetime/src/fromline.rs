//! The date of an mbox `From ` line, mbox(5).

use crate::Civil;

/// `Sun Nov 22 07:52:11 2026`, the day always in two digits.
pub fn from_line(secs: u64) -> String {
    let c = Civil::from_secs(secs);
    format!(
        "{} {} {:02} {:02}:{:02}:{:02} {}",
        c.weekday_name(),
        c.month_name(),
        c.day,
        c.hour,
        c.minute,
        c.second,
        c.year
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_has_two_digits() {
        assert_eq!(from_line(0), "Thu Jan 01 00:00:00 1970");
        assert_eq!(from_line(1_795_333_931), "Sun Nov 22 07:52:11 2026");
    }
}
