//! The running counts of one world for its checks: runs begun and ended cleanly, splits, and the
//! progress of the marks.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::ids::{RateGroup, SourceName, Timeline, WindowId};
use windlass_core::limits;
use windlass_core::source::SourceDefinition;
use windlass_core::time::Timestamp;
use windlass_core::transition::{Cause, Event, Release};
use windlass_core::wait::Cooldown;
use windlass_core::window::{Status, Window};

/// All counts of a world.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Counts per window.
    pub(crate) windows: BTreeMap<WindowId, WindowBook>,
    /// Marks and splits per timeline.
    pub(crate) lanes: BTreeMap<Timeline, LaneBook>,
    /// Shortest settle and unit per source.
    pub(crate) sources: BTreeMap<SourceName, SourceBook>,
    /// The running cooldown per rate group.
    pub(crate) cooldowns: BTreeMap<RateGroup, CooldownBook>,
    /// Ticks that completed.
    pub(crate) ticks: u64,
    /// Worker invocations that began.
    pub(crate) invocations: u64,
}

/// The counts of one window.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WindowBook {
    /// Runs that began.
    pub(crate) claims: u64,
    /// Runs that ended with every delivered page checkpointed.
    pub(crate) clean_ends: u64,
    /// Restarts at page one.
    pub(crate) restarts: u64,
    /// Instant of its creation, by the true time.
    pub(crate) created_at: Option<Timestamp>,
    /// Instant of its completion, by the true time.
    pub(crate) done_at: Option<Timestamp>,
    /// Instant of its last move, by the true time.
    pub(crate) moved_at: Option<Timestamp>,
    /// Consecutive deaths of the process, each in a run of this window without a page.
    pub(crate) deaths: u32,
    /// True once it has parked: a parked sweep window does not delay the next sweep, and after a
    /// retry both may find the same records.
    pub(crate) was_parked: bool,
}

/// The marks and splits of one timeline.
#[derive(Debug, Clone, Default)]
pub(crate) struct LaneBook {
    /// The latest `scheduled_through`.
    pub(crate) scheduled_through: Option<Timestamp>,
    /// The latest watermark.
    pub(crate) complete_through: Option<Timestamp>,
    /// The latest `open_from`.
    pub(crate) open_from: Option<Timestamp>,
    /// Number of its source's records, by time, that have been looked for.
    pub(crate) looked_for: usize,
    /// Windows that were to be split: their starts and ends at that time.
    pub(crate) split_spans: BTreeMap<Timestamp, Timestamp>,
    /// Instants of splits.
    pub(crate) split_points: BTreeSet<Timestamp>,
    /// True once windows have vanished from it.
    pub(crate) has_lost: bool,
}

/// The smallest distances that a source ever had.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceBook {
    /// The shortest `settle` it ever had, in milliseconds.
    pub(crate) settle_ms: i64,
    /// The time unit of its vendor, in milliseconds.
    pub(crate) unit_ms: i64,
}

/// A cooldown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CooldownBook {
    /// Start of the uninterrupted cooldown.
    pub(crate) since: Timestamp,
    /// End of the cooldown.
    pub(crate) until: Timestamp,
}

impl WindowBook {
    /// Runs that may have delivered a page without a checkpoint.
    pub(crate) fn stops(self) -> u64 {
        self.claims.saturating_sub(self.clean_ends)
    }
}

impl Books {
    /// Records an applied `definition`.
    pub(crate) fn applied(&mut self, definition: &SourceDefinition) {
        let policy = &definition.policy;
        let book = self
            .sources
            .entry(definition.name.clone())
            .or_insert(SourceBook {
                settle_ms: policy.settle_ms,
                unit_ms: policy.unit_ms,
            });
        book.settle_ms = book.settle_ms.min(policy.settle_ms);
    }

    /// Records a cooldown that is stored at `now`.
    pub(crate) fn closed(&mut self, cooldown: &Cooldown, now: Timestamp) {
        let new = CooldownBook {
            since: now,
            until: cooldown.not_before,
        };
        let book = self.cooldowns.entry(cooldown.group.clone()).or_insert(new);
        // A machine with a fast clock may have found it over already.
        if book.until <= now.plus_ms(limits::CLOCK_SKEW_MS) {
            *book = new;
        }
        book.until = book.until.max(cooldown.not_before);
    }

