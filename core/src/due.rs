//! The next instant at which time alone lets a timeline go on. A planner that keeps its results
//! sleeps until then; everything else that changes a timeline is an event that the planner sees.

use crate::block::Work;
use crate::carve;
use crate::checkpoint::earliest;
use crate::ids::Lane;
use crate::plan::Situation;
use crate::sweep;
use crate::time::Timestamp;
use crate::trust::Cut;
use crate::window::{Status, Window};

/// The lane that a sweep lane follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follows {
    /// The followed lane has delivered everything before this.
    pub through: Timestamp,
    /// The age of time when the sweep reads it, in milliseconds.
    pub after_ms: i64,
}

/// The earliest instant after which [`plan`](crate::plan::plan) may find work in `situation` that it
/// does not find now; `None` while only an event can bring some. `follows` is for sweep lanes.
///
/// The instant may be early, never late, except for time that the vendor drops: a planner looks at
/// that when it plans for another reason.
pub fn due_at(situation: &Situation<'_>, follows: Option<Follows>) -> Option<Timestamp> {
    let windows = situation.behind.iter().chain(situation.open);
    let waits = windows.filter_map(|window| wait_of(window, situation.now));
    let may_cut = situation.work != Work::Nothing;
    let cut = may_cut.then(|| cut_at(situation, follows)).flatten();
    earliest(waits.min(), cut)
}

/// The instant at which `window` may run or is tried once more, or at which its lease or dispatch has ended.
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

/// The instant at which the next window can be cut, if the timeline has room for one.
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
    // The clock that cuts, and ours, run equally fast.
    let on_ours = |at: Timestamp, clock: Timestamp| at.plus_ms(now.ms_since(clock));
    match progress.timeline.lane {
        Lane::Sweep(_) => {
            let Follows { through, after_ms } = follows?;
            let at = sweep::due_at(policy, mark, through, after_ms, end)?;
            match (time.cut(), time.trusted()) {
                (Cut::Freely, Some(trusted)) => Some(on_ours(at, trusted.at())),
                // Due by our clock, what there was to ask has been cut: a response will tell.
                _ => Some(at).filter(|at| *at > now),
            }
        }
        Lane::Live | Lane::Backfill(_) => {
            let at = carve::due_at(policy, end, progress.width_ms, mark)?;
            Some(on_ours(at, time.edge()))
        }
    }
}

#[cfg(test)]
#[path = "due_tests.rs"]
mod tests;
