//! The cause with which a holder releases an unfinished window.

use crate::frontier::{frontier, halved, overdue};
use crate::limits;
use crate::retry::stored_backoff_ms;
use crate::source::Policy;
use crate::time::{MINUTE_MS, Timestamp};
use crate::transition::Cause;
use crate::window::Window;

/// Distance that a cut keeps from the vendor's retention limit, which advances while the rest is
/// planned and read.
const DROPPED_SOON_MS: i64 = 5 * MINUTE_MS;

/// The cause for `window` to restart at page one. It restarts from its frontier where that is
/// known, and in two halves if it does not fit into its runs.
pub fn begin_again(window: &Window, policy: &Policy) -> Cause {
    let delivered = || frontier(window, policy).map(Cause::Reenter);
    let half = || halved(window, policy.unit_ms).map(Cause::Halve);
    delivered().or_else(half).unwrap_or(Cause::Restart)
}

/// The cause for `window` when the deadline of its run has passed. It is split after too many
/// overruns.
pub fn out_of_time(window: &Window, policy: &Policy) -> Cause {
    let overruns = window.overruns().saturating_add(1);
    // Only a run with a page since its claim counts.
    let split = (window.attempts() == 0).then(|| overdue(window, overruns, policy));
    Cause::OutOfTime(split.flatten())
}

/// The cause for `window` when its vendor cannot return so much at once: a split in the middle.
///
/// Only before the first page: without a strict order, the half of a delivered page is unknown. A
/// window of one time unit or of a sweep is not split: it parks after a few runs.
pub fn too_large(window: &Window, policy: &Policy) -> Cause {
    let middle = window.span().midpoint(policy.unit_ms);
    middle
        .filter(|_| window.cursor().is_none() && window.is_splittable())
        .map_or(Cause::Failed, Cause::Split)
}

/// The cause for `window` when its vendor's retention begins at `horizon`: time that stays
/// available for a while becomes a window of its own. A sweep's window waits until the vendor has
/// dropped all of it, and lapses.
pub fn dropped(window: &Window, policy: &Policy, horizon: Timestamp) -> Cause {
    let kept_from = horizon.plus_ms(DROPPED_SOON_MS).ceil_to(policy.unit_ms);
    if window.cursor().is_none() && kept_from < window.to() && window.is_splittable() {
        Cause::Split(kept_from)
    } else {
        Cause::Outage
    }
}

/// The cause for `window` when its vendor gets no request until `not_before`, and the end of the
/// wait.
///
/// A wait that the vendor `asked` for is obeyed if it is long enough to store. Without one, or
/// after shorter ones that did not help, the backoff grows from run to run.
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
