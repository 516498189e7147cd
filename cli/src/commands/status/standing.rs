//! Where one source stands, in a row of the table, in JSON, and in remarks.

use serde_json::{Value, json};
use windlass_core::carve::settled_edge;
use windlass_core::ids::Lane;
use windlass_core::retention;
use windlass_core::source::{Blocked, RateGate};
use windlass_core::time::{MINUTE_MS, Timestamp};
use windlass_core::trust::{Difference, PlanTime};
use windlass_core::window::{Status, Window};
use windlass_orchestrator::{SourceView, oldest_in_trouble};

use super::NOT_STORED;
use super::late::Late;
use crate::output::{Paint, duration, grouped, lines, second, table, time};
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
    open: usize,
    running: usize,
    holes: usize,
    /// How many parked windows are tried again by themselves, and when the first of them is.
    suspects: Option<(usize, Timestamp)>,
    records_per_hour: Option<u64>,
    unavailable: Vec<windlass_core::Span>,
    /// How long before records are lost, where the vendor says how long it keeps them.
    retention_left_ms: Option<i64>,
    /// Whether that is little.
    is_endangered: bool,
    /// When it was looked at.
    now: Timestamp,
    late: Late,
    gate: Option<RateGate>,
    /// The difference between our clock and the vendor's, and the vendor's name.
    clocks: Option<(Difference, String)>,
    /// How far windows reach past the clock, where one that was wrong has cut them.
    cut_until: Option<Timestamp>,
    trouble: Option<Trouble>,
    /// The command that tries a blocked source again.
    tries_again: &'static str,
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
struct Trouble {
    /// When it is tried again; `None` while it is being, or may be at once.
    waits_until: Option<Timestamp>,
    error: String,
}

