//! Request reservations: the evenly spaced instants at which the workers of a rate group may send
//! requests, when they run in different processes. A worker reserves the next few on the group's
//! item, and the next worker gets those after them, so that few workers use a quota as fully as
//! many.

use crate::limits;
use crate::time::{MINUTE_MS, Timestamp};
use crate::wait::Cooldown;

/// A worker's request for reservations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservationRequest {
    /// Number of reservations.
    pub count: u32,
    /// Milliseconds between two of them.
    pub interval_ms: i64,
    /// Largest distance of the first one, in milliseconds; beyond it, nothing is reserved.
    pub within_ms: i64,
    /// The instant of the request.
    pub now: Timestamp,
}

/// The result of a request for reservations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReservationResponse {
    /// The reservations from `first` on, in the number and spacing of the request.
    From {
        /// The first reserved instant.
        first: Timestamp,
    },
    /// No reservation: the next free instant is too far off.
    Later {
        /// The next free instant.
        at: Timestamp,
    },
    /// No reservation: the group is in a cooldown.
    Closed(Cooldown),
}

/// The result of `asked` while the group's next free instant is `next`, and the new next free
/// instant if it moves. During a cooldown nothing is reserved.
pub fn give(
    cooldown: Option<&Cooldown>,
    next: Option<Timestamp>,
    asked: &ReservationRequest,
) -> (ReservationResponse, Option<Timestamp>) {
    let now = asked.now;
    if let Some(cooldown) = cooldown.filter(|cooldown| cooldown.closed_until(now).is_some()) {
        return (ReservationResponse::Closed(cooldown.clone()), None);
    }
    // No worker reserves further ahead than this: a later instant comes from a wrong clock.
    let latest = now.plus_ms(limits::RESERVATION_MS_MAX + limits::CLOCK_SKEW_MS);
    let first = next
        .filter(|next| *next <= latest)
        .map_or(now, |next| next.max(now));
    if first.ms_since(now) > asked.within_ms {
        return (ReservationResponse::Later { at: first }, None);
    }
    let taken_ms = asked.interval_ms.saturating_mul(i64::from(asked.count));
    (
        ReservationResponse::From { first },
        Some(first.plus_ms(taken_ms)),
    )
}

/// A reservation of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// The instant of the request.
    pub at: Timestamp,
    /// The spacing of the reservations that it was made with, in milliseconds.
    interval_ms: i64,
}

impl ReservationRequest {
    /// The requested reservations, of which the first one is at `first`.
    pub fn reservations(&self, first: Timestamp) -> impl Iterator<Item = Reservation> {
        let interval_ms = self.interval_ms;
        (0..self.count).map(move |number| Reservation {
            at: first.plus_ms(interval_ms.saturating_mul(i64::from(number))),
            interval_ms,
        })
    }
}

impl Reservation {
    /// Returns true if it can be used at `now`, where requests are to be `interval_ms` apart.
    ///
    /// - A reservation older than [`late_ms_max`] would be too near to the next ones.
    /// - A reservation that is too far off was made before the clock was set back.
    /// - If the spacing has more than doubled since, the reservations are too near to each other.
    pub fn is_usable(self, interval_ms: i64, now: Timestamp) -> bool {
        let wait_ms = self.at.ms_since(now);
        let late_ms = late_ms_max(self.interval_ms);
        (-late_ms..=limits::RESERVATION_MS_MAX).contains(&wait_ms)
            && interval_ms <= self.interval_ms.saturating_mul(2)
    }
}

/// Milliseconds between two requests of a group with `requests_per_minute`, in one process or in
/// several. A little more than evenly spaced, because networks and clocks are not exact and a
/// vendor counts arrivals.
pub fn interval_ms(requests_per_minute: u32) -> i64 {
    let per_minute = i64::from(requests_per_minute.max(1));
    let spaced = MINUTE_MS + MINUTE_MS * limits::RESERVATION_SLACK_PERCENT / 100;
    (spaced + per_minute - 1) / per_minute
}

/// Largest delay of a reserved request in milliseconds, with reservations `interval_ms` apart: at
/// most one interval, and at most the extra space of one minute's reservations. After a longer
/// delay, one request too many could fit into the next minute.
pub fn late_ms_max(interval_ms: i64) -> i64 {
    interval_ms.min(MINUTE_MS * limits::RESERVATION_SLACK_PERCENT / 100)
}

/// Number of requests that a worker reserves at once: about two seconds' worth.
pub fn reservations_at_once(interval_ms: i64) -> u32 {
    let count =
        (limits::RESERVED_AHEAD_MS / interval_ms.max(1)).clamp(1, limits::RESERVATIONS_AT_ONCE_MAX);
    u32::try_from(count).unwrap_or(1)
}

/// The means by which the workers of a group share its request rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Each worker has a fixed share, in requests per minute.
    Fixed(u32),
    /// Workers reserve requests from the whole rate.
    Reserved {
        /// Number of workers that can reserve within the longest wait.
        workers_max: u32,
    },
    /// One request at a time, with a cooldown in between: the interval is too long to wait for.
    Cooldown,
}

/// The sharing of `requests_per_minute` among `workers` in processes of their own. A share that is
/// enough for one worker is fixed, which costs nothing.
pub fn sharing(requests_per_minute: u32, workers: u32) -> Sharing {
    let part = requests_per_minute / workers.max(1);
    let reservations = limits::RATE_SLEEP_MAX_MS / interval_ms(requests_per_minute);
    if part >= limits::SHARE_AMPLE_PER_MINUTE {
        Sharing::Fixed(part)
    } else if reservations < 1 {
        Sharing::Cooldown
    } else {
        let workers_max = u32::try_from(reservations)
            .unwrap_or(u32::MAX)
            .min(workers.max(1));
        Sharing::Reserved { workers_max }
    }
}

#[cfg(test)]
#[path = "reservation_tests.rs"]
mod tests;
