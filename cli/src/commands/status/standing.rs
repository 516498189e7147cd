//! Where one source stands, in a row of the table, in JSON, and in remarks.

mod remarks;

use serde_json::{Value, json};
use windlass_core::carve::settled_edge;
use windlass_core::ids::Lane;
use windlass_core::limits;
use windlass_core::retention;
use windlass_core::source::{Blocked, SourceDefinition, SourceRecord};
use windlass_core::summary::Summary;
use windlass_core::time::{MINUTE_MS, Timestamp};
use windlass_core::trust::{Difference, PlanTime};
use windlass_core::wait::RateGate;
use windlass_core::window::{Status, Window};
use windlass_orchestrator::{SourceView, oldest_in_trouble};

use super::NOT_STORED;
use super::late::Late;
use super::trouble::Trouble;
use crate::output::{duration, grouped, time};
use crate::state::StateAddress;

/// How much later than due time may be cut before nobody seems to be there to do it: ticks come
/// every minute, and one may be missed.
const TICKS_MISSED_MS: i64 = 2 * MINUTE_MS;

/// What is said of one source.
pub(super) struct Standing {
    source: String,
    state: &'static str,
    blocked: Option<Blocked>,
    /// Earliest next probe of a blocked source that is not paused.
    probe_at: Option<Timestamp>,
    held_since: Option<Timestamp>,
    complete_through: Timestamp,
    scheduled_through: Timestamp,
    end: Option<Timestamp>,
    lag_ms: i64,
    /// Its unfinished windows, of all lanes; `None` where the last tick did not count them.
    windows: Option<Summary>,
    /// Of these, the windows that a worker has; `None` where they were not read.
    running: Option<usize>,
    /// Parked windows but for those of sweeps, and since when there are some.
    gaps: Option<Summary>,
    /// Whether its windows were read; otherwise they are as of the last tick.
    pub(super) is_exact: bool,
    trouble: Option<Trouble>,
    /// How many parked windows are tried again by themselves, and when the first of them is.
    suspects: Option<(usize, Timestamp)>,
    records_per_hour: Option<u64>,
    unavailable: Vec<windlass_core::Span>,
    /// How long before records are lost, where the vendor says how long it keeps them.
    retention_left_ms: Option<i64>,
    /// Whether that is little.
    is_endangered: bool,
    /// When it was looked at, by this machine's clock.
    now: Timestamp,
    /// When it was looked at, by the vendor's clock.
    vendor_now: Timestamp,
    late: Late,
    gate: Option<RateGate>,
    /// The difference between our clock and the vendor's, and the vendor's name.
    clocks: Option<(Difference, String)>,
    /// How far windows reach past the clock, where one that was wrong has cut them.
    cut_until: Option<Timestamp>,
    failure: Option<Failure>,
    /// The command that tries a blocked source again.
    tries_again: &'static str,
    /// What to do about a source that no tick plans.
    plans_it: &'static str,
}

/// What a source is looked at beside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// Where the state is.
    pub(super) address: &'a StateAddress,
    /// Whether there is somebody who could be running its windows.
    pub(super) has_workers: bool,
    /// Now.
    pub(super) now: Timestamp,
}

/// What holds the oldest open window up.
struct Failure {
    /// When it is tried again; `None` while it is being, or may be at once.
    waits_until: Option<Timestamp>,
    error: String,
}

impl Failure {
    fn of(view: &SourceView, now: Timestamp) -> Option<Self> {
        let window = oldest_in_trouble(view, now)?;
        Some(Self {
            waits_until: window.waits_until(now),
            error: window.last_error.clone()?,
        })
    }
}

impl Standing {
    /// Where the source of `view` stands, while its rate group is closed by `gate` and its clocks show
    /// `clocks`.
    pub(super) fn of(
        view: &SourceView,
        gate: Option<RateGate>,
        clocks: &PlanTime,
        surroundings: &Surroundings<'_>,
    ) -> Self {
        let now = surroundings.now;
        let definition = &view.record.definition;
        let complete_through = view.complete_through();
        let live = view.lanes.first();
        let finished = definition.end.is_some_and(|end| complete_through >= end);
        let is_exact = view.is_exact();
        let is_running = |window: &&Window| window.status == Status::Running;
        let running = is_exact.then(|| view.windows().filter(is_running).count());
        let windows = view.summary_of(|_| true);
        let gaps = view.summary_of(|lane| !matches!(lane, Lane::Sweep(_)));
        // Records carry the vendor's time.
        let vendor_now = clocks.lag_at();
        let uncut_ms = uncut_ms(view, vendor_now);
        let uncut_ms_max = definition.policy.every_ms + TICKS_MISSED_MS;
        let is_behind = uncut_ms > uncut_ms_max;
        let state = match () {
            () if !view.record.is_active() => inactive(&view.record),
            () if finished => "finished",
            () if view.record.version == NOT_STORED || (is_untouched(view) && uncut_ms > 0) => {
                "not started"
            }
            () if running > Some(0) && !surroundings.has_workers => "interrupted",
            () if running > Some(0) => "running",
            () if gate.is_some() => "waiting",
            () if windows.is_none_or(|windows| windows.open > 0) => "open",
            () if is_behind => "behind",
            () if gaps.is_some_and(|gaps| gaps.parked > 0) => "holes",
            () => "caught up",
        };
        let behind_since = (state == "behind").then(|| due_since(view).plus_ms(uncut_ms_max));
        Self {
            source: definition.name.to_string(),
            state,
            blocked: view.record.blocked.clone(),
            probe_at: view.record.probe_at(),
            held_since: view.record.held_since,
            complete_through,
            scheduled_through: live
                .map_or(definition.start, |lane| lane.progress.scheduled_through),
            end: definition.end,
            lag_ms: view.lag_ms(vendor_now),
            windows,
            running,
            gaps,
            is_exact,
            trouble: Trouble::of(view, windows.as_ref(), behind_since),
            suspects: suspects(view),
            records_per_hour: live.and_then(|lane| lane.progress.records_per_hour),
            unavailable: unavailable(view),
            retention_left_ms: retention::left_ms(&definition.policy, complete_through, vendor_now)
                .filter(|_| !finished),
            is_endangered: !finished
                && retention::is_endangered(&definition.policy, complete_through, vendor_now),
            now,
            vendor_now,
            late: Late::of(view),
            gate,
            clocks: clocks
                .difference()
                .map(|difference| (*difference, definition.connector.clone())),
            cut_until: cut_until(view, vendor_now),
            failure: Failure::of(view, now),
            tries_again: surroundings.address.what_puts_sources_there(),
            plans_it: plans_it(surroundings.address),
        }
    }

