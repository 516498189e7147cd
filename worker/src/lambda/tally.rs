//! The counts of an invocation, from its pages and from the streams.
//!
//! Counts are in memory until they are written to the log, and a killed process loses them.
//! Therefore they are written at the end, as soon as a page had rejects, and after a number of
//! pages.

use std::sync::{Mutex, PoisonError};

use windlass_core::checkpoint::PageTotals;
use windlass_core::metric::{self, Metric};
use windlass_sink::UsageSnapshot;

use super::Summary;

/// Largest number of pages counted before a write: the loss of a killed process.
const PAGES_UNWRITTEN_MAX: u64 = 100;

/// Counts durable pages until the counts are written.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    pages: u64,
    records: u64,
    bytes: u64,
    rejected: u64,
    bytes_sent: u64,
    bytes_billed: u64,
    calls: u64,
    entries_resent: u64,
}

impl Counts {
    fn add_usage(&mut self, usage: &UsageSnapshot) {
        self.rejected += usage.rejected;
        self.bytes_sent += usage.bytes_sent;
        self.bytes_billed += usage.bytes_billed;
        self.calls += usage.calls;
        self.entries_resent += usage.entries_resent;
    }

    fn values(&self) -> Vec<(Metric, u64)> {
        vec![
            (metric::PAGES, self.pages),
            (metric::RECORDS, self.records),
            (metric::RECORDS_REJECTED, self.rejected),
            (metric::BYTES_IN, self.bytes),
            (metric::BYTES_SENT, self.bytes_sent),
            (metric::BYTES_BILLED, self.bytes_billed),
            (metric::SINK_CALLS, self.calls),
            (metric::SINK_ENTRIES_RESENT, self.entries_resent),
        ]
    }
}

impl Tally {
    /// Counts a durable page of `totals` and the use of the streams since the last call. Returns
    /// all counts, to be written at once, if a record was rejected or many pages are counted.
    pub(super) fn page(
        &self,
        totals: &PageTotals,
        usage: &UsageSnapshot,
    ) -> Option<Vec<(Metric, u64)>> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.pages += 1;
        counts.records += totals.records;
        counts.bytes += totals.bytes;
        counts.add_usage(usage);
        let is_due = counts.rejected > 0 || counts.pages >= PAGES_UNWRITTEN_MAX;
        is_due.then(|| std::mem::take(&mut *counts).values())
    }

    /// All unwritten counts, and those of an invocation's outcomes.
    pub(super) fn take(&self, summary: &Summary, usage: &UsageSnapshot) -> Vec<(Metric, u64)> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = std::mem::take(&mut *counts);
        counts.add_usage(usage);
        let windows = [
            (metric::WINDOWS_DONE, summary.done),
            (metric::WINDOWS_YIELDED, summary.yielded),
            (metric::WINDOWS_FAILED, summary.failed),
            (metric::WINDOWS_FENCED, summary.fenced),
        ];
        windows.into_iter().chain(counts.values()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(values: &[(Metric, u64)], metric: Metric) -> u64 {
        values.iter().find(|(known, _)| *known == metric).unwrap().1
    }

    fn totals(records: u64) -> PageTotals {
        PageTotals {
            records,
            bytes: 10 * records,
            ..PageTotals::default()
        }
    }

    #[test]
    fn counted_pages_are_taken_once() {
        let (tally, nothing) = (Tally::default(), UsageSnapshot::default());
        assert_eq!(tally.page(&totals(7), &nothing), None);
        assert_eq!(tally.page(&totals(7), &nothing), None);
        let values = tally.take(&Summary::default(), &nothing);
        assert_eq!(value(&values, metric::PAGES), 2);
        assert_eq!(value(&values, metric::RECORDS), 14);
        let values = tally.take(&Summary::default(), &nothing);
        assert_eq!(value(&values, metric::RECORDS), 0);
    }

    #[test]
    fn page_with_rejects_flushes_all_counts() {
        let (tally, nothing) = (Tally::default(), UsageSnapshot::default());
        assert_eq!(tally.page(&totals(7), &nothing), None);
        let rejects = UsageSnapshot {
            rejected: 3,
            calls: 2,
            ..nothing
        };
        let values = tally.page(&totals(1), &rejects).unwrap();
        assert_eq!(value(&values, metric::RECORDS_REJECTED), 3);
        assert_eq!(value(&values, metric::RECORDS), 8);
        assert_eq!(value(&values, metric::SINK_CALLS), 2);
        let values = tally.take(&Summary::default(), &nothing);
        assert_eq!(value(&values, metric::RECORDS_REJECTED), 0);
    }

    #[test]
    fn counts_flush_after_100_pages() {
        let (tally, nothing) = (Tally::default(), UsageSnapshot::default());
        for _ in 1..PAGES_UNWRITTEN_MAX {
            assert_eq!(tally.page(&totals(1), &nothing), None);
        }
        let values = tally.page(&totals(1), &nothing).unwrap();
        assert_eq!(value(&values, metric::PAGES), PAGES_UNWRITTEN_MAX);
        assert_eq!(tally.page(&totals(1), &nothing), None);
    }
}
