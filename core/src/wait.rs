//! Stored waits of windows and rate groups, and the check that they are plausible.

use crate::ids::RateGroup;
use crate::limits;
use crate::time::Timestamp;

/// The shared cooldown of a rate group: no worker sends a request before `not_before`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cooldown {
    /// The rate group.
    pub group: RateGroup,
    /// The end of the cooldown.
    pub not_before: Timestamp,
    /// The reason in the vendor's response.
    pub reason: String,
}

impl Cooldown {
    /// The end of the cooldown, if it is in the future at `now`.
    pub fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        until(self.not_before, now)
    }
}

/// The latest plausible end of a wait at `now`: no wait is stored for longer than
/// [`limits::WAIT_MS_MAX`], so a later end comes from a wrong clock.
pub fn latest(now: Timestamp) -> Timestamp {
    now.plus_ms(limits::WAIT_MS_MAX)
        .plus_ms(limits::CLOCK_SKEW_MS)
}

/// `not_before`, if it is in the future at `now` and plausible.
pub fn until(not_before: Timestamp, now: Timestamp) -> Option<Timestamp> {
    (now < not_before && not_before <= latest(now)).then_some(not_before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implausibly_long_wait_is_ignored() {
        let now = Timestamp::from_ms(1_000_000);
        let latest = now.plus_ms(limits::WAIT_MS_MAX + limits::CLOCK_SKEW_MS);
        assert_eq!(until(latest, now), Some(latest));
        assert_eq!(until(latest.plus_ms(1), now), None);
        assert_eq!(until(now, now), None);
    }
}
