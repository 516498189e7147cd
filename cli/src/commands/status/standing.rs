//! The standing of one source: a table row, JSON, and remarks.

mod remarks;
mod state;

use serde_json::{Value, json};
use windlass_core::ids::Lane;
use windlass_core::limits;
use windlass_core::manifest_change::ManifestChange;
use windlass_core::retention;
use windlass_core::source::{Blocked, SourceDefinition};
use windlass_core::summary::Summary;
use windlass_core::time::{MINUTE_MS, SECOND_MS, Timestamp};
use windlass_core::trust::{Difference, PlanTime};
use windlass_core::view::SourceView;
use windlass_core::wait::Cooldown;
use windlass_core::window::{Status, Window};
use windlass_orchestrator::oldest_in_trouble;

use self::state::{State, Uncut, state_of};
use super::late::Late;
use super::manifests::Manifests;
use super::trouble::Trouble;
use super::workers::{Contention, Share};
use crate::config::Config;
use crate::output::{duration, grouped, time};
use crate::state::StateAddress;

/// Maximum overdue time before the orchestrator counts as missing: ticks come every minute, and one
/// may be missed.
const TICKS_MISSED_MS: i64 = 2 * MINUTE_MS;

/// Maximum time until `windlass run` starts a window that waits for nothing but a worker.
const START_MS_MAX: i64 = 5 * SECOND_MS;

/// The standing of one source.
pub(super) struct Standing {
    source: String,
    state: &'static str,
    blocked: Option<Blocked>,
    /// Earliest next probe of a blocked source that is not paused.
    probe_at: Option<Timestamp>,
    held_since: Option<Timestamp>,
    /// Start of the pause because no file of the configuration names it; `None` otherwise.
    unnamed_since: Option<Timestamp>,
    complete_through: Timestamp,
    scheduled_through: Timestamp,
    end: Option<Timestamp>,
    lag_ms: i64,
    /// Its unfinished windows in all lanes; `None` if the last tick did not count them.
    windows: Option<Summary>,
    /// Number of these windows in flight; `None` if they were not read.
    running: Option<usize>,
    /// Parked windows except those of sweeps, and the time since which there are any.
    gaps: Option<Summary>,
    /// True if its windows were read; otherwise they are as of the last tick.
    pub(super) is_exact: bool,
    trouble: Option<Trouble>,
    /// Number of parked windows that are retried automatically, and the time of the first retry.
    suspects: Option<(usize, Timestamp)>,
    records_per_hour: Option<u64>,
    unavailable: Vec<windlass_core::Span>,
    /// Time until records are lost, if the vendor's retention is known; negative after the loss.
    retention_left_ms: Option<i64>,
    /// True if that time is short.
    is_endangered: bool,
    /// The time of the reading, by the machine clock.
    now: Timestamp,
    /// The time of the reading, by the vendor clock.
    vendor_now: Timestamp,
    late: Late,
    cooldown: Option<Cooldown>,
    /// The difference between the machine clock and the vendor clock, and the vendor's name.
    clocks: Option<(Difference, String)>,
    /// The end of windows that a wrong clock created beyond the present; `None` without any.
    cut_until: Option<Timestamp>,
    failure: Option<Failure>,
    share: Share,
    /// The change of its manifest since it was applied.
    manifest_change: ManifestChange,
    connector: String,
    /// The command that applies its present definition.
    applies_it: &'static str,
    /// The cure for a source that no tick plans.
    plans_it: &'static str,
}

/// The context of a standing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'a> {
    /// The configuration; `None` if none was read.
    pub(super) config: Option<&'a Config>,
    /// The manifests to compare with.
    pub(super) manifests: &'a Manifests<'a>,
    /// The address of the state.
    pub(super) address: &'a StateAddress,
    /// True if a run or a deployment may be processing its windows.
    pub(super) has_workers: bool,
    /// The time by the machine clock.
    pub(super) now: Timestamp,
}

/// The failure that delays the oldest open window.
struct Failure {
    /// The lane and the start of the window.
    window: (Lane, Timestamp),
    /// The time of its retry; `None` if it is running, or may run at once.
    waits_until: Option<Timestamp>,
    error: String,
}

impl Failure {
    fn of(view: &SourceView, now: Timestamp) -> Option<Self> {
        let window = oldest_in_trouble(view, now)?;
        let id = window.id();
        Some(Self {
            window: (id.timeline.lane.clone(), id.from),
            waits_until: window.waits_until(now),
            error: window.last_error().map(str::to_owned)?,
        })
    }
}