    /// Records a move of `window`, or its creation if `new`, at `now`.
    pub(crate) fn moved(&mut self, window: &Window, new: bool, now: Timestamp) {
        let book = self.windows.entry(window.id().clone()).or_default();
        if new {
            book.created_at = Some(now);
        }
        book.moved_at = Some(now);
        book.done_at = (window.status() == Status::Done).then_some(now);
    }

    /// Counts a claim of `window`.
    pub(crate) fn claimed(&mut self, window: &Window) {
        self.windows.entry(window.id().clone()).or_default().claims += 1;
    }

    /// Resets the deaths of `window` at a checkpoint.
    pub(crate) fn had_page(&mut self, window: &Window) {
        self.windows.entry(window.id().clone()).or_default().deaths = 0;
    }

    /// Counts a planner's or an operator's move of `seen`. Fails when the window has killed more
    /// processes in a row than the limit.
    pub(crate) fn decided(&mut self, seen: &Window, event: &Event) -> Result<(), String> {
        let book = self.windows.entry(seen.id().clone()).or_default();
        match event {
            Event::Expire { .. } if seen.status() == Status::Running && seen.attempts() > 0 => {
                book.deaths += 1;
            }
            Event::Probe { .. } => book.deaths = limits::SUSPECT_DEATHS_MAX,
            Event::Retry { .. } => book.deaths = 0,
            _ => {}
        }
        // The first death, and those of the only suspect.
        let deaths = book.deaths;
        if deaths <= limits::SUSPECT_DEATHS_MAX + 1 {
            return Ok(());
        }
        Err(format!(
            "{} took {deaths} processes down in a row and is not parked",
            seen.id()
        ))
    }

    /// Counts a run of `window` that completed it.
    pub(crate) fn completed(&mut self, window: &Window) {
        let book = self.windows.entry(window.id().clone()).or_default();
        book.clean_ends += 1;
    }

    /// Counts the run of `before` that ended in `release`.
    pub(crate) fn released(&mut self, before: &Window, release: &Release) {
        let book = self.windows.entry(before.id().clone()).or_default();
        // The sink may have taken a page that it did not acknowledge.
        let of_sink = release
            .error
            .as_ref()
            .is_some_and(|error| error.starts_with("sink "));
        book.clean_ends += u64::from(!of_sink);
        if matches!(
            release.cause,
            Cause::Restart | Cause::Halve(_) | Cause::Reenter(_)
        ) {
            book.restarts += 1;
        }
    }

    /// Records that `window` parked.
    pub(crate) fn parked(&mut self, window: &Window) {
        let book = self.windows.entry(window.id().clone()).or_default();
        book.was_parked = true;
    }

    /// Records that the done window `id` vanished: it is created and read again, and until then the
    /// watermark stays before it.
    pub(crate) fn vanished(&mut self, id: &WindowId) {
        let lane = self.lanes.entry(id.timeline.clone()).or_default();
        lane.has_lost = true;
        lane.complete_through = None;
        self.windows.entry(id.clone()).or_default().restarts += 1;
    }

    /// Forgets the marks and cooldowns: the state is an older one.
    pub(crate) fn reverted(&mut self) {
        // The older state has forgotten deaths: from here on both begin again, or the state is
        // ahead.
        for book in self.windows.values_mut() {
            book.deaths = 0;
        }
        self.cooldowns.clear();
        for lane in self.lanes.values_mut() {
            lane.scheduled_through = None;
            lane.complete_through = None;
            lane.open_from = None;
            lane.looked_for = 0;
        }
    }

    /// Records a pending or past split of `window` at `at`.
    pub(crate) fn split(&mut self, window: &Window, at: Timestamp) {
        let lane = self.lanes.entry(window.id().timeline.clone()).or_default();
        let to = lane
            .split_spans
            .entry(window.id().from)
            .or_insert(window.to());
        *to = (*to).max(window.to());
        lane.split_points.insert(at);
    }
}

impl LaneBook {
    /// Start of the window that the one at `from` may be a part of.
    pub(crate) fn family(&self, from: Timestamp) -> Timestamp {
        let around = self.split_spans.range(..=from);
        let mut spans = around.filter(|(_, to)| **to > from);
        // The widest of nested spans begins first.
        spans.next().map_or(from, |(root, _)| *root)
    }
}
