//! The cause with which a holder gives a window back that it could not finish.

use crate::frontier::{frontier, halved, overdue};
use crate::limits;
use crate::retry::stored_backoff_ms;
use crate::source::Policy;
use crate::time::{MINUTE_MS, Timestamp};
use crate::transition::Cause;
use crate::window::Window;

/// How far before the vendor's retention a window is cut off: it goes on dropping while the rest is
/// planned and asked for.
const DROPPED_SOON_MS: i64 = 5 * MINUTE_MS;

/// The cause for `window` to begin again at page one: only what is not delivered yet where that is known,
/// and in two halves if it has shown that it does not fit.
pub fn begin_again(window: &Window, policy: &Policy) -> Cause {
    let delivered = || frontier(window, policy).map(Cause::Reenter);
    let half = || halved(window, policy.unit_ms).map(Cause::Halve);
    delivered().or_else(half).unwrap_or(Cause::Restart)
}

/// The cause for `window` when the time of its run is up; it is split if that is so too often.
pub fn out_of_time(window: &Window, policy: &Policy) -> Cause {
    let overruns = window.overruns().saturating_add(1);
    // Only a run that had a page since its claim counts.
    let split = (window.attempts() == 0).then(|| overdue(window, overruns, policy));
    Cause::OutOfTime(split.flatten())
}

/// The cause for `window` when its vendor cannot answer so much at once: a split in the middle. Only
/// before the first page, for without a strict order the half of a delivered page is not known. A
/// window of one unit or of a sweep is not split: it parks after a few runs.
pub fn too_large(window: &Window, policy: &Policy) -> Cause {
    let middle = window.span().midpoint(policy.unit_ms);
    middle
        .filter(|_| window.cursor().is_none() && window.is_splittable())
        .map_or(Cause::Failed, Cause::Split)
}

/// The cause for `window` when its vendor keeps nothing before `horizon`: what is kept for some time
/// yet becomes a window of its own. A sweep's window waits until all of it is dropped, and lapses.
pub fn dropped(window: &Window, policy: &Policy, horizon: Timestamp) -> Cause {
    let kept_from = horizon.plus_ms(DROPPED_SOON_MS).ceil_to(policy.unit_ms);
    if window.cursor().is_none() && kept_from < window.to() && window.is_splittable() {
        Cause::Split(kept_from)
    } else {
        Cause::Outage
    }
}

/// The cause for `window` when its vendor is left alone until `not_before`, and until when it waits. A
/// wait that the vendor `asked` for and that is long enough to store is obeyed. Without one, or with
/// shorter ones that did not help, waits grow from run to run.
pub fn left_alone(
    window: &Window,
    asked_ms: Option<i64>,
    not_before: Timestamp,
    now: Timestamp,
) -> (Cause, Timestamp) {
    if asked_ms.is_some_and(|wait_ms| wait_ms > limits::RETRY_DELAY_MAX_MS) {
        return (Cause::Yielded, not_before);
    }
    let least = now.plus_ms(stored_backoff_ms(window.setbacks()) / 2);
    (Cause::Outage, not_before.max(least))
}

#[cfg(test)]
#[path = "causes_tests.rs"]
mod tests;
