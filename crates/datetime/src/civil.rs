//! Seconds since 1970 to year, month, day and time of day in the proleptic Gregorian calendar.
//! Leap seconds do not exist here, as in Unix time.

/// A moment in UTC, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// 1970 and later; no upper bound but that of the seconds.
    pub year: u64,
    /// 1 ≤ month ≤ 12
    pub month: u64,
    /// 1 ≤ day ≤ 31
    pub day: u64,
    /// 0 ≤ hour ≤ 23
    pub hour: u64,
    /// 0 ≤ minute ≤ 59
    pub minute: u64,
    /// 0 ≤ second ≤ 59
    pub second: u64,
    /// 0 is Sunday.
    pub weekday: u64,
}

impl Civil {
    /// Takes seconds since the beginning of 1970 apart.
    pub const fn from_secs(secs: u64) -> Self {
        let days = secs / DAY_S;
        let time = secs % DAY_S;
        // Counted from 1 March of the year 0, so that the leap day ends a year; 400 years are
        // one full cycle.
        let shifted = days + DAYS_TO_1970;
        let cycle = shifted / CYCLE_DAYS;
        let day_of_cycle = shifted % CYCLE_DAYS;
        let year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524
            - day_of_cycle / 146_096)
            / 365;
        let day_of_year =
            day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        let year = year_of_cycle + cycle * 400;
        Self {
            year: if month <= 2 { year + 1 } else { year },
            month,
            day: day_of_year - (153 * march_month + 2) / 5 + 1,
            hour: time / 3600,
            minute: time / 60 % 60,
            second: time % 60,
            weekday: (days + 4) % 7,
        }
    }

    /// The month in three English letters.
    pub fn month_name(&self) -> &'static str {
        let index = usize::try_from(self.month).unwrap_or(0);
        MONTHS.get(index.wrapping_sub(1)).copied().unwrap_or("???")
    }

    /// The day of the week in three English letters.
    pub fn weekday_name(&self) -> &'static str {
        let index = usize::try_from(self.weekday).unwrap_or(7);
        WEEKDAYS.get(index).copied().unwrap_or("???")
    }
}

const DAY_S: u64 = 86_400;
/// Days from 1 March of the year 0 to 1 January 1970.
const DAYS_TO_1970: u64 = 719_468;
const CYCLE_DAYS: u64 = 146_097;
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(secs: u64, expected: (u64, u64, u64, u64, u64, u64)) {
        let c = Civil::from_secs(secs);
        assert_eq!(
            (c.year, c.month, c.day, c.hour, c.minute, c.second),
            expected
        );
    }

    #[test]
    fn the_epoch_is_a_thursday() {
        check(0, (1970, 1, 1, 0, 0, 0));
        assert_eq!(Civil::from_secs(0).weekday_name(), "Thu");
    }

    #[test]
    fn leap_days_are_where_gregory_put_them() {
        check(951_782_399, (2000, 2, 28, 23, 59, 59));
        check(951_782_400, (2000, 2, 29, 0, 0, 0));
        check(951_868_800, (2000, 3, 1, 0, 0, 0));
        check(4_107_542_399, (2100, 2, 28, 23, 59, 59));
        check(4_107_542_400, (2100, 3, 1, 0, 0, 0));
    }

    #[test]
    fn the_last_second_of_a_year_is_december() {
        check(1_798_761_599, (2026, 12, 31, 23, 59, 59));
        check(1_798_761_600, (2027, 1, 1, 0, 0, 0));
    }

    #[test]
    fn every_day_of_400_years_follows_its_predecessor() {
        let mut before = Civil::from_secs(0);
        for day in 1..CYCLE_DAYS {
            let now = Civil::from_secs(day * DAY_S);
            let next_day = now.day == before.day + 1 && now.month == before.month;
            let next_month = now.day == 1 && (now.month == before.month + 1 || now.month == 1);
            assert!(next_day || next_month, "{before:?} then {now:?}");
            assert_eq!(now.weekday, (before.weekday + 1) % 7);
            before = now;
        }
    }

    #[test]
    fn no_number_of_seconds_is_too_large() {
        assert_eq!(Civil::from_secs(u64::MAX).month_name().len(), 3);
    }
}
