//! Turns: the evenly spaced instants at which the workers of a rate group may ask its vendor, when
//! they are in different processes. A worker reserves the next few on the group's item; whoever
//! comes gets the next ones, so that few workers use a budget as fully as many.

use crate::limits;
use crate::time::{MINUTE_MS, Timestamp};
use crate::wait::RateGate;

/// A worker asks for turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnsAsked {
    /// How many.
    pub count: u32,
    /// Milliseconds between two of them.
    pub interval_ms: i64,
    /// How far off the first may be, in milliseconds; none are taken when it is further.
    pub within_ms: i64,
    /// Now.
    pub now: Timestamp,
}

/// What it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnsGiven {
    /// The turns at `first` and after it, as many and as far apart as asked for.
    From {
        /// The first one.
        first: Timestamp,
    },
    /// None: the next free turn is this far off.
    Later {
        /// The next free turn.
        at: Timestamp,
    },
    /// None: the group's gate is closed.
    Closed(RateGate),
}

/// What `asked` gets while the group's next free turn is `next`, and the next free turn after it if
/// that moves. Behind a closed `gate` nobody gets any.
pub fn give(
    gate: Option<&RateGate>,
    next: Option<Timestamp>,
    asked: &TurnsAsked,
) -> (TurnsGiven, Option<Timestamp>) {
    let now = asked.now;
    if let Some(gate) = gate.filter(|gate| gate.closed_until(now).is_some()) {
        return (TurnsGiven::Closed(gate.clone()), None);
    }
    // No turn is reserved further off than this: one that is was reserved by a wrong clock.
    let latest = now.plus_ms(limits::TURN_MS_MAX + limits::CLOCK_SKEW_MS);
    let first = next
        .filter(|next| *next <= latest)
        .map_or(now, |next| next.max(now));
    if first.ms_since(now) > asked.within_ms {
        return (TurnsGiven::Later { at: first }, None);
    }
    let taken_ms = asked.interval_ms.saturating_mul(i64::from(asked.count));
    (TurnsGiven::From { first }, Some(first.plus_ms(taken_ms)))
}

/// Milliseconds between two requests of a group that may send `requests_per_minute`, in one process or
/// in several: a little more than evenly spaced, for networks and clocks are not exact and a vendor
/// counts what arrives.
pub fn interval_ms(requests_per_minute: u32) -> i64 {
    let per_minute = i64::from(requests_per_minute.max(1));
    let spaced = MINUTE_MS + MINUTE_MS * limits::TURN_SLACK_PERCENT / 100;
    (spaced + per_minute - 1) / per_minute
}

/// How late a turn may be used, in milliseconds, where turns are `interval_ms` apart: not when the
/// next one is due, and not by more than the turns of a minute are spread beyond it, or a request
/// too many would fit the minute that follows.
pub fn late_ms_max(interval_ms: i64) -> i64 {
    interval_ms.min(MINUTE_MS * limits::TURN_SLACK_PERCENT / 100)
}

/// How many turns a worker reserves at once: about two seconds' worth.
pub fn turns_at_once(interval_ms: i64) -> u32 {
    let count = (limits::TURNS_AHEAD_MS / interval_ms.max(1)).clamp(1, limits::TURNS_AT_ONCE_MAX);
    u32::try_from(count).unwrap_or(1)
}

/// How the workers of a group keep its declared pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Each keeps to a fixed part, in requests a minute.
    Fixed(u32),
    /// They reserve turns of the whole, with at most so many workers at once.
    Turns {
        /// Workers that can have a turn before they would rather leave.
        workers_max: u32,
    },
    /// One at a time, and the gate is closed between requests: a turn is too far off to wait for.
    Gate,
}

/// How `workers` in processes of their own share `requests_per_minute`. A part that is ample for
/// one worker is fixed, which costs nothing.
pub fn sharing(requests_per_minute: u32, workers: u32) -> Sharing {
    let part = requests_per_minute / workers.max(1);
    let turns = limits::PACE_SLEEP_MAX_MS / interval_ms(requests_per_minute);
    if part >= limits::SHARE_AMPLE_PER_MINUTE {
        Sharing::Fixed(part)
    } else if turns < 1 {
        Sharing::Gate
    } else {
        let workers_max = u32::try_from(turns).unwrap_or(u32::MAX).min(workers.max(1));
        Sharing::Turns { workers_max }
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
