//! The records of the table and the rules of qmail-tcpto(8); bytes in, bytes out.

use std::net::Ipv4Addr;

/// What the table says about one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// No record: there is nothing to take back when the host answers.
    Unknown,
    /// A record, but the host is worth a try.
    Known,
    /// It timed out twice or more, the last time not long ago: do not even try.
    Skip,
}

/// A host that timed out lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout {
    /// Its address.
    pub ip: Ipv4Addr,
    /// How often in a row, 1 to 10.
    pub count: u8,
    /// When it did so last, seconds since 1970.
    pub last: u64,
}

/// Up to 64 records, as many as the file holds.
pub(crate) struct Table {
    records: Vec<Record>,
}

#[derive(Clone, Copy)]
struct Record([u8; RECORD]);

impl Table {
    /// Bytes in a complete file.
    pub(crate) const SIZE: usize = 1024;

    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let whole = bytes
            .get(..Self::SIZE)
            .unwrap_or(bytes)
            .chunks_exact(RECORD);
        Self {
            records: whole
                .filter_map(|chunk| chunk.try_into().ok())
                .map(Record)
                .collect(),
        }
    }

    pub(crate) fn history(&self, ip: Ipv4Addr, now: u64, pid: u32) -> History {
        let Some(record) = self.records.iter().find(|record| record.ip() == ip) else {
            return History::Unknown;
        };
        let quarantine = (60 + u64::from(pid & 31)) * 64;
        if record.count() >= 2 && now.saturating_sub(record.last()) < quarantine {
            return History::Skip;
        }
        History::Known
    }

    /// The records in use.
    pub(crate) fn timeouts(&self) -> Vec<Timeout> {
        let used = self.records.iter().filter(|record| record.count() > 0);
        used.map(|record| Timeout {
            ip: record.ip(),
            count: record.count(),
            last: record.last(),
        })
        .collect()
    }

    /// Counts a timeout; says which record changed, if one did.
    pub(crate) fn timed_out(&mut self, ip: Ipv4Addr, now: u64) -> Option<usize> {
        if let Some(index) = self.index_of(ip) {
            let record = self.records.get_mut(index)?;
            if record.count() > 0 && now < record.last() + SETTLE_S {
                return None;
            }
            record.set(ip, record.count().saturating_add(1).min(COUNT_MAX), now);
            return Some(index);
        }
        let free = self.records.iter().position(|record| record.count() == 0);
        let oldest = || (0..self.records.len()).min_by_key(|&index| self.rank(index));
        let index = free.or_else(oldest)?;
        self.records.get_mut(index)?.set(ip, 1, now);
        Some(index)
    }

    /// Takes a host out of quarantine; says which record changed, if one did.
    pub(crate) fn answered(&mut self, ip: Ipv4Addr) -> Option<usize> {
        let index = self.index_of(ip)?;
        let Record([_, _, _, _, count, ..]) = self.records.get_mut(index)?;
        *count = 0;
        Some(index)
    }

    /// The bytes of record `index` and their offset in the file.
    pub(crate) fn bytes_of(&self, index: usize) -> Option<(&[u8], u64)> {
        let Record(bytes) = self.records.get(index)?;
        Some((bytes, u64::try_from(index * RECORD).ok()?))
    }

    fn index_of(&self, ip: Ipv4Addr) -> Option<usize> {
        self.records.iter().position(|record| record.ip() == ip)
    }

    /// The record with the smallest rank gives way first.
    fn rank(&self, index: usize) -> u64 {
        self.records
            .get(index)
            .map_or(u64::MAX, |r| r.last() + u64::from(r.count()) * 1024)
    }
}

impl Record {
    fn ip(&self) -> Ipv4Addr {
        let Self([a, b, c, d, ..]) = *self;
        Ipv4Addr::new(a, b, c, d)
    }

    fn count(&self) -> u8 {
        let Self([_, _, _, _, count, ..]) = *self;
        count
    }

    fn last(&self) -> u64 {
        let Self([_, _, _, _, _, _, _, _, a, b, c, d, ..]) = *self;
        u64::from(u32::from_le_bytes([a, b, c, d]))
    }

    /// Leaves the unused bytes as they are.
    fn set(&mut self, ip: Ipv4Addr, count: u8, now: u64) {
        let Self([_, _, _, _, _, e, f, g, _, _, _, _, k, l, m, n]) = *self;
        let [a, b, c, d] = ip.octets();
        let [w, x, y, z, ..] = now.to_le_bytes();
        *self = Self([a, b, c, d, count, e, f, g, w, x, y, z, k, l, m, n]);
    }
}

