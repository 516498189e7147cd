//! The records that a sweep need not deliver: those that earlier windows delivered, and will keep.

use std::collections::{BTreeMap, HashSet};

use super::{PASS_OF_A_FILE, STRETCH_OF_A_FILE_MS, SeenPage};
use crate::ids::Lane;
use crate::limits;
use crate::span::Span;
use crate::time::Timestamp;
use crate::window::Window;

/// The records that a window need not deliver.
#[derive(Debug, Default)]
pub struct Known {
    /// Digests of what was delivered before, ascending: half the memory of a set.
    before: Vec<u64>,
    /// And of what this run has delivered, up to [`limits::SEEN_DIGESTS_MAX`]: a vendor may list a
    /// record twice.
    since: HashSet<u64>,
    /// Where the live windows start that this one reads again; ascending.
    starts: Vec<Timestamp>,
}

impl Known {
    /// The records of those `pages` that are delivered and stay so. `writers` are the windows that
    /// remembered them, as they stand now; `ledger` the live windows in the span of the window that is
    /// to be read, ascending.
    pub fn new(pages: &[SeenPage], writers: &[Window], ledger: &[Window]) -> Self {
        let writers: BTreeMap<(&Lane, Timestamp), &Window> = writers
            .iter()
            .map(|writer| ((&writer.id().timeline.lane, writer.id().from), writer))
            .collect();
        let counted = pages.iter().filter(|page| {
            // A file stays whatever became of the window that was made for it.
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

    /// Whether a record with this digest is still to be delivered; if so, it is known from now on.
    pub fn add(&mut self, digest: u64) -> bool {
        if self.before.binary_search(&digest).is_ok() || self.since.contains(&digest) {
            return false;
        }
        if self.since.len() < limits::SEEN_DIGESTS_MAX {
            self.since.insert(digest);
        }
        true
    }

    /// Start of the live window that `time` lies in. What a sweep delivers is remembered there, so that
    /// a later sweep finds it whatever windows that one has.
    pub fn place(&self, time: Option<Timestamp>) -> Option<Timestamp> {
        let after = self.starts.partition_point(|start| Some(*start) <= time);
        self.starts.get(after.saturating_sub(1)).copied()
    }
}

impl SeenPage {
    /// Whether what the page remembers is delivered, and will stay so. `writer` is its window as it
    /// stands now, `ledger` the live windows in the span of the sweep, ascending.
    pub fn counts(&self, writer: &Window, ledger: &[Window]) -> bool {
        // A page that was never checkpointed may have been taken back by the sink.
        if self.page >= writer.page() {
            return false;
        }
        if self.pass == writer.restarts() {
            return true;
        }
        // A page of an earlier pass stays delivered only if it was split off as delivered, which gave it
        // a window of its own in which nothing was read.
        let after = ledger.partition_point(|window| window.id().from <= self.at);
        let own = after.checked_sub(1).and_then(|place| ledger.get(place));
        self.at >= writer.to() && own.is_some_and(|own| self.at < own.to() && own.page() == 0)
    }
}

/// The span in which pages lie that may have delivered records of `window`.
pub fn span_to_compare(window: &Window, unit_ms: i64) -> Span {
    let span = window.span();
    // Where a newest-first window was split, the page before the split has records on both
    // sides of it, and lies in the unit before it: before the live window.
    let back_ms = if window.adopted() {
        // A part of one finds what is remembered of the stretch that it begins in.
        unit_ms.max(STRETCH_OF_A_FILE_MS)
    } else {
        unit_ms
    };
    Span::new(span.from().minus_ms(back_ms), span.to()).unwrap_or(span)
}

#[cfg(test)]
#[path = "known_tests.rs"]
mod tests;
