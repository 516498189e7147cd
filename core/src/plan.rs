//! Planning: `(progress, windows, policy, now) -> plan`. The orchestrator only carries plans out.
//!
//! Two planners may plan at once, and a planner may stop anywhere. So windows are created first,
//! in chain order, each only if it does not exist yet, and the mark moves afterwards, only to the
//! end of the chain that was seen to exist. On a conflict the planner reads again: the windows it
//! then finds after the mark are adopted with the ends they have. That order is [`Plan`]'s.

mod builder;
mod splits;
mod unavailable;
mod writes;

pub use self::writes::{Plan, Write};

use self::builder::Builder;
use self::writes::Steps;
use crate::block::Work;
use crate::carve::{Carver, adapt_width, observe};
use crate::checkpoint::earliest;
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

/// What is known of one timeline when it is planned.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// Its progress as read.
    pub progress: &'a Progress,
    /// Its source's policy.
    pub policy: &'a Policy,
    /// Where the timeline ends, if it does.
    pub end: Option<Timestamp>,
    /// Its windows from `open_from` on, ascending and complete, also those past the mark.
    pub open: &'a [Window],
    /// The windows that `progress.behind` names.
    pub behind: &'a [Window],
    /// For a sweep lane, what it follows; without it nothing is carved there.
    pub ledger: Option<&'a Ledger<'a>>,
    /// The work that may start.
    pub work: Work,
    /// How many more windows may be in flight.
    pub slots: usize,
    /// Which suspects may be.
    pub suspects: Suspects<'a>,
    /// Until when a dispatch counts.
    pub dispatch_until: Timestamp,
    /// This machine's clock, for leases, dispatches and waits.
    pub now: Timestamp,
    /// Time for cutting, and for steps that cannot be taken back.
    pub time: PlanTime,
}

/// Which windows that a process may have died of are dispatched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspects<'a> {
    /// All of them: each runs in a process of its own.
    Apart,
    /// This one, if any: all windows run in one process, which has one suspect at a time.
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
    // Gaps are mended whatever else holds: absence never means done.
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

/// The summary of the lane of `marks`, which still have the one before. A window past the mark is not
/// the lane's until the mark adopts it.
fn summary_of<'a>(marks: &Progress, windows: impl Iterator<Item = &'a Window>) -> Summary {
    let windows = windows.filter(|window| window.id().from < marks.scheduled_through);
    Summary::of(windows, marks.summary.as_ref())
}

/// The latest end that a lease or a dispatch can have. Where the vendor's clock shows that ours is
/// behind, other machines go by a later one, of which the last response is a lower bound.
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

/// Whether the timeline is carved. A blocked one is not, unless it has no window to probe with.
fn grows(situation: &Situation<'_>) -> bool {
    let is_ready = |window: &Window| window.status() == Status::Ready;
    let mut windows = situation.open.iter().chain(situation.behind);
    match situation.work {
        Work::Everything => true,
        Work::Probe => !windows.any(is_ready),
        Work::Nothing => false,
    }
}

/// What the finished windows that were just passed tell about the timeline.
fn learn(next: &mut Progress, policy: &Policy, passed: &[&Window]) {
    // What nobody read tells nothing of how much there was.
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

/// Carves from the mark on, as far as there is room.
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
        next.scheduled_through = adopt(open, builder.pass(gone));
        room -= 1;
    }
    match ledger {
        Some(ledger) => {
            let room = room.min(to_cut(builder.situation));
            builder.sweep(next, ledger, room);
        }
        None if is_sweep => {}
        None => {
            let carver = carver(builder.situation, next, end);
            builder.carve(next, &carver, room.min(to_cut(builder.situation)));
        }
    }
}

/// How many windows may be cut, for all that is known of the vendor's clock.
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

/// What cuts the lane. A window that is cut to learn the vendor's clock, once some of the timeline has
/// been read, is as narrow as they get at the live edge: it may reach past the vendor's clock. Where
/// our clock is behind the mark, it is cut all the same, or a clock that is slow would never show.
fn carver<'a>(situation: &Situation<'a>, next: &Progress, end: Option<Timestamp>) -> Carver<'a> {
    let Situation { policy, time, .. } = *situation;
    let mark = next.scheduled_through;
    let first = mark == next.start;
    match time.cut() {
        Cut::OneWindow if mark > time.edge().plus_ms(limits::CLOCK_SKEW_MS) => {
            Carver::probe(policy, end, mark)
        }
        Cut::OneWindow if !first => {
            let width_ms = next.width_ms.min(policy.every_ms);
            Carver::new(policy, end, time.edge(), width_ms)
        }
        Cut::OneWindow | Cut::Freely => Carver::new(policy, end, time.edge(), next.width_ms),
    }
}

fn dispatchable(situation: &Situation<'_>, lapse: &[Decision], slots: usize) -> Vec<Decision> {
    situation
        .behind
        .iter()
        .chain(situation.open)
        .filter(|window| window.status() == Status::Ready)
        .filter(|window| window.is_due(situation.now) && !window.is_exhausted())
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
