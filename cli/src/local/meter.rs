//! Counts of the records delivered by a run, for bars and for the summary.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use windlass_core::checkpoint::PageTotals;
use windlass_core::ids::SourceName;
use windlass_core::window::Window;
use windlass_worker::Observer;

/// The deliveries of one source since the run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Delivered {
    pub(crate) pages: u64,
    pub(crate) records: u64,
    pub(crate) rejected: u64,
    pub(crate) bytes: u64,
}

/// Counts durable pages by source.
#[derive(Debug, Default)]
pub(crate) struct Meter(Mutex<BTreeMap<SourceName, Delivered>>);

impl Meter {
    /// The counts of `source` so far.
    pub(crate) fn of(&self, source: &SourceName) -> Delivered {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.get(source).copied().unwrap_or_default()
    }
}

impl Observer for Meter {
    fn page(&self, window: &Window, totals: &PageTotals) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts
            .entry(window.id().timeline.source.clone())
            .or_default();
        count.pages += 1;
        count.records += totals.records;
        count.rejected += totals.rejected;
        count.bytes += totals.bytes;
    }
}
