//! The request rate within one process: its own requests, a vendor's quota as a spacing of requests, and
//! the pauses that are too long to sleep through.

use crate::limits;
use crate::reservation;
use crate::time::Timestamp;

/// The last request of a process in a rate group, past or upcoming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastRequest {
    at: Timestamp,
    reserved_at: Timestamp,
}

impl LastRequest {
    /// The next request: `interval_ms` after `last`, and never before `now`, so that an unused
    /// reservation is not saved up. Without an interval it is due at `now`, and the next one counts
    /// from it.
    #[must_use]
    pub fn after(last: Option<Self>, interval_ms: i64, now: Timestamp) -> Self {
        let last = last.filter(|_| interval_ms > 0);
        let next = last.map(|last| last.seen_at(now).plus_ms(interval_ms));
        Self {
            at: next.map_or(now, |next| next.max(now)),
            reserved_at: now,
        }
    }

    /// The request at `now`, if it is free.
    ///
    /// # Errors
    /// With the next free instant, `interval_ms` after `last`, if that is after `now`.
    pub fn if_free(
        last: Option<Self>,
        interval_ms: i64,
        now: Timestamp,
    ) -> Result<Self, Timestamp> {
        let next = last.map(|last| last.seen_at(now).plus_ms(interval_ms));
        match next.filter(|next| *next > now) {
            Some(next) => Err(next),
            None => Ok(Self::after(None, interval_ms, now)),
        }
    }

    /// Milliseconds from `now` until the request.
    pub fn wait_ms(self, now: Timestamp) -> i64 {
        self.at.ms_since(now)
    }

    /// The request by a clock that shows `now`. If the clock was set back since, the request is as far
    /// off as at the time of its reservation.
    fn seen_at(self, now: Timestamp) -> Timestamp {
        let back_ms = self.reserved_at.ms_since(now).max(0);
        self.at.minus_ms(back_ms)
    }
}

/// A vendor's announced quota as a spacing of the requests to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaSpacing {
    interval_ms: i64,
    heard_at: Timestamp,
    until: Timestamp,
}

impl QuotaSpacing {
    /// The spacing that makes `remaining` requests last for the `reset_ms` until there are more; `None`
    /// without a reset to come. A reset that is further off than any wait counts as one at the longest
    /// wait: the quota of a day may be spent in an hour, and is not stretched over the day.
    pub fn of(remaining: u64, reset_ms: Option<i64>, now: Timestamp) -> Option<Self> {
        let reset_ms = reset_ms.filter(|reset_ms| *reset_ms > 0)?;
        let reset_ms = reset_ms.min(limits::WAIT_MS_MAX);
        let remaining = i64::try_from(remaining.max(1)).unwrap_or(i64::MAX);
        Some(Self {
            interval_ms: reset_ms / remaining + i64::from(reset_ms % remaining > 0),
            heard_at: now,
            until: now.plus_ms(reset_ms),
        })
    }

    /// Milliseconds between two requests of the whole rate group; 0 once the reset has passed, or when the
    /// clock was set back since.
    pub fn interval_ms(&self, now: Timestamp) -> i64 {
        if (self.heard_at..self.until).contains(&now) {
            self.interval_ms
        } else {
            0
        }
    }
}

/// Returns true if this request rate is too slow to sleep through, so that cooldowns of the rate group
/// keep it. The threshold is that of [`reservation::sharing`]; otherwise neither would keep some rates.
pub fn is_slow(requests_per_minute: u32) -> bool {
    reservation::interval_ms(requests_per_minute) > limits::RATE_SLEEP_MAX_MS
}

/// A pause of a whole rate group between two requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pause {
    /// Its length in milliseconds, at most [`limits::WAIT_MS_MAX`].
    pub ms: i64,
    /// Its cause.
    pub cause: PauseCause,
}

/// Causes of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseCause {
    /// The declared rate is slower than a worker can wait for.
    Rate,
    /// The vendor's quota is used up.
    Quota,
}

