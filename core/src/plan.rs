//! Planning: `(progress, windows, policy, now) -> plan`. The orchestrator only carries plans out.
//!
//! Two planners may plan at once, and a planner may stop anywhere. So windows are created first, in
//! chain order, each only if it does not exist yet. The mark moves afterwards, only to the end of
//! the existing chain. After a conflict the planner reads again, and adopts the windows after the
//! mark with their ends. [`Plan`] keeps this order.

mod builder;
mod splits;
mod unavailable;
mod writes;

pub use self::writes::{Plan, Write};

use self::builder::Builder;
use self::writes::Steps;
use crate::block::Work;
use crate::checkpoint::earliest;
use crate::creation::{WindowCreator, adapt_width, observe};
use crate::ids::{Lane, WindowId};
use crate::limits;
use crate::moves::Decision;
use crate::progress::Progress;
use crate::scavenge::scavenge;
use crate::source::Policy;
use crate::summary::Summary;
use crate::sweep::Ledger;
use crate::time::Timestamp;
use crate::transition::Event;
use crate::trust::{Cut, PlanTime};
use crate::window::{Status, Window};

/// The facts from which one timeline is planned.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The progress as read.
    pub progress: &'a Progress,
    /// The policy of the source.
    pub policy: &'a Policy,
    /// The end of the timeline; `None` without one.
    pub end: Option<Timestamp>,
    /// The windows from `open_from` on, ascending and complete, including those past the mark.
    pub open: &'a [Window],
    /// The windows that `progress.behind` lists.
    pub behind: &'a [Window],
    /// The ledger that a sweep lane follows; a sweep lane without it creates no windows.
    pub ledger: Option<&'a Ledger<'a>>,
    /// The work that may start.
    pub work: Work,
    /// Number of further windows that may be in flight.
    pub slots: usize,
    /// The suspects that may be in flight.
    pub suspects: Suspects<'a>,
    /// The instant until which a dispatch is valid.
    pub dispatch_until: Timestamp,
    /// The machine clock, for leases, dispatches and waits.
    pub now: Timestamp,
    /// The time for new windows, and for irreversible steps.
    pub time: PlanTime,
}

/// The suspects that are dispatched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspects<'a> {
    /// All suspects: each runs in a process of its own.
    Apart,
    /// At most this one: all windows run in one process, which has one suspect at a time.
    Only(Option<&'a WindowId>),
}

impl Suspects<'_> {
    fn admit(self, window: &Window) -> bool {
        match self {
            Self::Only(only) if window.is_suspect() => only == Some(window.id()),
            Self::Only(_) | Self::Apart => true,
        }
    }
}

/// Plans one timeline.
pub fn plan(situation: &Situation<'_>) -> Plan {
    let Situation {
        progress,
        policy,
        open,
        behind,
        now,
        ..
    } = *situation;
    let mut next = progress.clone();

    let max_open = usize::try_from(policy.max_open_windows).unwrap_or(usize::MAX);
    let passed = next.advance(open, behind, max_open);
    learn(&mut next, policy, &passed);
    unavailable::outlived(&mut next, policy, &passed, behind);

    let latest = latest_lease(situation);
    let scavenged = |window: &Window| {
        let event = scavenge(window, policy, now, latest)?;
        Some(Decision {
            seen: window.clone(),
            event,
        })
    };
    let mut scavenge: Vec<Decision> = open.iter().chain(behind).filter_map(scavenged).collect();
    let splits = splits::plan(situation, &next, max_open, &mut scavenge);
    if !splits.is_empty() {
        return Plan::of_splits(scavenge, splits);
    }
    let lapse = unavailable::lapse(situation, &mut next);

    let slots = match situation.work {
        Work::Everything => situation.slots,
        Work::Probe => situation.slots.min(1),
        Work::Nothing => 0,
    };
    let dispatch = dispatchable(situation, &lapse, slots);
    let mut builder = Builder {
        situation,
        slots: slots - dispatch.len(),
        create: Vec::new(),
    };
    // Gaps are closed in every case: absence never means done.
    for gap in next.gaps(open) {
        builder.cover(gap, policy);
    }
    if grows(situation) {
        grow(&mut builder, &mut next, max_open);
    }
    let moved = next != *progress;
    let summary = summary_of(&next, behind.iter().chain(open).chain(&builder.create));
    let changed = moved || summary.is_news(progress.summary.as_ref(), progress.updated_at, now);
    if changed {
        next.summary = Some(summary);
        next.updated_at = now;
    }
    Plan::of(Steps {
        scavenge,
        create: builder.create,
        marks: changed.then_some(next),
        lapse,
        dispatch,
    })
}

/// The summary of the lane of `marks`, which still hold the previous one. A window past the mark
/// counts once the mark adopts it.
fn summary_of<'a>(marks: &Progress, windows: impl Iterator<Item = &'a Window>) -> Summary {
    let windows = windows.filter(|window| window.id().from < marks.scheduled_through);
    Summary::of(windows, marks.summary.as_ref())
}

