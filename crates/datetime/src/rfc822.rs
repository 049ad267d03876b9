//! The date of `Date:` and `Received:` lines (RFC 822 section 5, four-digit year, always
//! `-0000`), and the fourteen digits that begin a `Message-ID:`.

use crate::Civil;

/// `22 Nov 2026 07:52:11 -0000`; the day has no leading zero.
pub fn rfc822(secs: u64) -> String {
    let c = Civil::from_secs(secs);
    format!(
        "{} {} {} {:02}:{:02}:{:02} -0000",
        c.day,
        c.month_name(),
        c.year,
        c.hour,
        c.minute,
        c.second
    )
}

/// `20261122075211`
pub fn digits(secs: u64) -> String {
    let c = Civil::from_secs(secs);
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}",
        c.year, c.month, c.day, c.hour, c.minute, c.second
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_not_padded_and_the_zone_is_nobodys() {
        assert_eq!(rfc822(0), "1 Jan 1970 00:00:00 -0000");
        assert_eq!(rfc822(1_795_333_931), "22 Nov 2026 07:52:11 -0000");
    }

    #[test]
    fn the_digits_are_all_padded() {
        assert_eq!(digits(0), "19700101000000");
        assert_eq!(digits(1_795_333_931), "20261122075211");
    }
}