impl PauseCause {
    /// The cause in words, as the cooldown stores it.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Rate => "its configured request rate",
            Self::Quota => "the vendor's quota is used up",
        }
    }
}

impl Pause {
    /// The pause before the next request, if it is too long to sleep through: until the reset of a quota of
    /// `remaining` requests that is less than one for each of `workers`, or `slow_ms` between two requests
    /// of a slow declared rate.
    pub fn before_next(
        quota: Option<(u64, Option<i64>)>,
        workers: u32,
        slow_ms: Option<i64>,
    ) -> Option<Self> {
        // Fewer requests than workers: some of those in flight would be too many.
        let spent = quota.filter(|(remaining, _)| *remaining < u64::from(workers));
        let quota = spent.and_then(|(_, reset_ms)| reset_ms);
        let pause = |ms: i64, cause| Self {
            ms: ms.min(limits::WAIT_MS_MAX),
            cause,
        };
        let quota = quota.map(|ms| pause(ms, PauseCause::Quota));
        let rate = slow_ms.map(|ms| pause(ms, PauseCause::Rate));
        quota
            .max(rate)
            .filter(|pause| pause.ms > limits::RETRY_DELAY_MAX_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::MINUTE_MS;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    #[test]
    fn slow_request_rate_is_kept_by_cooldown() {
        for per_minute in 1..=60 {
            let by_cooldown = reservation::sharing(per_minute, 4) == reservation::Sharing::Cooldown;
            assert_eq!((per_minute, is_slow(per_minute)), (per_minute, by_cooldown));
        }
    }

    #[test]
    fn clock_set_back_delays_no_request() {
        let first = LastRequest::after(None, 1_000, at(500_000));
        let second = LastRequest::after(Some(first), 1_000, at(500_000));
        assert_eq!(second.wait_ms(at(500_000)), 1_000);
        let third = LastRequest::after(Some(second), 1_000, at(1_000));
        assert_eq!(third.wait_ms(at(1_000)), 2_000);
        let busy = LastRequest::if_free(Some(first), 60_000, at(1_000));
        assert_eq!(busy, Err(at(61_000)));
    }

    #[test]
    fn remaining_quota_spreads_until_reset() {
        let interval_ms = |remaining, reset_ms, after_ms| {
            let spacing = QuotaSpacing::of(remaining, Some(reset_ms), at(0)).unwrap();
            spacing.interval_ms(at(after_ms))
        };
        assert_eq!(interval_ms(10, 60_000, 0), 6_000);
        assert_eq!(interval_ms(7, 60_000, 59_999), 8_572);
        assert_eq!(interval_ms(7, 60_000, 60_000), 0);
        assert_eq!(interval_ms(0, 3_000, 0), 3_000);
        assert_eq!(interval_ms(10, 60_000, -1), 0, "the clock was set back");
        assert_eq!(interval_ms(3_600, 24 * limits::WAIT_MS_MAX, 0), 1_000);
        assert_eq!(QuotaSpacing::of(1, None, at(0)), None);
        assert_eq!(QuotaSpacing::of(1, Some(0), at(0)), None);
    }

    #[test]
    fn longest_pause_wins_and_short_ones_are_slept() {
        let long_ms = limits::RETRY_DELAY_MAX_MS + 1;
        let cause = |quota, slow_ms| Pause::before_next(quota, 2, slow_ms).map(|it| it.cause);
        assert_eq!(
            cause(Some((1, Some(long_ms))), None),
            Some(PauseCause::Quota)
        );
        assert_eq!(
            cause(Some((2, Some(long_ms))), None),
            None,
            "one each is left"
        );
        assert_eq!(
            cause(Some((0, None)), Some(MINUTE_MS)),
            Some(PauseCause::Rate)
        );
        assert_eq!(cause(None, Some(limits::RETRY_DELAY_MAX_MS)), None);
        let day = Pause::before_next(Some((0, Some(i64::MAX))), 1, Some(MINUTE_MS));
        assert_eq!(day.map(|it| it.ms), Some(limits::WAIT_MS_MAX));
    }
}
