//! What sweeps compare with: which records are delivered already, and what each page adds to that.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use windlass_connectors::connector::Record;
use windlass_core::breaks::{Break, broken};
use windlass_core::ids::{Lane, Timeline};
use windlass_core::limits;
use windlass_core::seen::{PASS_OF_A_FILE, STRETCH_OF_A_FILE_MS, SeenBy, SeenPage, digest};
use windlass_core::span::Span;
use windlass_core::time::{MINUTE_MS, Timestamp};
use windlass_core::window::Window;
use windlass_state::StateStore;

use crate::persist::{Holder, NotWritten};

/// How often the start of a live window is looked for, each time twice as far back as before: from
/// a minute to a year.
const LOOKS_BACK_MAX: usize = 20;

/// What a sweep's window need not deliver.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Digests of what was delivered before, ascending: half the memory of a set.
    before: Vec<u64>,
    /// And of what this run has delivered, up to [`limits::SEEN_DIGESTS_MAX`]: a vendor may list a
    /// record twice.
    since: HashSet<u64>,
    /// Where the live windows start that this one reads again, in full or in part; ascending.
    starts: Vec<Timestamp>,
}

impl Known {
    /// Loads what `window`, one of a sweep or an adopted one, need not deliver; `None` when that is more than
    /// [`limits::SEEN_DIGESTS_MAX`].
    pub(crate) async fn load<S: StateStore>(
        holder: &Holder<'_, S>,
        window: &Window,
        unit_ms: i64,
    ) -> Result<Option<Self>, NotWritten> {
        let (store, span) = (holder.store, window.span());
        let timeline = |lane: &Lane| Timeline {
            lane: lane.clone(),
            ..window.id.timeline.clone()
        };
        let live = timeline(&Lane::Live);
        let ledger = ledger(holder, &live, span).await?;
        // Where a newest-first window was split, the page before the split has records on both
        // sides of it, and lies in the unit before it: before the live window, which may begin
        // earlier than a sweep's that was split itself.
        let first = ledger.first().map_or(span.from(), |first| first.id.from);
        let back_ms = if window.adopted {
            // A part of one finds what is remembered of the stretch that it begins in.
            unit_ms.max(STRETCH_OF_A_FILE_MS)
        } else {
            unit_ms
        };
        let from = first.min(span.from()).minus_ms(back_ms);
        let wide = Span::new(from, span.to()).unwrap_or(span);
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
        let mut writers = BTreeMap::new();
        for (lane, froms) in froms {
            let (lane_timeline, froms) = (timeline(lane), Vec::from_iter(froms));
            let windows = holder.insist(|| store.windows_at(&lane_timeline, &froms));
            for writer in windows.await? {
                writers.insert((lane, writer.id.from), writer);
            }
        }
        let counted = pages.iter().filter(|page| {
            let writer = writers.get(&(&page.lane, page.from));
            // A file stays whatever became of the window that was made for it.
            page.pass == PASS_OF_A_FILE
                || writer.is_some_and(|writer| counts(page, writer, &ledger))
        });
        let mut before: Vec<u64> = counted.flat_map(|page| &page.digests).copied().collect();
        before.sort_unstable();
        before.dedup();
        Ok(Some(Self {
            before,
            since: HashSet::new(),
            starts: ledger.iter().map(|window| window.id.from).collect(),
        }))
    }

    /// Whether a record with this digest is still to be delivered; if so, it is known from now on.
    fn add(&mut self, digest: u64) -> bool {
        if broken(Break::SweepKnowsAll) {
            return false;
        }
        if self.before.binary_search(&digest).is_ok() || self.since.contains(&digest) {
            return false;
        }
        if self.since.len() < limits::SEEN_DIGESTS_MAX {
            self.since.insert(digest);
        }
        true
    }

    /// Where the live window starts that `time` lies in. What a sweep delivers is remembered there,
    /// so that a later sweep finds it whatever windows that one has.
    fn place(&self, time: Option<Timestamp>) -> Option<Timestamp> {
        let after = self.starts.partition_point(|start| Some(*start) <= time);
        self.starts.get(after.saturating_sub(1)).copied()
    }
}

/// The live windows that `span` has a part of, ascending.
async fn ledger<S: StateStore>(
    holder: &Holder<'_, S>,
    live: &Timeline,
    span: Span,
) -> Result<Vec<Window>, NotWritten> {
    let starting_in = async |span| {
        let history = || holder.store.history(live, span, limits::SWEEP_LEDGER_MAX);
        holder.insist(history).await
    };
    let mut ledger = starting_in(span).await?;
    if ledger
        .first()
        .is_some_and(|first| first.id.from == span.from())
    {
        return Ok(ledger);
    }
    // A sweep's window that was split begins inside a live one, which begins somewhere before.
    let mut back_ms = MINUTE_MS;
    for _ in 0..LOOKS_BACK_MAX {
        let Ok(before) = Span::new(span.from().minus_ms(back_ms), span.from()) else {
            break;
        };
        if let Some(first) = starting_in(before).await?.pop() {
            ledger.insert(0, first);
            break;
        }
        back_ms *= 2;
    }
    Ok(ledger)
}

/// Whether what `page` remembers is delivered, and will stay so. `writer` is its window as it stands
/// now, and `ledger` what the live lane has in the span of the sweep.
fn counts(page: &SeenPage, writer: &Window, ledger: &[Window]) -> bool {
    // One that was never checkpointed may have been taken back by the sink.
    if page.page >= writer.page && !broken(Break::RememberBeforeDelivery) {
        return false;
    }
    if page.pass == writer.restarts {
        return true;
    }
    // Of an earlier pass; that stays delivered only if it was split off as delivered, which gave it
    // a window of its own in which nothing was read.
    let after = ledger.partition_point(|window| window.id.from <= page.at);
    let own = after.checked_sub(1).and_then(|place| ledger.get(place));
    page.at >= writer.to && own.is_some_and(|own| page.at < own.to && own.page == 0)
}

/// Looks at each record of a page: whether it is delivered already, and what is to be remembered.
#[derive(Debug, Default)]
pub(crate) struct Notes<'a> {
    /// In a sweep, what is delivered already.
    pub(crate) known: Option<&'a mut Known>,
    /// Whether some sweep will read the window again.
    pub(crate) keeps: bool,
    pub(crate) noted: Noted,
}

/// What was noted of the records of a page.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// Digests of what is delivered with the page, by where that is remembered: in a sweep, at the
    /// live window that the record belongs to, otherwise where the page lies.
    pub(crate) digests: BTreeMap<Option<Timestamp>, Vec<u64>>,
    /// Number of `digests`: at most one more than [`limits::SEEN_DIGESTS_MAX`].
    count: usize,
    /// Whether some record has no id to be remembered by.
    pub(crate) nameless: bool,
    /// Whether some record does not say when it happened.
    pub(crate) timeless: bool,
}

impl Notes<'_> {
    /// Notes `record`, and says whether it has to be delivered.
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
        // One more than a sweep can know: all of them would be of no more use.
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
