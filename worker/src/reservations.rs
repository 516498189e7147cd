//! The unused request reservations of this process, by rate group.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_core::ids::RateGroup;
use windlass_core::reservation::{Reservation, ReservationRequest};
use windlass_core::time::Timestamp;

/// Request reservations. All runs of the process share them, in order.
#[derive(Debug, Default)]
pub(crate) struct Reservations(Mutex<HashMap<RateGroup, VecDeque<Reservation>>>);

impl Reservations {
    /// Stores the reservations that `group` received for `asked`: the one at `first`, and those
    /// after it.
    pub(crate) fn keep(&self, group: &RateGroup, first: Timestamp, asked: &ReservationRequest) {
        let mut reservations = self.reservations();
        let kept = reservations.entry(group.clone()).or_default();
        kept.extend(asked.reservations(first));
        kept.make_contiguous()
            .sort_unstable_by_key(|reservation| reservation.at);
    }

    /// The next reservation of `group` that is [usable](Reservation::is_usable) at `now` with this
    /// spacing. The others are lost.
    pub(crate) fn next(
        &self,
        group: &RateGroup,
        interval_ms: i64,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut reservations = self.reservations();
        let kept = reservations.get_mut(group)?;
        while let Some(reservation) = kept.pop_front() {
            if reservation.is_usable(interval_ms, now) {
                return Some(reservation.at);
            }
        }
        reservations.remove(group);
        None
    }

    fn reservations(&self) -> MutexGuard<'_, HashMap<RateGroup, VecDeque<Reservation>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use windlass_core::limits;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    fn kept(count: u32, first: i64) -> (Reservations, RateGroup) {
        let (reservations, group) = (Reservations::default(), "a".parse().unwrap());
        let asked = ReservationRequest {
            count,
            interval_ms: 1_000,
            within_ms: 10_000,
            now: at(0),
        };
        reservations.keep(&group, at(first), &asked);
        (reservations, group)
    }

    #[test]
    fn reservations_are_used_once_in_order() {
        let (reservations, group) = kept(3, 500);
        let used: Vec<_> = (0..4)
            .map(|_| reservations.next(&group, 1_000, at(0)))
            .collect();
        let expected = [Some(at(500)), Some(at(1_500)), Some(at(2_500)), None];
        assert_eq!(used, expected);
        assert_eq!(reservations.next(&"b".parse().unwrap(), 1_000, at(0)), None);
    }

    #[test]
    fn expired_reservation_is_not_used() {
        let (reservations, group) = kept(3, 0);
        assert_eq!(reservations.next(&group, 1_000, at(2_001)), Some(at(2_000)));
        assert_eq!(reservations.next(&group, 1_000, at(2_001)), None);
        let (reservations, group) = kept(1, 0);
        assert_eq!(reservations.next(&group, 1_000, at(1_000)), Some(at(0)));
    }

    #[test]
    fn reservations_closer_than_new_interval_are_dropped() {
        let (reservations, group) = kept(2, 0);
        assert_eq!(reservations.next(&group, 2_000, at(0)), Some(at(0)));
        assert_eq!(reservations.next(&group, 2_001, at(0)), None);
    }

    #[test]
    fn implausibly_late_reservation_is_not_awaited() {
        let (reservations, group) = kept(1, limits::RESERVATION_MS_MAX + 1);
        assert_eq!(reservations.next(&group, 1_000, at(0)), None);
    }
}
