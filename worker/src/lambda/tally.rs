//! What an invocation counts, from its pages and from the streams.

use std::sync::atomic::{AtomicU64, Ordering};

use windlass_core::checkpoint::PageTotals;
use windlass_core::metric::{self, Metric};
use windlass_core::window::Window;
use windlass_sink::aws::UsageSnapshot;

use super::Summary;
use crate::Observer;

/// Counts pages as they become durable.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pages: AtomicU64,
    records: AtomicU64,
    bytes: AtomicU64,
}

impl Observer for Tally {
    fn page(&self, _: &Window, totals: &PageTotals) {
        for (counter, count) in [
            (&self.pages, 1),
            (&self.records, totals.records),
            (&self.bytes, totals.bytes),
        ] {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }
}

impl Tally {
    /// Everything counted since the last call.
    pub(super) fn take(&self, summary: &Summary, usage: &UsageSnapshot) -> Vec<(Metric, u64)> {
        let taken = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        vec![
            (metric::WINDOWS_DONE, summary.done),
            (metric::WINDOWS_YIELDED, summary.yielded),
            (metric::WINDOWS_FAILED, summary.failed),
            (metric::WINDOWS_FENCED, summary.fenced),
            (metric::PAGES, taken(&self.pages)),
            (metric::RECORDS, taken(&self.records)),
            (metric::RECORDS_REJECTED, usage.rejected),
            (metric::BYTES_IN, taken(&self.bytes)),
            (metric::BYTES_SENT, usage.bytes_sent),
            (metric::BYTES_BILLED, usage.bytes_billed),
            (metric::SINK_CALLS, usage.calls),
            (metric::SINK_ENTRIES_RESENT, usage.entries_resent),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_core::time::Timestamp;

    #[test]
    fn what_was_counted_is_taken_once() {
        let tally = Tally::default();
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
            .parse()
            .unwrap();
        let window = Window::new(id, Timestamp::MAX, Timestamp::from_ms(0)).unwrap();
        let totals = PageTotals {
            records: 7,
            bytes: 70,
            ..PageTotals::default()
        };
        tally.page(&window, &totals);
        tally.page(&window, &totals);
        let value = |values: &[(Metric, u64)], metric: Metric| {
            values.iter().find(|(known, _)| *known == metric).unwrap().1
        };
        let usage = UsageSnapshot::default();
        let values = tally.take(&Summary::default(), &usage);
        assert_eq!(value(&values, metric::PAGES), 2);
        assert_eq!(value(&values, metric::RECORDS), 14);
        let values = tally.take(&Summary::default(), &usage);
        assert_eq!(value(&values, metric::RECORDS), 0);
    }
}
