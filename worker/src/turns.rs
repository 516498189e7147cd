//! The unused request reservations of this process, by rate group.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_core::ids::RateGroup;
use windlass_core::limits;
use windlass_core::time::Timestamp;
use windlass_core::turns::{TurnsAsked, late_ms_max};

/// Request reservations. All runs of the process share them, in order.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<RateGroup, VecDeque<Turn>>>);

#[derive(Debug, Clone, Copy)]
struct Turn {
    at: Timestamp,
    interval_ms: i64,
}

impl Turns {
    /// Stores the reservations that `group` received for `asked`: the one at `first`, and those
    /// after it.
    pub(crate) fn keep(&self, group: &RateGroup, first: Timestamp, asked: &TurnsAsked) {
        let interval_ms = asked.interval_ms;
        let given = (0..asked.count).map(|turn| Turn {
            at: first.plus_ms(interval_ms.saturating_mul(i64::from(turn))),
            interval_ms,
        });
        let mut turns = self.turns();
        let kept = turns.entry(group.clone()).or_default();
        kept.extend(given);
        kept.make_contiguous().sort_unstable_by_key(|turn| turn.at);
    }

    /// The next reservation of `group` that is usable at `now`. Reservations are lost when they are
    /// older than [`late_ms_max`], because they would be too near to the next ones, and when the
    /// vendor's quota has since more than doubled the spacing to `interval_ms`, because they are
    /// too near to each other.
    pub(crate) fn next(
        &self,
        group: &RateGroup,
        interval_ms: i64,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut turns = self.turns();
        let kept = turns.get_mut(group)?;
        while let Some(turn) = kept.pop_front() {
            let wait_ms = turn.at.ms_since(now);
            // A reservation that is too far off was made before the clock was set back.
            let late_ms = late_ms_max(turn.interval_ms);
            let usable = (-late_ms..=limits::TURN_MS_MAX).contains(&wait_ms);
            if usable && interval_ms <= turn.interval_ms.saturating_mul(2) {
                return Some(turn.at);
            }
        }
        turns.remove(group);
        None
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<RateGroup, VecDeque<Turn>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    fn kept(count: u32, first: i64) -> (Turns, RateGroup) {
        let (turns, group) = (Turns::default(), "a".parse().unwrap());
        let asked = TurnsAsked {
            count,
            interval_ms: 1_000,
            within_ms: 10_000,
            now: at(0),
        };
        turns.keep(&group, at(first), &asked);
        (turns, group)
    }

    #[test]
    fn reservations_are_used_once_in_order() {
        let (turns, group) = kept(3, 500);
        let used: Vec<_> = (0..4).map(|_| turns.next(&group, 1_000, at(0))).collect();
        let expected = [Some(at(500)), Some(at(1_500)), Some(at(2_500)), None];
        assert_eq!(used, expected);
        assert_eq!(turns.next(&"b".parse().unwrap(), 1_000, at(0)), None);
    }

    #[test]
    fn expired_reservation_is_not_used() {
        let (turns, group) = kept(3, 0);
        assert_eq!(turns.next(&group, 1_000, at(2_001)), Some(at(2_000)));
        assert_eq!(turns.next(&group, 1_000, at(2_001)), None);
        let (turns, group) = kept(1, 0);
        assert_eq!(turns.next(&group, 1_000, at(1_000)), Some(at(0)));
    }

    #[test]
    fn reservations_closer_than_new_interval_are_dropped() {
        let (turns, group) = kept(2, 0);
        assert_eq!(turns.next(&group, 2_000, at(0)), Some(at(0)));
        assert_eq!(turns.next(&group, 2_001, at(0)), None);
    }

    #[test]
    fn implausibly_late_reservation_is_not_awaited() {
        let (turns, group) = kept(1, limits::TURN_MS_MAX + 1);
        assert_eq!(turns.next(&group, 1_000, at(0)), None);
    }
}
