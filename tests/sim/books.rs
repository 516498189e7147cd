//! What the checks of one world count as it goes: who began and who ended in good order, where
//! windows were split, how far marks have come.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::ids::{RateGroup, SourceName, Timeline, WindowId};
use windlass_core::limits;
use windlass_core::source::SourceDefinition;
use windlass_core::time::Timestamp;
use windlass_core::transition::{Cause, Event, Release};
use windlass_core::wait::RateGate;
use windlass_core::window::{Status, Window};

/// Everything counted.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// By window.
    pub(crate) windows: BTreeMap<WindowId, WindowBook>,
    /// By timeline.
    pub(crate) lanes: BTreeMap<Timeline, LaneBook>,
    /// By source.
    pub(crate) sources: BTreeMap<SourceName, SourceBook>,
    /// By rate group.
    pub(crate) gates: BTreeMap<RateGroup, GateBook>,
    /// Ticks that ended by themselves.
    pub(crate) ticks: u64,
    /// Worker invocations that began.
    pub(crate) invocations: u64,
}

/// One window's life.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WindowBook {
    /// Runs that began.
    pub(crate) claims: u64,
    /// Runs that ended with nothing delivered that is not checkpointed.
    pub(crate) clean_ends: u64,
    /// Times it began again at page one.
    pub(crate) restarts: u64,
    /// When it was created, by the true time.
    pub(crate) created_at: Option<Timestamp>,
    /// When it was done, by the true time.
    pub(crate) done_at: Option<Timestamp>,
    /// When it was last moved, by the true time.
    pub(crate) moved_at: Option<Timestamp>,
    /// Deaths of the process in a row, each in a run of this window that had no page.
    pub(crate) deaths: u32,
    /// Whether it was given up once: a sweep's window does not hold up the next sweep then, and when
    /// it is tried again both may find the same.
    pub(crate) was_parked: bool,
}

/// One timeline's marks and splits.
#[derive(Debug, Clone, Default)]
pub(crate) struct LaneBook {
    /// The furthest it was carved.
    pub(crate) scheduled_through: Option<Timestamp>,
    /// The furthest it was complete.
    pub(crate) complete_through: Option<Timestamp>,
    /// The furthest it was open from.
    pub(crate) open_from: Option<Timestamp>,
    /// How many of its source's records, by time, have been looked for.
    pub(crate) looked_for: usize,
    /// Windows that were to be split: where each began and ended then.
    pub(crate) split_spans: BTreeMap<Timestamp, Timestamp>,
    /// Where windows were split.
    pub(crate) split_points: BTreeSet<Timestamp>,
    /// Whether windows have vanished from it.
    pub(crate) has_lost: bool,
}

/// The least that was asked of one source's vendor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SourceBook {
    /// The shortest `settle` it ever had.
    pub(crate) settle_ms: i64,
    /// The time unit of its vendor.
    pub(crate) unit_ms: i64,
}

/// A gate that was closed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GateBook {
    /// Since when it has been, without a pause.
    pub(crate) since: Timestamp,
    /// Until when it is.
    pub(crate) until: Timestamp,
}

impl WindowBook {
    /// Runs that may have delivered a page which was not checkpointed.
    pub(crate) fn stops(self) -> u64 {
        self.claims.saturating_sub(self.clean_ends)
    }
}

impl Books {
    /// `definition` is applied.
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

    /// A gate is closed at `now`.
    pub(crate) fn closed(&mut self, gate: &RateGate, now: Timestamp) {
        let new = GateBook {
            since: now,
            until: gate.not_before,
        };
        let book = self.gates.entry(gate.group.clone()).or_insert(new);
        // A machine whose clock is fast may have found it open already.
        if book.until <= now.plus_ms(limits::CLOCK_SKEW_MS) {
            *book = new;
        }
        book.until = book.until.max(gate.not_before);
    }

    /// `window` was moved at `now`, or is `new`.
    pub(crate) fn moved(&mut self, window: &Window, new: bool, now: Timestamp) {
        let book = self.windows.entry(window.id().clone()).or_default();
        if new {
            book.created_at = Some(now);
        }
        book.moved_at = Some(now);
        book.done_at = (window.status() == Status::Done).then_some(now);
    }

    /// A worker has taken `window`.
    pub(crate) fn claimed(&mut self, window: &Window) {
        self.windows.entry(window.id().clone()).or_default().claims += 1;
    }

    /// A page of `window` is checkpointed.
    pub(crate) fn had_page(&mut self, window: &Window) {
        self.windows.entry(window.id().clone()).or_default().deaths = 0;
    }

    /// A planner or an operator has moved `seen`. An error when the window has taken down more
    /// processes in a row than a window may.
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

    /// A run of `window` ended with everything checkpointed.
    pub(crate) fn completed(&mut self, window: &Window) {
        let book = self.windows.entry(window.id().clone()).or_default();
        book.clean_ends += 1;
    }

    /// A run of what was `before` ended as `release` says.
    pub(crate) fn released(&mut self, before: &Window, release: &Release) {
        let book = self.windows.entry(before.id().clone()).or_default();
        // A page that the sink did not acknowledge may be there all the same.
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

    /// `window` is given up.
    pub(crate) fn parked(&mut self, window: &Window) {
        let book = self.windows.entry(window.id().clone()).or_default();
        book.was_parked = true;
    }

    /// The done window `id` has vanished: it is made again and read again, and until then nothing
    /// after it counts as complete.
    pub(crate) fn vanished(&mut self, id: &WindowId) {
        let lane = self.lanes.entry(id.timeline.clone()).or_default();
        lane.has_lost = true;
        lane.complete_through = None;
        self.windows.entry(id.clone()).or_default().restarts += 1;
    }

    /// The state is an older one: its marks come again, and what closed a gate is forgotten.
    pub(crate) fn reverted(&mut self) {
        // Deaths that the state has forgotten count no more: from here on both begin again, or the
        // state is ahead.
        for book in self.windows.values_mut() {
            book.deaths = 0;
        }
        self.gates.clear();
        for lane in self.lanes.values_mut() {
            lane.scheduled_through = None;
            lane.complete_through = None;
            lane.open_from = None;
            lane.looked_for = 0;
        }
    }

    /// `window` waits to be split, or has given something up.
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
    /// Where the window began of which the one from `from` may be a part.
    pub(crate) fn family(&self, from: Timestamp) -> Timestamp {
        let around = self.split_spans.range(..=from);
        let mut spans = around.filter(|(_, to)| **to > from);
        // The widest of spans that lie in one another begins first.
        spans.next().map_or(from, |(root, _)| *root)
    }
}