impl Standing {
    /// The standing of the source of `view`, with the cooldown of its rate group and its
    /// `clocks`.
    pub(super) fn of(
        view: &SourceView,
        cooldown: Option<Cooldown>,
        clocks: &PlanTime,
        surroundings: &Surroundings<'_>,
    ) -> Self {
        let now = surroundings.now;
        let definition = &view.record.definition;
        let complete_through = view.complete_through();
        let live = view.lanes.first();
        let finished = definition.end.is_some_and(|end| complete_through >= end);
        let is_exact = view.is_exact();
        let starts = surroundings.has_workers && cooldown.is_none();
        let share = Share::of(
            view,
            starts.then(|| start_ms_max(surroundings.address)),
            now,
        );
        let is_running = |window: &&Window| window.status() == Status::Running;
        let running = is_exact.then(|| view.windows().filter(is_running).count());
        let windows = view.summary_of(|_| true);
        let gaps = view.summary_of(|lane| !matches!(lane, Lane::Sweep(_)));
        // Records carry the vendor's time.
        let vendor_now = clocks.lag_at();
        let uncut = Uncut::of(view, clocks);
        let state = state_of(
            view,
            &State {
                uncut: &uncut,
                running: running.unwrap_or_default(),
                has_workers: surroundings.has_workers,
                is_cooling_down: cooldown.is_some(),
            },
        );
        let behind_since = (state == "behind").then(|| due_since(view).plus_ms(uncut.max_ms));
        Self {
            source: definition.name.to_string(),
            state,
            blocked: view.record.blocked.clone(),
            probe_at: view.record.probe_at(),
            held_since: view.record.held_since,
            unnamed_since: surroundings
                .config
                .and_then(|config| config.unnamed_since(&view.record)),
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
            cooldown,
            clocks: clocks
                .difference()
                .map(|difference| (*difference, definition.connector.clone())),
            cut_until: cut_until(view, vendor_now),
            failure: Failure::of(view, now),
            share,
            manifest_change: surroundings.manifests.change_since(definition),
            connector: definition.connector.clone(),
            applies_it: surroundings.address.what_puts_sources_there(),
            plans_it: plans_it(surroundings.address),
        }
    }

    /// The cells of its table row.
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

    /// Its JSON form.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "source": self.source,
            "state": self.state,
            "problem": self.blocked.as_ref().map(|blocked| &blocked.reason),
            "blocked_since": self.blocked.as_ref().map(|blocked| blocked.since),
            "probe_at": self.probe_at,
            "held_since": self.held_since,
            "unnamed_since": self.unnamed_since,
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
            "waits_until": self.cooldown.as_ref().map(|cooldown| cooldown.not_before),
            "waits_for": self.cooldown.as_ref().map(|cooldown| &cooldown.reason),
            "clock": self.clocks.as_ref().map(|(difference, _)| json!({
                "ours": difference.ours,
                "vendor": difference.vendor,
                "disputed": difference.is_disputed(),
            })),
            "manifest_change": self.manifest_change.describe(&self.connector),
            "last_error": self.failure.as_ref().map(|failure| &failure.error),
        })
    }
}

/// The contention for workers among all sources; `None` if no source waits for one, or if the windows of
/// one were not read.
pub(super) fn contention(standings: &[Standing]) -> Option<Contention<'_>> {
    let now = standings.first()?.now;
    let shares = standings.iter().map(|it| (it.source.as_str(), it.share));
    Contention::of(shares, now).filter(|_| standings.iter().all(|it| it.is_exact))
}

/// Maximum time until a window that waits for nothing but a worker is in flight.
const fn start_ms_max(address: &StateAddress) -> i64 {
    match address {
        StateAddress::Sqlite(_) => START_MS_MAX,
        StateAddress::DynamoDb(_) => TICKS_MISSED_MS,
    }
}

/// The cure for a source that no tick plans.
const fn plans_it(address: &StateAddress) -> &'static str {
    match address {
        StateAddress::Sqlite(_) => "start `windlass run`",
        StateAddress::DynamoDb(_) => "check that the orchestrator runs",
    }
}

/// The number of parked suspects, and the time of the first retry; `None` without any.
fn suspects(view: &SourceView) -> Option<(usize, Timestamp)> {
    let times = || view.windows().filter_map(Window::tried_again_at);
    times().min().map(|first| (times().count(), first))
}

/// The spans that the vendor dropped before they were read. Spans that only a sweep could not read
/// are not included.
fn unavailable(view: &SourceView) -> Vec<windlass_core::Span> {
    view.lanes
        .iter()
        .filter(|lane| !matches!(lane.progress.timeline.lane, Lane::Sweep(_)))
        .flat_map(|lane| lane.progress.unavailable.clone())
        .collect()
}

/// The instant, by the vendor clock, since which the live lane could have been extended.
fn due_since(view: &SourceView) -> Timestamp {
    let SourceDefinition { start, policy, .. } = &view.record.definition;
    let live = view.lanes.first();
    let mark = live.map_or(*start, |live| live.progress.scheduled_through);
    mark.plus_ms(policy.settle_ms + limits::EDGE_ALLOWANCE_MS)
}

/// The end of the windows that extend past `vendor_now` by more than a window that waits for the
/// vendor clock; `None` without any.
fn cut_until(view: &SourceView, vendor_now: Timestamp) -> Option<Timestamp> {
    let policy = &view.record.definition.policy;
    let ahead_ms = policy.every_ms.max(policy.initial_ms) + MINUTE_MS;
    let windows = view.windows().filter(|window| window.is_unfinished());
    let until = windows.map(windlass_core::Window::to).max();
    until.filter(|until| until.ms_since(vendor_now) > ahead_ms)
}
