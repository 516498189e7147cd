//! Request spacing derived from the quotas that vendors advertise.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_connectors::connector::AdvertisedQuota;
use windlass_core::ids::RateGroup;
use windlass_core::pacing::QuotaSpacing;
use windlass_core::time::Timestamp;

/// The last advertised quota of each rate group, as a spacing.
#[derive(Debug, Default)]
pub(crate) struct AdvertisedQuotas(Mutex<HashMap<RateGroup, QuotaSpacing>>);

impl AdvertisedQuotas {
    /// Stores the spacing that `quota`, advertised to `group` at `now`, implies. Without a reset
    /// in the future, forgets the last one.
    pub(crate) fn record(&self, group: &RateGroup, quota: &AdvertisedQuota, now: Timestamp) {
        match QuotaSpacing::of(quota.remaining, quota.reset_ms, now) {
            Some(spacing) => self.spacings().insert(group.clone(), spacing),
            None => self.spacings().remove(group),
        };
    }

    /// Milliseconds between requests of the whole of `group`, so that the quota lasts until its
    /// reset; 0 when no advertised quota is in force at `now`.
    pub(crate) fn interval_ms(&self, group: &RateGroup, now: Timestamp) -> i64 {
        let spacing = self.spacings().get(group).copied();
        spacing.map_or(0, |spacing| spacing.interval_ms(now))
    }

    fn spacings(&self) -> MutexGuard<'_, HashMap<RateGroup, QuotaSpacing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use windlass_core::limits;

    use super::*;

    /// The spacing `after_ms` after a response that advertised this quota.
    fn interval_ms(remaining: u64, reset_ms: Option<i64>, after_ms: i64) -> i64 {
        let (advertised, group) = (AdvertisedQuotas::default(), "a".parse().unwrap());
        let quota = AdvertisedQuota {
            remaining,
            reset_ms,
        };
        advertised.record(&group, &quota, Timestamp::from_ms(0));
        advertised.interval_ms(&group, Timestamp::from_ms(after_ms))
    }

    #[test]
    fn remaining_quota_spreads_until_reset() {
        assert_eq!(interval_ms(10, Some(60_000), 0), 6_000);
        assert_eq!(interval_ms(7, Some(60_000), 59_999), 8_572);
        assert_eq!(interval_ms(7, Some(60_000), 60_000), 0);
        assert_eq!(interval_ms(0, Some(3_000), 0), 3_000);
    }

    #[test]
    fn quota_is_forgotten_when_clock_steps_back() {
        assert_eq!(interval_ms(10, Some(60_000), -1), 0);
    }

    #[test]
    fn quota_without_reset_clears_earlier_one() {
        assert_eq!(interval_ms(1, None, 0), 0);
        let (advertised, group) = (AdvertisedQuotas::default(), "a".parse().unwrap());
        let now = Timestamp::from_ms(0);
        for (reset_ms, expected) in [(Some(60_000), 60_000), (None, 0)] {
            let quota = AdvertisedQuota {
                remaining: 1,
                reset_ms,
            };
            advertised.record(&group, &quota, now);
            assert_eq!(advertised.interval_ms(&group, now), expected);
        }
    }

    #[test]
    fn daily_quota_is_not_spread_over_day() {
        let day_ms = 24 * limits::WAIT_MS_MAX;
        assert_eq!(interval_ms(3_600, Some(day_ms), 0), 1_000);
    }
}
