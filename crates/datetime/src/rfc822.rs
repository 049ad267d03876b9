//! The date of `Date:` and `Received:` lines (RFC 822 section 5, four-digit year, `-0000` unless
//! local time is asked for), and the fourteen digits that begin a `Message-ID:`.

use crate::Civil;

/// `22 Nov 2026 07:52:11 -0000`; the day has no leading zero.
pub fn rfc822(secs: u64) -> String {
    in_zone(secs, "-0000")
}

/// The same moment where local time is so many seconds ahead of UTC (negative: behind):
/// `22 Nov 2026 08:52:11 +0100`. The zone is rounded to a minute, the time is not.
pub fn rfc822_at(secs: u64, ahead_of_utc_s: i64) -> String {
    let sign = if ahead_of_utc_s < 0 { '-' } else { '+' };
    let minutes = (ahead_of_utc_s.unsigned_abs() + 30) / 60;
    let zone = format!("{sign}{:02}{:02}", minutes / 60, minutes % 60);
    in_zone(secs.saturating_add_signed(ahead_of_utc_s), &zone)
}

fn in_zone(local_secs: u64, zone: &str) -> String {
    let c = Civil::from_secs(local_secs);
    format!(
        "{} {} {} {:02}:{:02}:{:02} {zone}",
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
    fn local_time_names_its_zone() {
        let at = |ahead| rfc822_at(1_795_333_931, ahead);
        assert_eq!(at(3600), "22 Nov 2026 08:52:11 +0100");
        assert_eq!(at(-12_600), "22 Nov 2026 04:22:11 -0330");
        assert_eq!(at(0), "22 Nov 2026 07:52:11 +0000");
        assert_eq!(at(1172), "22 Nov 2026 08:11:43 +0020");
        assert!(at(i64::MIN).starts_with("1 Jan 1970 00:00:00 -"));
    }

    #[test]
    fn the_digits_are_all_padded() {
        assert_eq!(digits(0), "19700101000000");
        assert_eq!(digits(1_795_333_931), "20261122075211");
    }
}
