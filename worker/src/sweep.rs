//! The comparison of sweeps: the delivered records, and the digests that each page adds to them.

use std::collections::{BTreeMap, BTreeSet};

use windlass_connectors::connector::Record;
use windlass_core::ids::{Lane, Timeline};
use windlass_core::limits;
use windlass_core::seen::{Known, SeenBy, digest, span_to_compare};
use windlass_core::time::Timestamp;
use windlass_core::window::Window;
use windlass_state::StateStore;

use crate::persist::{Holder, NotWritten};

/// The delivered records in the span of `window`, one of a sweep or an adopted one; `None` when
/// they are more than [`limits::SEEN_DIGESTS_MAX`].
pub(crate) async fn known<S: StateStore>(
    holder: &Holder<'_, S>,
    window: &Window,
    unit_ms: i64,
) -> Result<Option<Known>, NotWritten> {
    let store = holder.store;
    let timeline = |lane: &Lane| Timeline {
        lane: lane.clone(),
        ..window.id().timeline.clone()
    };
    let live = timeline(&Lane::Live);
    let history = || store.history(&live, window.span(), limits::SWEEP_LEDGER_MAX);
    let ledger = holder.insist(history).await?;
    let wide = span_to_compare(window, unit_ms);
    let by = SeenBy {
        source: live.source.clone(),
        generation: live.generation.clone(),
    };
    let pages = holder
        .insist(|| store.seen(&by, wide, limits::SEEN_DIGESTS_MAX))
        .await?;
    let Some(pages) = pages else {
        return Ok(None);
    };
    let mut froms: BTreeMap<&Lane, BTreeSet<Timestamp>> = BTreeMap::new();
    for page in &pages {
        froms.entry(&page.lane).or_default().insert(page.from);
    }
    let mut writers = Vec::new();
    for (lane, froms) in froms {
        let (lane_timeline, froms) = (timeline(lane), Vec::from_iter(froms));
        let windows = holder.insist(|| store.windows_at(&lane_timeline, &froms));
        writers.extend(windows.await?);
    }
    Ok(Some(Known::new(&pages, &writers, &ledger)))
}

/// Examines each record of a page: whether it is delivered already, and its digest.
#[derive(Debug, Default)]
pub(crate) struct Notes<'a> {
    /// In a sweep, the delivered records.
    pub(crate) known: Option<&'a mut Known>,
    /// True if some sweep will read the window again.
    pub(crate) keeps: bool,
    pub(crate) noted: Noted,
}

/// The findings about the records of a page.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// Digests of the records delivered with the page, by the window that stores them: in a sweep,
    /// the live window that the record belongs to, otherwise that of the page.
    pub(crate) digests: BTreeMap<Option<Timestamp>, Vec<u64>>,
    /// Number of `digests`: at most one more than [`limits::SEEN_DIGESTS_MAX`].
    count: usize,
    /// True if some record has no id.
    pub(crate) nameless: bool,
    /// True if some record has no time.
    pub(crate) timeless: bool,
}

impl Notes<'_> {
    /// Notes `record`. Returns true if it must be delivered.
    pub(crate) fn is_news(&mut self, record: &Record) -> bool {
        self.noted.timeless |= record.time.is_none();
        if !self.keeps && self.known.is_none() {
            return true;
        }
        let Some(id) = &record.id else {
            self.noted.nameless = true;
            return true;
        };
        let digest = digest(id);
        let mut place = None;
        if let Some(known) = self.known.as_deref_mut() {
            if !known.add(digest) {
                return false;
            }
            place = known.place(record.time);
        }
        // Stops one above the limit of a sweep: more digests would be of no use.
        if self.keeps && self.noted.count <= limits::SEEN_DIGESTS_MAX {
            self.noted.count += 1;
            self.noted.digests.entry(place).or_default().push(digest);
        }
        true
    }
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