/// Bytes of a record: ip 4, count 1, unused 3, time of the last timeout 4 (little-endian), unused 4.
const RECORD: usize = 16;
/// Timeouts of deliveries that were under way together count once.
const SETTLE_S: u64 = 120;
/// The count stops here; with 1024 s a step it decides who is evicted.
const COUNT_MAX: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    const A: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    fn empty() -> Table {
        Table::parse(&[0; Table::SIZE])
    }

    #[track_caller]
    fn check(timeouts: &[u64], now: u64, pid: u32, expected: History) {
        let mut table = empty();
        for &at in timeouts {
            table.timed_out(A, at);
        }
        assert_eq!(table.history(A, now, pid), expected);
    }

    #[test]
    fn a_host_that_never_timed_out_is_unknown() {
        check(&[], 1000, 0, History::Unknown);
    }

    #[test]
    fn one_timeout_does_not_stop_deliveries() {
        check(&[1000], 1001, 0, History::Known);
    }

    #[test]
    fn timeouts_within_two_minutes_count_once() {
        check(&[1000, 1119], 1200, 0, History::Known);
        check(&[1000, 1120], 1200, 0, History::Skip);
    }

    #[test]
    fn the_quarantine_depends_on_the_process_number() {
        check(&[1000, 2000], 2000 + 3839, 0, History::Skip);
        check(&[1000, 2000], 2000 + 3840, 0, History::Known);
        check(&[1000, 2000], 2000 + 5823, 31, History::Skip);
        check(&[1000, 2000], 2000 + 5824, 31, History::Known);
        check(&[1000, 2000], 2000 + 3840, 32, History::Known);
    }

    #[test]
    fn a_record_is_written_as_the_original_lays_it_out() {
        let mut table = empty();
        table.timed_out(A, 0x0102_0304);
        let (bytes, offset) = table.bytes_of(0).unwrap();
        assert_eq!(bytes, [192, 0, 2, 1, 1, 0, 0, 0, 4, 3, 2, 1, 0, 0, 0, 0]);
        assert_eq!(offset, 0);
    }

    #[test]
    fn an_answer_frees_the_record() {
        let mut table = empty();
        table.timed_out(A, 1000);
        table.timed_out(A, 2000);
        assert_eq!(table.answered(A), Some(0));
        assert_eq!(table.history(A, 2001, 0), History::Known);
        assert_eq!(table.answered(Ipv4Addr::new(192, 0, 2, 9)), None);
    }

    #[test]
    fn a_full_table_gives_up_the_oldest_and_least_counted() {
        let mut table = empty();
        for n in 0..64 {
            assert_eq!(
                table.timed_out(Ipv4Addr::new(10, 0, 0, n), 5000 + u64::from(n)),
                Some(n.into())
            );
        }
        table.timed_out(Ipv4Addr::new(10, 0, 0, 0), 5200); // now counted twice: 5200 + 2048
        assert_eq!(table.timed_out(A, 6000), Some(1));
        assert_eq!(
            table.history(Ipv4Addr::new(10, 0, 0, 1), 6000, 0),
            History::Unknown
        );
    }

    #[test]
    fn the_count_stops_at_ten() {
        let mut table = empty();
        for n in 0..20 {
            table.timed_out(A, 1000 * (n + 1));
        }
        let (bytes, _) = table.bytes_of(0).unwrap();
        assert_eq!(bytes[4], 10);
    }

    #[test]
    fn records_in_use_are_shown() {
        let mut table = empty();
        table.timed_out(A, 1000);
        table.timed_out(A, 2000);
        let other = Ipv4Addr::new(192, 0, 2, 2);
        table.timed_out(other, 3000);
        table.answered(A);
        let expected = Timeout {
            ip: other,
            count: 1,
            last: 3000,
        };
        assert_eq!(table.timeouts(), [expected]);
    }

    #[test]
    fn a_short_file_holds_fewer_records() {
        let mut table = Table::parse(&[0; 20]);
        assert_eq!(table.timed_out(A, 1), Some(0));
        assert_eq!(table.timed_out(Ipv4Addr::new(192, 0, 2, 2), 2), Some(0));
        assert_eq!(Table::parse(b"").timed_out(A, 1), None);
    }
}
