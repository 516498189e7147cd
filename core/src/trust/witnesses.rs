//! The other vendors' clocks that decide where a vendor's and this machine's differ.

use std::collections::BTreeMap;

use super::{ClockOffset, RateState};
use crate::limits;

/// The witnesses for a rate group's clock: one clock of each origin but its own, because all rate
/// groups of an origin show the same clock.
#[derive(Debug)]
pub struct Witnesses<'s> {
    of: &'s RateState,
    clocks: BTreeMap<String, ClockOffset>,
}

impl<'s> Witnesses<'s> {
    /// The witnesses about the clock in `of`; none yet.
    pub const fn about(of: &'s RateState) -> Self {
        let clocks = BTreeMap::new();
        Self { of, clocks }
    }

    /// Adds the stored clock of another rate group.
    pub fn add(&mut self, other: RateState) {
        let (Some(own), Some(clock), Some(origin)) = (self.of.clock, other.clock, other.origin)
        else {
            return;
        };
        // Without an origin of its own, any other could be the same.
        let is_other = self.of.origin.as_ref().is_some_and(|own| *own != origin);
        if !is_other || clock.offset_ms.is_none() || !clock.is_near(own.observed_at) {
            return;
        }
        let seen = self.clocks.entry(origin).or_insert(clock);
        if seen.observed_at < clock.observed_at {
            *seen = clock;
        }
    }

    /// Whether as many have been heard as are stored and sent.
    pub fn is_full(&self) -> bool {
        self.clocks.len() >= limits::WITNESSES_MAX
    }

    /// Their clocks.
    pub fn into_clocks(self) -> Vec<ClockOffset> {
        let clocks = self.clocks.into_values();
        clocks.take(limits::WITNESSES_MAX).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{HOUR_MS, Timestamp};

    fn state(origin: Option<&str>, offset_ms: Option<i64>, at_ms: i64) -> RateState {
        RateState {
            clock: Some(ClockOffset {
                offset_ms,
                observed_at: Timestamp::from_ms(at_ms),
            }),
            origin: origin.map(str::to_owned),
            ..RateState::default()
        }
    }

    fn heard(own: &RateState, others: &[RateState]) -> Vec<Option<i64>> {
        let mut witnesses = Witnesses::about(own);
        for other in others {
            witnesses.add(other.clone());
        }
        let clocks = witnesses.into_clocks();
        clocks.into_iter().map(|clock| clock.offset_ms).collect()
    }

    #[test]
    fn each_other_origin_votes_with_its_latest_clock() {
        let own = state(Some("own"), Some(0), 0);
        let others = [
            state(Some("own"), Some(1), 0),
            state(Some("a"), Some(2), 0),
            state(Some("a"), Some(3), 1),
            state(Some("b"), Some(4), 1),
        ];
        assert_eq!(heard(&own, &others), [Some(3), Some(4)]);
    }

    #[test]
    fn clock_without_date_origin_or_nearness_has_no_vote() {
        let own = state(Some("own"), Some(0), 0);
        let far_ms = 1_000 * HOUR_MS;
        let others = [
            state(Some("a"), None, 0),
            state(None, Some(1), 0),
            state(Some("b"), Some(2), far_ms),
        ];
        assert_eq!(heard(&own, &others), []);
        assert_eq!(
            heard(&state(None, Some(0), 0), &[state(Some("a"), Some(1), 0)]),
            []
        );
    }
}
