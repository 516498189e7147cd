//! Windows without a worker: expired, exhausted, or parked suspects.

use crate::frontier;
use crate::limits;
use crate::source::Policy;
use crate::time::Timestamp;
use crate::transition::Event;
use crate::window::{Status, Window};

/// The tick's move of `window` before planning; `None` leaves it unchanged. It takes back an
/// expired lease or dispatch, parks an exhausted window, and probes a parked suspect.
///
/// The end of a lease or dispatch already includes the clock skew. One that ends after `latest` was
/// set by a clock that was ahead, and counts as expired.
pub fn scavenge(
    window: &Window,
    policy: &Policy,
    now: Timestamp,
    latest: Timestamp,
) -> Option<Event> {
    match window.status() {
        // A pending split comes first: a parked window is not split.
        Status::Ready if window.is_exhausted() && window.split().is_none() => {
            Some(park(window, now))
        }
        Status::Parked if is_due_again(window, now) => Some(Event::Probe { now }),
        Status::Running | Status::Dispatched if ran_out(window, now, latest) => {
            Some(Event::Expire {
                split: outlived(window, policy),
                now,
            })
        }
        _ => None,
    }
}

/// A process's move, at its start, of a window that an earlier process on this machine left running
/// or dispatched: an operating-system lock proves that no process holds it.
pub fn recover(window: &Window, now: Timestamp) -> Option<Event> {
    window.is_in_flight().then_some(Event::Recover { now })
}

/// The split point of a window whose worker was stopped after it had delivered pages; `None` while
/// it has had too few runs.
fn outlived(window: &Window, policy: &Policy) -> Option<frontier::SplitPoint> {
    let delivered = window.status() == Status::Running && window.attempts() == 0;
    let overruns = window.overruns().saturating_add(1);
    delivered.then(|| frontier::overdue(window, overruns, policy))?
}

fn ran_out(window: &Window, now: Timestamp, latest: Timestamp) -> bool {
    // A lease without an end belongs to this process, and no clock ends it.
    let is_false = |until| until > latest && until < Timestamp::MAX;
    let until = window.in_flight_until();
    until.is_some_and(|until| until < now || is_false(until))
}

/// Returns whether `window` parked as a suspect so long ago that it is probed. A time too far off
/// for any right clock does not delay it.
fn is_due_again(window: &Window, now: Timestamp) -> bool {
    let at = window.tried_again_at();
    at.is_some_and(|at| at <= now || at > now.plus_ms(limits::SUSPECT_RETRY_MS))
}

fn park(window: &Window, now: Timestamp) -> Event {
    if window.is_convicted() {
        let times = window.deaths().saturating_sub(1);
        let reason = format!(
            "the process died {times} times while this window was the only suspect, each time \
             before its first page; it is retried daily"
        );
        return Event::Park { reason, now };
    }
    let tries = if window.attempts() >= limits::ATTEMPTS_MAX {
        format!("no page in {} attempts", window.attempts())
    } else {
        format!("{} restarts from page one", window.restarts())
    };
    let reason = match window.last_error() {
        Some(error) => format!("{tries}: {error}"),
        None => tries,
    };
    Event::Park { reason, now }
}

#[cfg(test)]
#[path = "scavenge_tests.rs"]
mod tests;
