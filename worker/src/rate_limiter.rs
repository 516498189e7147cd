//! The declared request rate of a rate group: requests per minute, evenly spread.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_core::ids::RateGroup;
use windlass_core::limits;
use windlass_core::reservation;
use windlass_core::time::Timestamp;

/// The last request of this process in each rate group, past or upcoming.
#[derive(Debug, Default)]
pub(crate) struct RateLimiter(Mutex<HashMap<RateGroup, Reservation>>);

/// The last request reservation of a group.
#[derive(Debug, Clone, Copy)]
struct Reservation {
    at: Timestamp,
    taken_at: Timestamp,
}

impl Reservation {
    /// The reservation by a clock that shows `now`. If the clock was set back since, the
    /// reservation is as far off as at the time it was made.
    fn seen_at(self, now: Timestamp) -> Timestamp {
        let back_ms = self.taken_at.ms_since(now).max(0);
        self.at.minus_ms(back_ms)
    }
}

impl RateLimiter {
    /// Reserves the next request of `group`, `interval_ms` after the last one, and returns the wait
    /// in milliseconds. Reservations are evenly spaced, and an unused one is not saved up. Without
    /// an interval the request is due now, and the next one counts from it.
    pub(crate) fn reserve_next(&self, group: &RateGroup, interval_ms: i64, now: Timestamp) -> i64 {
        let mut reservations = self.reservations();
        let last = reservations.get(group).filter(|_| interval_ms > 0);
        let next = last.map(|last| last.seen_at(now).plus_ms(interval_ms));
        let at = next.map_or(now, |next| next.max(now));
        let taken_at = now;
        reservations.insert(group.clone(), Reservation { at, taken_at });
        at.ms_since(now)
    }

    /// Reserves the request of `group` at `now` if it is free; the error is the next free instant.
    pub(crate) fn reserve_if_free(
        &self,
        group: &RateGroup,
        interval_ms: i64,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        let mut reservations = self.reservations();
        let last = reservations.get(group);
        let next = last.map(|last| last.seen_at(now).plus_ms(interval_ms));
        if let Some(next) = next.filter(|next| *next > now) {
            return Err(next);
        }
        let (at, taken_at) = (now, now);
        reservations.insert(group.clone(), Reservation { at, taken_at });
        Ok(())
    }

    fn reservations(&self) -> MutexGuard<'_, HashMap<RateGroup, Reservation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns true if this request rate is too slow to sleep through, so that cooldowns of the rate
/// group keep it. The threshold is that of [`reservation::sharing`]; otherwise neither would keep some
/// rates.
pub(crate) fn is_slow(requests_per_minute: u32) -> bool {
    reservation::interval_ms(requests_per_minute) > limits::RATE_SLEEP_MAX_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_evenly_spaced_per_group() {
        let rate_limiter = RateLimiter::default();
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        let now = Timestamp::from_ms(0);
        let waits: Vec<_> = (0..3)
            .map(|_| rate_limiter.reserve_next(&a, 6_000, now))
            .collect();
        assert_eq!(waits, [0, 6_000, 12_000]);
        assert_eq!(rate_limiter.reserve_next(&b, 6_000, now), 0);
    }

    #[test]
    fn taken_reservation_is_not_queued_for() {
        let rate_limiter = RateLimiter::default();
        let group = "a".parse().unwrap();
        let at = Timestamp::from_ms;
        assert_eq!(rate_limiter.reserve_if_free(&group, 60_000, at(0)), Ok(()));
        assert_eq!(
            rate_limiter.reserve_if_free(&group, 60_000, at(1)),
            Err(at(60_000))
        );
        assert_eq!(
            rate_limiter.reserve_if_free(&group, 60_000, at(60_000)),
            Ok(())
        );
    }

    #[test]
    fn unused_reservations_are_not_saved_up() {
        let rate_limiter = RateLimiter::default();
        let group = "a".parse().unwrap();
        rate_limiter.reserve_next(&group, 1_000, Timestamp::from_ms(0));
        assert_eq!(
            rate_limiter.reserve_next(&group, 1_000, Timestamp::from_ms(60_000)),
            0
        );
        assert_eq!(
            rate_limiter.reserve_next(&group, 1_000, Timestamp::from_ms(60_000)),
            1_000
        );
    }

    #[test]
    fn new_interval_holds_from_last_request() {
        let rate_limiter = RateLimiter::default();
        let group = "a".parse().unwrap();
        let at = Timestamp::from_ms;
        assert_eq!(rate_limiter.reserve_next(&group, 100, at(0)), 0);
        assert_eq!(rate_limiter.reserve_next(&group, 5_000, at(10)), 4_990);
        assert_eq!(rate_limiter.reserve_next(&group, 100, at(5_000)), 100);
    }

    #[test]
    fn backward_clock_step_delays_no_request() {
        let at = Timestamp::from_ms;
        let (rate_limiter, group) = (RateLimiter::default(), "a".parse().unwrap());
        for (now, wait_ms) in [
            (500_000, 0),
            (500_000, 1_000),
            (1_000, 2_000),
            (2_500, 1_500),
        ] {
            assert_eq!(
                rate_limiter.reserve_next(&group, 1_000, at(now)),
                wait_ms,
                "{now}"
            );
        }
        let rate_limiter = RateLimiter::default();
        assert_eq!(
            rate_limiter.reserve_if_free(&group, 60_000, at(500_000)),
            Ok(())
        );
        assert_eq!(
            rate_limiter.reserve_if_free(&group, 60_000, at(1_000)),
            Err(at(61_000))
        );
    }

    #[test]
    fn slow_request_rate_is_kept_by_cooldown() {
        for per_minute in 1..=60 {
            let by_cooldown = reservation::sharing(per_minute, 4) == reservation::Sharing::Cooldown;
            assert_eq!((per_minute, is_slow(per_minute)), (per_minute, by_cooldown));
        }
    }
}
