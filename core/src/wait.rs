//! Stored waits: until when a window or a rate group is left alone, and which of them can be true.

use crate::ids::RateGroup;
use crate::limits;
use crate::time::Timestamp;

/// The shared gate of a rate group: nobody asks its vendor before `not_before`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateGate {
    /// Whose.
    pub group: RateGroup,
    /// Until when.
    pub not_before: Timestamp,
    /// What the vendor said.
    pub reason: String,
}

impl RateGate {
    /// Until when the group may not be asked, if that is still to come at `now`.
    pub fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        until(self.not_before, now)
    }
}

/// The latest end of a wait that can be true at `now`: no wait is stored for longer than
/// [`limits::WAIT_MS_MAX`], so a clock that was wrong stored one that ends later.
pub fn latest(now: Timestamp) -> Timestamp {
    now.plus_ms(limits::WAIT_MS_MAX)
        .plus_ms(limits::CLOCK_SKEW_MS)
}

/// `not_before`, if it is still to come at `now` and can be true.
pub fn until(not_before: Timestamp, now: Timestamp) -> Option<Timestamp> {
    (now < not_before && not_before <= latest(now)).then_some(not_before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_longer_than_any_that_is_stored_came_from_a_wrong_clock_and_is_not_believed() {
        let now = Timestamp::from_ms(1_000_000);
        let latest = now.plus_ms(limits::WAIT_MS_MAX + limits::CLOCK_SKEW_MS);
        assert_eq!(until(latest, now), Some(latest));
        assert_eq!(until(latest.plus_ms(1), now), None);
        assert_eq!(until(now, now), None);
    }
}
