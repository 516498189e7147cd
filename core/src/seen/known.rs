//! The records that a sweep skips, because earlier windows have delivered them for good.

use std::collections::{BTreeMap, HashSet};

use super::{PASS_OF_A_FILE, STRETCH_OF_A_FILE_MS, SeenPage};
use crate::ids::Lane;
use crate::limits;
use crate::span::Span;
use crate::time::Timestamp;
use crate::window::Window;

/// The records that a window skips.
#[derive(Debug, Default)]
pub struct Known {
    /// Digests of earlier delivered records, ascending: half the memory of a set.
    before: Vec<u64>,
    /// Digests of records that this run has delivered, up to [`limits::SEEN_DIGESTS_MAX`]: a vendor
    /// may list a record twice.
    since: HashSet<u64>,
    /// Starts of the live windows that this one reads again, ascending.
    starts: Vec<Timestamp>,
}

impl Known {
    /// The records of those `pages` that are delivered for good. `writers` are the present windows
    /// of the pages, and `ledger` the live windows in the span of the window to read, ascending.
    pub fn new(pages: &[SeenPage], writers: &[Window], ledger: &[Window]) -> Self {
        let writers: BTreeMap<(&Lane, Timestamp), &Window> = writers
            .iter()
            .map(|writer| ((&writer.id().timeline.lane, writer.id().from), writer))
            .collect();
        let counted = pages.iter().filter(|page| {
            // The records of a file stay, even when the window that was created for it changes.
            page.pass == PASS_OF_A_FILE
                || writers
                    .get(&(&page.lane, page.from))
                    .is_some_and(|writer| page.counts(writer, ledger))
        });
        let mut before: Vec<u64> = counted.flat_map(|page| &page.digests).copied().collect();
        before.sort_unstable();
        before.dedup();
        Self {
            before,
            since: HashSet::new(),
            starts: ledger.iter().map(|window| window.id().from).collect(),
        }
    }

    /// Adds `digest` to the known records. Returns true if its record is still to be delivered.
    pub fn add(&mut self, digest: u64) -> bool {
        if self.before.binary_search(&digest).is_ok() || self.since.contains(&digest) {
            return false;
        }
        if self.since.len() < limits::SEEN_DIGESTS_MAX {
            self.since.insert(digest);
        }
        true
    }

    /// Start of the live window that contains `time`. Ids that a sweep delivers are stored there,
    /// so that a later sweep finds them with any windows of its own.
    pub fn place(&self, time: Option<Timestamp>) -> Option<Timestamp> {
        let after = self.starts.partition_point(|start| Some(*start) <= time);
        self.starts.get(after.saturating_sub(1)).copied()
    }
}

impl SeenPage {
    /// Returns whether the records of the page are delivered for good. `writer` is the present
    /// window of the page, `ledger` the live windows in the span of the sweep, ascending.
    pub fn counts(&self, writer: &Window, ledger: &[Window]) -> bool {
        // The sink may have removed a page without a checkpoint.
        if self.page >= writer.page() {
            return false;
        }
        if self.pass == writer.restarts() {
            return true;
        }
        // A page from before a restart stays delivered only if a split made it part of a delivered
        // window in which no page was read.
        let after = ledger.partition_point(|window| window.id().from <= self.at);
        let own = after.checked_sub(1).and_then(|place| ledger.get(place));
        self.at >= writer.to() && own.is_some_and(|own| self.at < own.to() && own.page() == 0)
    }
}

/// The span of the pages that may have delivered records of `window`.
pub fn span_to_compare(window: &Window, unit_ms: i64) -> Span {
    let span = window.span();
    // At a split of a newest-first window, the page before the split has records on both sides of
    // it. Its place is in the time unit before the split, and so before the live window.
    let back_ms = if window.adopted() {
        // A part of such a window needs the stored ids of the stretch in which it begins.
        unit_ms.max(STRETCH_OF_A_FILE_MS)
    } else {
        unit_ms
    };
    Span::new(span.from().minus_ms(back_ms), span.to()).unwrap_or(span)
}

#[cfg(test)]
#[path = "known_tests.rs"]
mod tests;
