//! Planning: `(progress, windows, policy, now) -> plan`. The orchestrator only carries plans out.
//!
//! Two planners may plan at once, and a planner may stop anywhere. So windows are created first,
//! in chain order, each only if it does not exist yet, and the mark moves afterwards, only to the
//! end of the chain that was seen to exist. On a conflict the planner reads again: the windows it
//! then finds after the mark are adopted with the ends they have.

use crate::carve::{Carver, adapt_width, observe};
use crate::checkpoint::earliest;
use crate::ids::WindowId;
use crate::limits;
use crate::progress::Progress;
use crate::scavenge::scavenge;
use crate::source::Policy;
use crate::span::Span;
use crate::time::Timestamp;
use crate::transition::Event;
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
    /// Whether new work may start: not paused, not blocked.
    pub active: bool,
    /// How many more windows may be in flight.
    pub slots: usize,
    /// Until when a dispatch counts.
    pub dispatch_until: Timestamp,
    /// Now.
    pub now: Timestamp,
}

/// What to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Windows to take back or give up.
    pub scavenge: Vec<Move>,
    /// Windows to split.
    pub splits: Vec<Split>,
    /// Windows to create if they do not exist, in chain order; some are born dispatched. On the
    /// first that exists already: stop, read again, plan again.
    pub create: Vec<Window>,
    /// The progress to store once all of these windows exist; `None` when nothing moved.
    pub progress: Option<Progress>,
    /// Ready windows to dispatch.
    pub dispatch: Vec<Move>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.scavenge.is_empty()
            && self.splits.is_empty()
            && self.create.is_empty()
            && self.progress.is_none()
            && self.dispatch.is_empty()
    }
}

/// A window as read, and what is to happen to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// As read; the write is conditional on its epoch and status.
    pub seen: Window,
    /// What happens.
    pub event: Event,
}

/// A window to split: `right` is created first, then `left` shrinks, so that a stop in between
/// leaves an overlap and never a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The window to shrink.
    pub left: Move,
    /// The new window.
    pub right: Window,
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
    next.records_per_hour = observe(progress.records_per_hour, &passed);
    if !passed.is_empty() {
        next.width_ms = adapt_width(policy, progress.width_ms, next.records_per_hour);
    }

    let scavenged = |window: &Window| {
        let event = scavenge(window, now)?;
        Some(Move {
            seen: window.clone(),
            event,
        })
    };
    let mut scavenge: Vec<Move> = open.iter().chain(behind).filter_map(scavenged).collect();
    let splits = splits(situation, next.open_from, max_open);
    let splits = keep_in_sight(splits, &mut next, &mut scavenge, now);

    let slots = if situation.active { situation.slots } else { 0 };
    let dispatch = dispatchable(situation, slots);
    let mut builder = Builder {
        situation,
        slots: slots - dispatch.len(),
        create: Vec::new(),
    };
    // Gaps are mended whatever else holds: absence never means done.
    for gap in next.gaps(open) {
        builder.cover(gap, policy);
    }
    if situation.active {
        let end = earliest(situation.end, next.end);
        next.scheduled_through = adopt(open, next.scheduled_through);
        let stepped = step_over_unavailable(&mut next, policy, end, open, now);
        let open_count = open
            .iter()
            .filter(|window| (next.open_from..next.scheduled_through).contains(&window.id.from))
            .count();
        let carver = Carver::new(policy, end, now, next.width_ms);
        // After a step the mark moves first: its horizon follows the clock, so two planners would
        // create windows with different starts beyond it, which no conflict would show.
        let room = if stepped {
            0
        } else {
            max_open.saturating_sub(open_count)
        };
        builder.carve(&mut next, &carver, room);
    }
    let changed = next != *progress;
    if changed {
        next.updated_at = now;
    }
    Plan {
        scavenge,
        splits,
        create: builder.create,
        progress: changed.then_some(next),
        dispatch,
    }
}

/// The splits there is room for. When the open range is full, only its oldest unfinished window may
/// split: the timeline goes on, and a vendor that refuses every size adds one window a halving and
/// not millions. Behind `open_from`, the list there is the bound.
fn splits(situation: &Situation<'_>, open_from: Timestamp, max_open: usize) -> Vec<Split> {
    let Situation { open, behind, .. } = *situation;
    let ahead = || open.iter().filter(|window| window.id.from >= open_from);
    let oldest = ahead().find(|window| window.is_unfinished());
    let mut room = max_open.saturating_sub(ahead().count());
    let mut fits = |window: &Window| {
        let fits = room > 0 || window.id.from < open_from || oldest == Some(window);
        room = room.saturating_sub(1);
        fits
    };
    open.iter()
        .chain(behind)
        .filter_map(|window| split(window, situation.now))
        .filter(|split| fits(&split.left.seen))
        .collect()
}