/// The latest possible end of a lease or a dispatch. If the vendor clock shows that the machine
/// clock is behind, other machines use a later time; the last response is a lower bound of it.
fn latest_lease(situation: &Situation<'_>) -> Timestamp {
    let Situation {
        now,
        dispatch_until,
        time,
        ..
    } = *situation;
    let behind_ms = match time.lag_at().ms_since(now) {
        ms if ms > limits::CLOCK_SKEW_MS => ms.saturating_add(limits::CLOCK_STORED_MS),
        _ => limits::CLOCK_SKEW_MS,
    };
    now.plus_ms(limits::LEASE_MS_MAX)
        .max(dispatch_until)
        .plus_ms(behind_ms)
}

/// Returns whether the timeline gets new windows. A blocked one does only while it has no ready
/// window for a probe.
fn grows(situation: &Situation<'_>) -> bool {
    let is_ready = |window: &Window| window.status() == Status::Ready;
    let mut windows = situation.open.iter().chain(situation.behind);
    match situation.work {
        Work::Everything => true,
        Work::Probe => !windows.any(is_ready),
        Work::Nothing => false,
    }
}

/// Updates the estimates of the timeline from the finished windows just passed.
fn learn(next: &mut Progress, policy: &Policy, passed: &[&Window]) {
    // Windows that no worker read are no evidence of the record density.
    let read = passed
        .iter()
        .copied()
        .filter(|it| it.runs() > 0 || it.records() > 0);
    let read: Vec<_> = read.collect();
    next.records_per_hour = observe(next.records_per_hour, &read);
    if !read.is_empty() {
        next.width_ms = adapt_width(policy, next.width_ms, next.records_per_hour);
    }
    if matches!(next.timeline.lane, Lane::Sweep(_)) {
        for window in passed {
            next.count(window.records(), window.known());
        }
    }
}

/// Creates windows from the mark on, within the free room.
fn grow(builder: &mut Builder<'_>, next: &mut Progress, max_open: usize) {
    let Situation {
        policy,
        open,
        ledger,
        time,
        ..
    } = *builder.situation;
    let end = earliest(builder.situation.end, next.end);
    next.scheduled_through = adopt(open, next.scheduled_through);
    let is_sweep = matches!(next.timeline.lane, Lane::Sweep(_));
    let open_count = open
        .iter()
        .filter(|window| (next.open_from..next.scheduled_through).contains(&window.id().from))
        .count();
    let mut room = max_open.saturating_sub(open_count);
    if !is_sweep
        && room > 0
        && let Some(trusted) = time.trusted()
        && let Some(gone) = unavailable::gone(next, policy, end, open, trusted)
    {
        next.scheduled_through = adopt(open, builder.skip(gone));
        room -= 1;
    }
    match ledger {
        Some(ledger) => {
            let room = room.min(to_cut(builder.situation));
            builder.sweep(next, ledger, room);
        }
        None if is_sweep => {}
        None => {
            let creator = creator(builder.situation, next, end);
            builder.create_windows(next, &creator, room.min(to_cut(builder.situation)));
        }
    }
}

/// Number of windows that may be created, given the knowledge of the vendor clock.
fn to_cut(situation: &Situation<'_>) -> usize {
    let unfinished = |window: &&Window| {
        matches!(
            window.status(),
            Status::Ready | Status::Dispatched | Status::Running
        )
    };
    match situation.time.cut() {
        Cut::Freely => usize::MAX,
        Cut::OneWindow => {
            let asks = situation.open.iter().chain(situation.behind);
            usize::from(asks.filter(unfinished).count() == 0)
        }
    }
}

/// The window creator of the lane. A window whose purpose is to fetch the vendor clock may reach past that
/// clock, so it is as narrow as at the live edge once some of the timeline has been read. It is
/// created even if the machine clock is behind the mark, because otherwise a slow clock would never
/// be detected.
fn creator<'a>(
    situation: &Situation<'a>,
    next: &Progress,
    end: Option<Timestamp>,
) -> WindowCreator<'a> {
    let Situation { policy, time, .. } = *situation;
    let mark = next.scheduled_through;
    let first = mark == next.start;
    match time.cut() {
        Cut::OneWindow if mark > time.edge().plus_ms(limits::CLOCK_SKEW_MS) => {
            WindowCreator::probe(policy, end, mark)
        }
        Cut::OneWindow if !first => {
            let width_ms = next.width_ms.min(policy.every_ms);
            WindowCreator::new(policy, end, time.edge(), width_ms)
        }
        Cut::OneWindow | Cut::Freely => WindowCreator::new(policy, end, time.edge(), next.width_ms),
    }
}

fn dispatchable(situation: &Situation<'_>, lapse: &[Decision], slots: usize) -> Vec<Decision> {
    situation
        .behind
        .iter()
        .chain(situation.open)
        .filter(|window| window.is_dispatchable(situation.now))
        .filter(|window| situation.suspects.admit(window))
        .filter(|window| lapse.iter().all(|lapsed| lapsed.seen.id() != window.id()))
        .take(slots)
        .map(|window| Decision {
            seen: window.clone(),
            event: Event::Dispatch {
                until: situation.dispatch_until,
                now: situation.now,
            },
        })
        .collect()
}

/// The end of the chain of existing windows that starts at `at`.
fn adopt(open: &[Window], mut at: Timestamp) -> Timestamp {
    while let Some(existing) = open.iter().find(|window| window.id().from == at) {
        at = existing.to();
    }
    at
}

#[cfg(test)]
mod world;

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "plan/clock_tests.rs"]
mod clock_tests;

#[cfg(test)]
#[path = "plan_properties.rs"]
mod properties;
