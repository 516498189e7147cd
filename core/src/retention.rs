//! The retention guard: the distance of a timeline from the vendor's retention limit.

use crate::limits;
use crate::source::Policy;
use crate::span::Span;
use crate::time::Timestamp;
use crate::trust::Trusted;
use crate::window::{Status, Window};

/// The oldest instant from which the vendor still has every record; `None` without a documented
/// retention.
pub fn horizon(policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    let kept_ms = policy.max_lookback_ms?;
    Some(now.minus_ms(kept_ms).ceil_to(policy.unit_ms))
}

/// Milliseconds until the horizon passes `complete_through` and records are lost. Negative once
/// that has happened; `None` without a documented retention.
pub fn left_ms(policy: &Policy, complete_through: Timestamp, now: Timestamp) -> Option<i64> {
    horizon(policy, now).map(|horizon| complete_through.ms_since(horizon))
}

/// Returns whether so little time is left that the timeline gets priority and an alarm: a tenth of
/// the retention, between [`limits::RETENTION_GUARD_MS_MIN`] and
/// [`limits::RETENTION_GUARD_MS_MAX`], and at most half of it.
pub fn is_endangered(policy: &Policy, complete_through: Timestamp, now: Timestamp) -> bool {
    let guard_ms = policy.max_lookback_ms.map_or(0, |kept_ms| {
        (kept_ms / 10)
            .clamp(
                limits::RETENTION_GUARD_MS_MIN,
                limits::RETENTION_GUARD_MS_MAX,
            )
            .min(kept_ms / 2)
    });
    left_ms(policy, complete_through, now).is_some_and(|left_ms| left_ms < guard_ms)
}

/// The span of `window`, if nothing of it has been read and the vendor has dropped all of it.
pub fn lapsed(window: &Window, policy: &Policy, trusted: Trusted) -> Option<Span> {
    let unread = window.status() == Status::Ready && window.page() == 0 && window.split().is_none();
    let horizon = horizon(policy, trusted.passed())?;
    (unread && window.to() <= horizon).then(|| window.span())
}

/// The oldest instant within the vendor's retention, if `window` begins before it and has no page
/// yet.
pub fn dropped_until(window: &Window, policy: &Policy, trusted: Trusted) -> Option<Timestamp> {
    let horizon = horizon(policy, trusted.at());
    horizon.filter(|horizon| window.page() == 0 && window.id().from < *horizon)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::policy;
    use crate::time::{DAY_MS, HOUR_MS};

    fn keeping(kept_ms: i64) -> Policy {
        Policy {
            max_lookback_ms: Some(kept_ms),
            ..policy()
        }
    }

    #[test]
    fn endangered_at_tenth_of_retention_left() {
        let policy = keeping(100 * HOUR_MS);
        let now = Timestamp::from_ms(1_000 * HOUR_MS);
        let through = |left_ms| now.minus_ms(100 * HOUR_MS).plus_ms(left_ms);
        assert!(!is_endangered(&policy, through(10 * HOUR_MS), now));
        assert!(is_endangered(&policy, through(10 * HOUR_MS - 1), now));
        assert!(is_endangered(&policy, through(-1), now));
        assert_eq!(left_ms(&policy, through(-1), now), Some(-1));
    }

    #[test]
    fn guard_is_at_most_week_or_half_retention() {
        let now = Timestamp::from_ms(10_000 * HOUR_MS);
        let week = keeping(1_000 * DAY_MS);
        let left = now.minus_ms(1_000 * DAY_MS).plus_ms(7 * DAY_MS);
        assert!(!is_endangered(&week, left, now));
        let hour = keeping(HOUR_MS);
        assert!(!is_endangered(&hour, now.minus_ms(HOUR_MS / 2), now));
        assert!(is_endangered(&hour, now.minus_ms(HOUR_MS / 2 + 1), now));
    }

    #[test]
    fn partly_dropped_unit_is_past_retention() {
        let policy = Policy {
            unit_ms: HOUR_MS,
            ..keeping(10 * HOUR_MS)
        };
        let at = |hour| Timestamp::from_ms(hour * HOUR_MS);
        assert_eq!(horizon(&policy, at(30)), Some(at(20)));
        assert_eq!(horizon(&policy, at(30).plus_ms(1)), Some(at(21)));
        assert_eq!(horizon(&policy, at(31)), Some(at(21)));
    }

    #[test]
    fn unlimited_retention_endangers_nothing() {
        let now = Timestamp::from_ms(0);
        assert!(!is_endangered(&policy(), Timestamp::MIN, now));
        assert_eq!(left_ms(&policy(), now, now), None);
    }
}