fn split(window: &Window, now: Timestamp) -> Option<Split> {
    let at = window.split_at.filter(|_| window.status == Status::Ready)?;
    let id = WindowId {
        timeline: window.id.timeline.clone(),
        from: at,
    };
    let right = Window::new(id, window.to, now).ok()?;
    Some(Split {
        left: Move {
            seen: window.clone(),
            event: Event::Shrink { to: at, now },
        },
        right,
    })
}

/// Names in `behind` the right half of each window that is split behind `open_from`: a tick finds a
/// window there only by its name in that list, and `complete_through` would pass one it does not
/// name. A split for which the list has no room becomes a hole, which a retry takes up again.
fn keep_in_sight(
    splits: Vec<Split>,
    next: &mut Progress,
    scavenge: &mut Vec<Move>,
    now: Timestamp,
) -> Vec<Split> {
    let mut kept = Vec::with_capacity(splits.len());
    for split in splits {
        let at = split.right.id.from;
        if at < next.open_from && !next.behind.contains(&at) {
            if next.behind.len() >= limits::BEHIND_MAX {
                let reason = format!(
                    "has to be split, but {} windows before it are unfinished already; \
                     retry it when some of them are done",
                    limits::BEHIND_MAX
                );
                let event = Event::Park { reason, now };
                scavenge.push(Move {
                    seen: split.left.seen,
                    event,
                });
                continue;
            }
            next.behind.push(at);
            next.behind.sort_unstable();
        }
        kept.push(split);
    }
    kept
}

fn dispatchable(situation: &Situation<'_>, slots: usize) -> Vec<Move> {
    situation
        .behind
        .iter()
        .chain(situation.open)
        .filter(|window| window.status == Status::Ready)
        .filter(|window| window.is_due(situation.now) && !window.is_exhausted())
        .take(slots)
        .map(|window| Move {
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
    while let Some(existing) = open.iter().find(|window| window.id.from == at) {
        at = existing.to;
    }
    at
}

/// Moves the mark over what the vendor no longer keeps, and remembers the span. Says whether it did.
fn step_over_unavailable(
    next: &mut Progress,
    policy: &Policy,
    end: Option<Timestamp>,
    open: &[Window],
    now: Timestamp,
) -> bool {
    let Some(lookback_ms) = policy.max_lookback_ms else {
        return false;
    };
    if next.unavailable.len() >= limits::UNAVAILABLE_MAX {
        return false;
    }
    let horizon = now.minus_ms(lookback_ms).ceil_to(policy.unit_ms);
    let horizon = end.map_or(horizon, |end| end.ceil_to(policy.unit_ms).min(horizon));
    let existing = open
        .iter()
        .map(|window| window.id.from)
        .find(|at| *at > next.scheduled_through);
    let horizon = existing.map_or(horizon, |from| from.min(horizon));
    let Ok(expired) = Span::new(next.scheduled_through, horizon) else {
        return false;
    };
    if next.open_from == next.scheduled_through {
        next.open_from = horizon;
    }
    next.scheduled_through = horizon;
    match next.unavailable.last_mut() {
        Some(last) if last.to() == expired.from() => {
            if let Ok(joined) = Span::new(last.from(), expired.to()) {
                *last = joined;
            }
        }
        _ => next.unavailable.push(expired),
    }
    true
}

struct Builder<'a> {
    situation: &'a Situation<'a>,
    slots: usize,
    create: Vec<Window>,
}

impl Builder<'_> {
    /// Creates windows that cover `gap` exactly, none wider than the policy allows.
    fn cover(&mut self, gap: Span, policy: &Policy) {
        let mut at = gap.from();
        while at < gap.to() && self.create.len() < limits::CARVE_PER_TICK_MAX {
            let to = at
                .plus_ms(policy.max_ms)
                .floor_to(policy.unit_ms)
                .min(gap.to());
            at = self.push(at, to);
        }
    }

    /// Carves from the mark on; whatever exists there already keeps the end it has.
    fn carve(&mut self, next: &mut Progress, carver: &Carver<'_>, room: usize) {
        let open = self.situation.open;
        let mut at = next.scheduled_through;
        for _ in 0..room {
            if self.create.len() >= limits::CARVE_PER_TICK_MAX {
                break;
            }
            let Some(span) = carver.next(at) else { break };
            let ahead = open
                .iter()
                .map(|window| window.id.from)
                .find(|from| *from > at);
            at = self.push(at, ahead.map_or(span.to(), |from| from.min(span.to())));
            at = adopt(open, at);
        }
        next.scheduled_through = at;
    }

    fn push(&mut self, from: Timestamp, to: Timestamp) -> Timestamp {
        let Situation {
            progress,
            dispatch_until,
            now,
            ..
        } = *self.situation;
        let id = WindowId {
            timeline: progress.timeline.clone(),
            from,
        };
        let Ok(mut window) = Window::new(id, to, now) else {
            return to;
        };
        if self.slots > 0 {
            self.slots -= 1;
            window.status = Status::Dispatched;
            window.lease_until = Some(dispatch_until);
        }
        self.create.push(window);
        to
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "plan_properties.rs"]
mod properties;
