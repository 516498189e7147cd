//! The state of a source, as one word.

use windlass_core::creation::settled_edge;
use windlass_core::ids::Lane;
use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_core::trust::PlanTime;
use windlass_core::view::SourceView;

use super::TICKS_MISSED_MS;
use crate::commands::status::NOT_STORED;

/// The circumstances of a source that its view lacks.
pub(super) struct State<'a> {
    pub(super) uncut: &'a Uncut,
    /// Number of its windows in flight; 0 if they were not read.
    pub(super) running: usize,
    /// True if a run or a deployment may be processing its windows.
    pub(super) has_workers: bool,
    /// True during a cooldown of its rate group.
    pub(super) is_cooling_down: bool,
}

/// The state of the source of `view`: the first of these that holds.
pub(super) fn state_of(view: &SourceView, it: &State<'_>) -> &'static str {
    let end = view.record.definition.end;
    let windows = view.summary_of(|_| true);
    let gaps = view.summary_of(|lane| !matches!(lane, Lane::Sweep(_)));
    match () {
        () if !view.record.is_active() => inactive(&view.record),
        () if end.is_some_and(|end| view.complete_through() >= end) => "finished",
        () if it.uncut.is_not_started(view) => "not started",
        () if it.running > 0 && !it.has_workers => "interrupted",
        () if it.running > 0 => "running",
        () if it.is_cooling_down => "waiting",
        () if windows.is_none_or(|windows| windows.open > 0) => "open",
        () if it.uncut.is_behind => "behind",
        () if it.uncut.waits_for_clock => "waiting",
        () if gaps.is_some_and(|gaps| gaps.parked > 0) => "holes",
        () => "caught up",
    }
}

/// Settled time without windows.
pub(super) struct Uncut {
    /// Its length by the vendor clock, in milliseconds.
    ms: i64,
    /// The longest that the orchestrator leaves, in milliseconds.
    pub(super) max_ms: i64,
    /// True if it is longer by both clocks.
    is_behind: bool,
    /// True if it is longer by the vendor clock alone: windows are created by the earlier clock.
    waits_for_clock: bool,
}

impl Uncut {
    pub(super) fn of(view: &SourceView, clocks: &PlanTime) -> Self {
        let max_ms = view.record.definition.policy.every_ms + TICKS_MISSED_MS;
        let is_behind = uncut_ms(view, clocks.edge()) > max_ms;
        // Records carry the vendor's time.
        let ms = uncut_ms(view, clocks.lag_at());
        Self {
            ms,
            max_ms,
            is_behind,
            waits_for_clock: !is_behind && ms > max_ms,
        }
    }

    /// True if the source is not stored, or some time is due and no window has been created.
    fn is_not_started(&self, view: &SourceView) -> bool {
        view.record.version == NOT_STORED || (is_untouched(view) && self.ms > 0)
    }
}

/// The state of a source that starts no windows.
fn inactive(record: &SourceRecord) -> &'static str {
    match record.blocked {
        Some(_) => "blocked",
        None if record.held_since.is_some() => "held",
        None => "paused",
    }
}

/// Returns true if no window of the source has been created yet.
fn is_untouched(view: &SourceView) -> bool {
    let has_marks = view.lanes.iter().any(|lane| lane.progress.version > 0);
    !has_marks && view.windows().next().is_none()
}

/// The settled time without windows, in milliseconds.
fn uncut_ms(view: &SourceView, now: Timestamp) -> i64 {
    let definition = &view.record.definition;
    let edge = settled_edge(&definition.policy, now);
    let edge = definition.end.map_or(edge, |end| end.min(edge));
    let live = view.lanes.first();
    live.map_or(0, |live| edge.ms_since(live.progress.scheduled_through))
}
