//! The next instant at which a timeline has work through time alone. A planner that keeps its
//! results sleeps until then; all other changes of a timeline are events that the planner receives.

use crate::block::Work;
use crate::checkpoint::earliest;
use crate::creation;
use crate::ids::Lane;
use crate::plan::Situation;
use crate::sweep;
use crate::time::Timestamp;
use crate::trust::Cut;
use crate::window::{Status, Window};

/// The lane that a sweep lane follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follows {
    /// The followed lane has delivered all time before this instant.
    pub through: Timestamp,
    /// The age at which the sweep reads time, in milliseconds.
    pub after_ms: i64,
}

/// The earliest instant at which [`plan`](crate::plan::plan) may find new work in `situation`;
/// `None` while only an event can bring some. `follows` is for sweep lanes.
///
/// The instant may be early, never late. Time that the vendor drops is the exception: a planner
/// checks that only when it plans for another reason.
pub fn due_at(situation: &Situation<'_>, follows: Option<Follows>) -> Option<Timestamp> {
    let windows = situation.behind.iter().chain(situation.open);
    let waits = windows.filter_map(|window| wait_of(window, situation.now));
    let may_cut = situation.work != Work::Nothing;
    let cut = may_cut.then(|| cut_at(situation, follows)).flatten();
    earliest(waits.min(), cut)
}

/// The instant at which `window` may run or is retried, or just after its lease or dispatch has
/// ended.
fn wait_of(window: &Window, now: Timestamp) -> Option<Timestamp> {
    match window.status() {
        Status::Ready => window.waits_until(now),
        Status::Running | Status::Dispatched => window
            .lease_until()
            .filter(|until| *until < Timestamp::MAX)
            .map(|until| until.plus_ms(1)),
        Status::Parked => window.tried_again_at(),
        Status::Done => None,
    }
}

/// The instant at which the next window can be created; `None` while the timeline has no room for
/// one.
fn cut_at(situation: &Situation<'_>, follows: Option<Follows>) -> Option<Timestamp> {
    let Situation {
        progress,
        policy,
        open,
        now,
        time,
        ..
    } = *situation;
    let mark = progress.scheduled_through;
    let is_open = |window: &&Window| (progress.open_from..mark).contains(&window.id().from);
    let max_open = usize::try_from(policy.max_open_windows).unwrap_or(usize::MAX);
    if open.iter().filter(is_open).count() >= max_open {
        return None;
    }
    let end = earliest(situation.end, progress.end);
    // The clock that limits windows and the machine clock run equally fast.
    let on_ours = |at: Timestamp, clock: Timestamp| at.plus_ms(now.ms_since(clock));
    match progress.timeline.lane {
        Lane::Sweep(_) => {
            let Follows { through, after_ms } = follows?;
            let at = sweep::due_at(policy, mark, through, after_ms, end)?;
            match (time.cut(), time.trusted()) {
                (Cut::Freely, Some(trusted)) => Some(on_ours(at, trusted.at())),
                // If it is due by the machine clock, the window that fetches the vendor clock
                // exists already: its response is the event.
                _ => Some(at).filter(|at| *at > now),
            }
        }
        Lane::Live | Lane::Backfill(_) => {
            let at = creation::due_at(policy, end, progress.width_ms, mark)?;
            Some(on_ours(at, time.edge()))
        }
    }
}

#[cfg(test)]
#[path = "due_tests.rs"]
mod tests;