    /// A row of the table.
    pub(super) fn cells(&self) -> [String; 8] {
        let or_dash = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
        [
            self.source.clone(),
            self.state.to_owned(),
            time(self.complete_through),
            duration(self.lag_ms),
            or_dash(self.records_per_hour.map(grouped)),
            or_dash(self.windows.map(|windows| windows.open.to_string())),
            or_dash(self.running.map(|running| running.to_string())),
            or_dash(self.gaps.map(|gaps| gaps.parked.to_string())),
        ]
    }

    /// For scripts.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "source": self.source,
            "state": self.state,
            "problem": self.blocked.as_ref().map(|blocked| &blocked.reason),
            "blocked_since": self.blocked.as_ref().map(|blocked| blocked.since),
            "probe_at": self.probe_at,
            "held_since": self.held_since,
            "complete_through": self.complete_through,
            "scheduled_through": self.scheduled_through,
            "end": self.end,
            "lag_ms": self.lag_ms,
            "exact": self.is_exact,
            "trouble": self.trouble.map(Trouble::to_json),
            "since": self.trouble.map(|trouble| trouble.since),
            "open": self.windows.map(|windows| windows.open),
            "running": self.running,
            "parked": self.windows.map(|windows| windows.parked),
            "holes": self.gaps.map(|gaps| gaps.parked),
            "records_per_hour": self.records_per_hour,
            "unavailable": self.unavailable,
            "retention_left_ms": self.retention_left_ms,
            "late": self.late.to_json(),
            "proposed_settle_ms": self.late.proposed_settle_ms(),
            "sweep_holes": self.late.holes(),
            "waits_until": self.gate.as_ref().map(|gate| gate.not_before),
            "waits_for": self.gate.as_ref().map(|gate| &gate.reason),
            "clock": self.clocks.as_ref().map(|(difference, _)| json!({
                "ours": difference.ours,
                "vendor": difference.vendor,
                "disputed": difference.is_disputed(),
            })),
            "last_error": self.failure.as_ref().map(|failure| &failure.error),
        })
    }
}

/// The state of a source that starts nothing.
fn inactive(record: &SourceRecord) -> &'static str {
    match record.blocked {
        Some(_) => "blocked",
        None if record.held_since.is_some() => "held",
        None => "paused",
    }
}

/// What to do about a source that no tick plans.
const fn plans_it(address: &StateAddress) -> &'static str {
    match address {
        StateAddress::Sqlite(_) => "start `windlass run`",
        StateAddress::DynamoDb(_) => "see whether the orchestrator runs",
    }
}

/// How many windows have parked as suspects, and when the first of them is tried again.
fn suspects(view: &SourceView) -> Option<(usize, Timestamp)> {
    let times = || view.windows().filter_map(Window::tried_again_at);
    times().min().map(|first| (times().count(), first))
}

/// Whether nothing of the source has been cut into windows yet.
fn is_untouched(view: &SourceView) -> bool {
    let has_marks = view.lanes.iter().any(|lane| lane.progress.version > 0);
    !has_marks && view.windows().next().is_none()
}

/// The spans that were never read because the vendor keeps them no longer. What a sweep could not
/// read again is not among them.
fn unavailable(view: &SourceView) -> Vec<windlass_core::Span> {
    view.lanes
        .iter()
        .filter(|lane| !matches!(lane.progress.timeline.lane, Lane::Sweep(_)))
        .flat_map(|lane| lane.progress.unavailable.clone())
        .collect()
}

/// How much settled time nobody has cut into windows, in milliseconds.
fn uncut_ms(view: &SourceView, now: Timestamp) -> i64 {
    let definition = &view.record.definition;
    let edge = settled_edge(&definition.policy, now);
    let edge = definition.end.map_or(edge, |end| end.min(edge));
    let live = view.lanes.first();
    live.map_or(0, |live| edge.ms_since(live.progress.scheduled_through))
}

/// The vendor's time from which the live lane could be cut on.
fn due_since(view: &SourceView) -> Timestamp {
    let SourceDefinition { start, policy, .. } = &view.record.definition;
    let live = view.lanes.first();
    let mark = live.map_or(*start, |live| live.progress.scheduled_through);
    mark.plus_ms(policy.settle_ms + limits::EDGE_ALLOWANCE_MS)
}

/// Up to when windows reach past `vendor_now` by more than one that asks for the vendor's clock.
fn cut_until(view: &SourceView, vendor_now: Timestamp) -> Option<Timestamp> {
    let policy = &view.record.definition.policy;
    let ahead_ms = policy.every_ms.max(policy.initial_ms) + MINUTE_MS;
    let windows = view.windows().filter(|window| window.is_unfinished());
    let until = windows.map(|window| window.to).max();
    until.filter(|until| until.ms_since(vendor_now) > ahead_ms)
}