impl Trouble {
    fn of(view: &SourceView, now: Timestamp) -> Option<Self> {
        let window = oldest_in_trouble(view, now)?;
        Some(Self {
            waits_until: window.not_before.filter(|until| *until > now),
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
        let count = |wanted: &[Status]| {
            view.windows()
                .filter(|window| wanted.contains(&window.status))
                .count()
        };
        let complete_through = view.complete_through();
        let live = view.lanes.first();
        let finished = definition.end.is_some_and(|end| complete_through >= end);
        let running = count(&[Status::Running]);
        let open = count(&[Status::Ready, Status::Dispatched, Status::Running]);
        let late = Late::of(view);
        let holes = count(&[Status::Parked]) - late.holes();
        // Records carry the vendor's time.
        let vendor_now = clocks.lag_at();
        let uncut_ms = uncut_ms(view, vendor_now);
        let state = match () {
            () if view.record.blocked.is_some() => "blocked",
            () if view.record.held_since.is_some() => "held",
            () if definition.paused => "paused",
            () if finished => "finished",
            () if view.record.version == NOT_STORED || (is_untouched(view) && uncut_ms > 0) => {
                "not started"
            }
            () if running > 0 && !surroundings.has_workers => "interrupted",
            () if running > 0 => "running",
            () if gate.is_some() => "waiting",
            () if open > 0 => "open",
            () if uncut_ms > definition.policy.every_ms + TICKS_MISSED_MS => "behind",
            () if holes > 0 => "holes",
            () => "caught up",
        };
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
            open,
            running,
            holes,
            suspects: suspects(view),
            records_per_hour: live.and_then(|lane| lane.progress.records_per_hour),
            unavailable: unavailable(view),
            retention_left_ms: retention::left_ms(&definition.policy, complete_through, vendor_now)
                .filter(|_| !finished),
            is_endangered: !finished
                && retention::is_endangered(&definition.policy, complete_through, vendor_now),
            now: vendor_now,
            late,
            gate,
            clocks: clocks
                .difference()
                .map(|difference| (*difference, definition.connector.clone())),
            cut_until: cut_until(view, vendor_now),
            trouble: Trouble::of(view, now),
            tries_again: surroundings.address.what_puts_sources_there(),
        }
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
            "open": self.open,
            "running": self.running,
            "holes": self.holes,
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
            "last_error": self.trouble.as_ref().map(|trouble| &trouble.error),
        })
    }

    /// When records begin to be lost, if that is soon.
    pub(super) fn danger(&self) -> Option<String> {
        let name = &self.source;
        let left_ms = self.retention_left_ms.filter(|_| self.is_endangered)?;
        Some(if left_ms > 0 {
            format!(
                "{name} loses records in {}: the vendor drops what is not read by then",
                duration(left_ms)
            )
        } else {
            // Also said of a source that is new and begins before what the vendor keeps.
            format!(
                "{name}: the vendor has been dropping unread records since {}",
                second(self.now.plus_ms(left_ms))
            )
        })
    }

    /// What holds the oldest open window up, unless it is no more than the gate of its rate group:
    /// a wait that the vendor asked for is stored with both.
    fn trouble_of_its_own(&self) -> Option<&Trouble> {
        let is_the_gates = |trouble: &Trouble| {
            self.gate.as_ref().is_some_and(|gate| {
                let waits = trouble
                    .waits_until
                    .is_some_and(|until| until <= gate.not_before);
                waits && trouble.error == gate.reason
            })
        };
        self.trouble
            .as_ref()
            .filter(|trouble| !is_the_gates(trouble))
    }

    /// What a row of the table has no room for, a line each.
    pub(super) fn remarks(&self) -> Vec<String> {
        let name = &self.source;
        let mut lines = Vec::new();
        if let Some(blocked) = &self.blocked {
            let since = second(blocked.since);
            let probed = match self.probe_at {
                Some(at) if at > self.now => format!("the next probe is due at {}", second(at)),
                Some(_) => "a probe is due".to_owned(),
                None => "it is paused and not probed".to_owned(),
            };
            lines.push(format!(
                "{name} is blocked since {since}: {}; {probed}, and `{}` tries it at once",
                blocked.reason, self.tries_again
            ));
        }
        if let Some(since) = self.held_since {
            lines.push(format!(
                "{name} is held since {}; `windlass resume {name}` lets it go on",
                second(since)
            ));
        }
        if let Some(gate) = &self.gate {
            let until = second(gate.not_before);
            lines.push(format!("{name} waits until {until}: {}", gate.reason));
        }
        if let Some((difference, vendor)) = &self.clocks {
            lines.push(format!("{name}: {}", difference.describe(vendor)));
        }
        if let Some(until) = self.cut_until {
            lines.push(format!(
                "{name}: windows reach up to {}, cut by a clock that was ahead; each is read when \
                 its time has passed",
                second(until)
            ));
        }
        if let Some(Trouble { waits_until, error }) = self.trouble_of_its_own() {
            let does = match waits_until {
                Some(until) => format!("waits until {}", second(*until)),
                None => "is to be tried again".to_owned(),
            };
            lines.push(format!("{name}: the oldest open window {does}: {error}"));
        }
        for span in &self.unavailable {
            let (from, to) = (time(span.from()), time(span.to()));
            lines.push(format!(
                "{name}: {from} to {to} is before what the vendor keeps"
            ));
        }
        lines.extend(self.late.remarks(name));
        if let Some((count, at)) = self.suspects {
            lines.push(format!(
                "{name}: the process died of {count} windows, each of them alone; they are tried again each \
                 day, next at {}",
                second(at)
            ));
        }
        if self.holes > 0 {
            lines.push(format!(
                "{name} has holes: see `windlass windows {name} --status parked`; \
                 `windlass retry --all {name}` tries them again"
            ));
        }
        lines
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

/// Up to when windows reach past `vendor_now` by more than one that asks for the vendor's clock.
fn cut_until(view: &SourceView, vendor_now: Timestamp) -> Option<Timestamp> {
    let policy = &view.record.definition.policy;
    let ahead_ms = policy.every_ms.max(policy.initial_ms) + MINUTE_MS;
    let windows = view.windows().filter(|window| window.is_unfinished());
    let until = windows.map(|window| window.to).max();
    until.filter(|until| until.ms_since(vendor_now) > ahead_ms)
}

/// The table, and what it has no room for: first what is about to be lost.
pub(super) fn text(standings: &[Standing], paint: Paint) -> String {
    let mut table = table([
        "source",
        "state",
        "complete through",
        "lag",
        "rec/h",
        "open",
        "running",
        "holes",
    ]);
    for standing in standings {
        table.add_row([
            standing.source.clone(),
            standing.state.to_owned(),
            time(standing.complete_through),
            duration(standing.lag_ms),
            standing
                .records_per_hour
                .map_or_else(|| "-".to_owned(), grouped),
            standing.open.to_string(),
            standing.running.to_string(),
            standing.holes.to_string(),
        ]);
    }
    let mut text = lines(&table);
    for danger in standings.iter().filter_map(Standing::danger) {
        text.push_str(&format!("{}\n", paint.marked('-', &danger)));
    }
    for remark in standings.iter().flat_map(Standing::remarks) {
        text.push_str(&format!("{remark}\n"));
    }
    text
}
