//! How much mail a maildir may hold, as vpopmail and Maildir++ write it: `50MB`, `1000KB`,
//! `10485760S,1000C`, `NOQUOTA`. Pure.

use std::fmt;

use thiserror::Error;

/// How much mail there is, or is to come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// The sizes of all messages, added up.
    pub bytes: u64,
    /// How many there are.
    pub messages: u64,
}

impl Usage {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            messages: self.messages.saturating_add(other.messages),
        }
    }
}

/// At most so many bytes, so many messages, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    bytes_max: Option<u64>,
    messages_max: Option<u64>,
}

/// A quota that nobody can hold anybody to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a quota")]
pub struct NotAQuota;

impl Quota {
    /// Reads the text; nothing, and anything that begins with `NO`, is no quota.
    ///
    /// # Errors
    /// When it is neither that nor numbers with the letters above.
    pub fn parse(text: &[u8]) -> Result<Option<Self>, NotAQuota> {
        let text = text.trim_ascii();
        if text.is_empty() || text.starts_with(b"NO") {
            return Ok(None);
        }
        let mut quota = Self {
            bytes_max: None,
            messages_max: None,
        };
        for part in text.split(|byte| *byte == b',') {
            quota.restrict(part)?;
        }
        Ok(Some(quota))
    }

    /// Whether so much is still within it.
    #[must_use]
    pub fn admits(self, usage: Usage) -> bool {
        self.bytes_max.is_none_or(|max| usage.bytes <= max)
            && self.messages_max.is_none_or(|max| usage.messages <= max)
    }

    /// How full that is, in percent of whatever is the tighter.
    #[must_use]
    pub fn percent(self, usage: Usage) -> u64 {
        let percent = |part: u64, max: Option<u64>| match max {
            Some(max) => part.saturating_mul(100).checked_div(max).unwrap_or(100),
            None => 0,
        };
        percent(usage.bytes, self.bytes_max).max(percent(usage.messages, self.messages_max))
    }

    fn restrict(&mut self, part: &[u8]) -> Result<(), NotAQuota> {
        let digits = part.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, unit) = part.split_at(digits);
        let number = number(digits).ok_or(NotAQuota)?;
        match unit {
            b"" | b"S" => self.bytes_max = Some(number),
            b"K" | b"k" | b"KB" | b"kb" => self.bytes_max = Some(number.saturating_mul(1 << 10)),
            b"M" | b"m" | b"MB" | b"mb" => self.bytes_max = Some(number.saturating_mul(1 << 20)),
            b"G" | b"g" | b"GB" | b"gb" => self.bytes_max = Some(number.saturating_mul(1 << 30)),
            b"C" => self.messages_max = Some(number),
            _ => return Err(NotAQuota),
        }
        Ok(())
    }
}

/// The Maildir++ form, as the first line of a maildirsize file has it.
impl fmt::Display for Quota {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.bytes_max, self.messages_max) {
            (Some(bytes), Some(messages)) => write!(out, "{bytes}S,{messages}C"),
            (Some(bytes), None) => write!(out, "{bytes}S"),
            (None, Some(messages)) => write!(out, "{messages}C"),
            (None, None) => Ok(()),
        }
    }
}

/// A number in decimal digits and nothing else.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NotAQuota, Quota, Usage};

    #[track_caller]
    fn check(text: &str, expected: Result<Option<&str>, NotAQuota>) {
        let read = Quota::parse(text.as_bytes()).map(|quota| quota.map(|quota| quota.to_string()));
        assert_eq!(read, expected.map(|text| text.map(str::to_owned)), "{text}");
    }

    #[test]
    fn both_ways_of_writing_are_read() {
        check("50MB", Ok(Some("52428800S")));
        check("50M", Ok(Some("52428800S")));
        check("1000KB", Ok(Some("1024000S")));
        check("1000k", Ok(Some("1024000S")));
        check("2G", Ok(Some("2147483648S")));
        check("1000000", Ok(Some("1000000S")));
        check("1000000S", Ok(Some("1000000S")));
        check("1000000S,1000C", Ok(Some("1000000S,1000C")));
        check("1000C,5S", Ok(Some("5S,1000C")));
        check("7C", Ok(Some("7C")));
        check("10000000S,1000C  ", Ok(Some("10000000S,1000C")));
    }

    #[test]
    fn no_quota_is_not_a_quota_of_nothing() {
        check("NOQUOTA", Ok(None));
        check("", Ok(None));
        check("0", Ok(Some("0S")));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "S",
            "x",
            "-5",
            "5X",
            "5 S",
            "5S,",
            "5S,x",
            "99999999999999999999",
        ] {
            check(text, Err(NotAQuota));
        }
    }

    #[test]
    fn the_limit_itself_is_within_it() {
        let quota = Quota::parse(b"100S,2C").unwrap().unwrap();
        let usage = |bytes, messages| Usage { bytes, messages };
        assert!(quota.admits(usage(100, 2)));
        assert!(!quota.admits(usage(101, 2)));
        assert!(!quota.admits(usage(1, 3)));
        assert_eq!(quota.percent(usage(50, 1)), 50);
        assert_eq!(quota.percent(usage(10, 2)), 100);
        let nothing = Quota::parse(b"0S").unwrap().unwrap();
        assert!(!nothing.admits(usage(1, 1)));
        assert_eq!(nothing.percent(usage(0, 0)), 100);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes in any::<Option<u64>>(), count in any::<Option<u64>>()) {
            let quota = Quota { bytes_max: bytes, messages_max: count };
            let again = Quota::parse(quota.to_string().as_bytes()).unwrap();
            prop_assert_eq!(again, (bytes.or(count).is_some()).then_some(quota));
        }

        #[test]
        fn no_text_at_all_does_harm(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(Some(quota)) = Quota::parse(&text) {
                prop_assert_eq!(Quota::parse(quota.to_string().as_bytes()), Ok(Some(quota)));
            }
        }
    }
}
