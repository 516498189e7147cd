//! The declared request rate of a rate group: requests per minute, evenly spread.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_core::ids::RateGroup;
use windlass_core::pacing::LastRequest;
use windlass_core::time::Timestamp;

/// The last request of this process in each rate group, past or upcoming.
#[derive(Debug, Default)]
pub(crate) struct RateLimiter(Mutex<HashMap<RateGroup, LastRequest>>);

impl RateLimiter {
    /// Reserves the [next request](LastRequest::after) of `group`, `interval_ms` after the last one,
    /// and returns the wait in milliseconds.
    pub(crate) fn reserve_next(&self, group: &RateGroup, interval_ms: i64, now: Timestamp) -> i64 {
        let mut requests = self.requests();
        let next = LastRequest::after(requests.get(group).copied(), interval_ms, now);
        requests.insert(group.clone(), next);
        next.wait_ms(now)
    }

    /// Reserves the request of `group` at `now` [if it is free](LastRequest::if_free); the error is the
    /// next free instant.
    pub(crate) fn reserve_if_free(
        &self,
        group: &RateGroup,
        interval_ms: i64,
        now: Timestamp,
    ) -> Result<(), Timestamp> {
        let mut requests = self.requests();
        let next = LastRequest::if_free(requests.get(group).copied(), interval_ms, now)?;
        requests.insert(group.clone(), next);
        Ok(())
    }

    fn requests(&self) -> MutexGuard<'_, HashMap<RateGroup, LastRequest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
}
