//! The vendor clocks that this process has seen. The state stores only changes, and a difference is
//! logged once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_core::ids::RateGroup;
use windlass_core::time::Timestamp;
use windlass_core::trust::ClockOffset;

/// The vendors' clocks, by rate group.
#[derive(Debug, Default)]
pub(crate) struct Clocks(Mutex<HashMap<RateGroup, Known>>);

#[derive(Debug, Default)]
struct Known {
    stored: Option<ClockOffset>,
    shown: Option<Shown>,
    is_logged: bool,
    lacks_date: bool,
}

/// The vendor's time in a response, and the steady clock's reading at that moment.
#[derive(Debug, Clone, Copy)]
struct Shown {
    vendor: Timestamp,
    steady_ms: i64,
}

impl Clocks {
    /// Records the stored clock of `group`, read at `steady_ms`. The vendor's time is not before
    /// the stored one.
    pub(crate) fn stored(&self, group: &RateGroup, clock: Option<ClockOffset>, steady_ms: i64) {
        let mut known = self.known();
        let known = known.entry(group.clone()).or_default();
        known.stored = clock;
        if known.shown.is_none() {
            let vendor = clock.and_then(|clock| clock.vendor_at());
            known.shown = vendor.map(|vendor| Shown { vendor, steady_ms });
        }
    }

    /// Records the vendor's time in a response for `group` at `steady_ms`.
    pub(crate) fn shown(&self, group: &RateGroup, vendor: Timestamp, steady_ms: i64) {
        let mut known = self.known();
        let known = known.entry(group.clone()).or_default();
        known.shown = Some(Shown { vendor, steady_ms });
        known.lacks_date = false;
    }

    /// The vendor's time at `steady_ms`, counted from the last response that had one; `None` before
    /// the first.
    pub(crate) fn counted_on(&self, group: &RateGroup, steady_ms: i64) -> Option<Timestamp> {
        let shown = self.known().get(group)?.shown?;
        let passed_ms = steady_ms.saturating_sub(shown.steady_ms).max(0);
        Some(shown.vendor.plus_ms(passed_ms))
    }

    /// Returns true once when a response for `group` lacks a `Date`, until one has it again.
    pub(crate) fn is_date_missed(&self, group: &RateGroup) -> bool {
        let mut known = self.known();
        let known = known.entry(group.clone()).or_default();
        !std::mem::replace(&mut known.lacks_date, true)
    }

    /// Returns true if `seen` differs enough from the stored clock to be written.
    pub(crate) fn is_new(&self, group: &RateGroup, seen: &ClockOffset) -> bool {
        let known = self.known();
        let stored = known.get(group).and_then(|known| known.stored.as_ref());
        seen.replaces(stored)
    }

    /// Returns true once when the clock of `group` `differs` from the machine's, until it agrees
    /// again.
    pub(crate) fn is_news(&self, group: &RateGroup, differs: bool) -> bool {
        let mut known = self.known();
        let known = known.entry(group.clone()).or_default();
        let was_logged = std::mem::replace(&mut known.is_logged, differs);
        differs && !was_logged
    }

    fn known(&self) -> MutexGuard<'_, HashMap<RateGroup, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendor_time_continues_by_monotonic_clock() {
        let (clocks, group) = (Clocks::default(), "a".parse().unwrap());
        let at = |ms: i64| Timestamp::from_ms(1_000_000 + ms);
        assert_eq!(clocks.counted_on(&group, 5), None);
        let stored = ClockOffset {
            offset_ms: Some(100),
            observed_at: at(0),
        };
        clocks.stored(&group, Some(stored), 10);
        assert_eq!(clocks.counted_on(&group, 15), Some(at(105)));
        clocks.shown(&group, at(7_000), 20);
        clocks.stored(&group, Some(stored), 25);
        assert_eq!(clocks.counted_on(&group, 30), Some(at(7_010)));
    }

    #[test]
    fn missing_date_is_logged_once() {
        let (clocks, group) = (Clocks::default(), "a".parse().unwrap());
        assert!(clocks.is_date_missed(&group));
        assert!(!clocks.is_date_missed(&group));
        clocks.shown(&group, Timestamp::from_ms(0), 0);
        assert!(clocks.is_date_missed(&group));
    }

    #[test]
    fn clock_difference_is_logged_once_until_agreement() {
        let clocks = Clocks::default();
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        let news = |group, differs| clocks.is_news(group, differs);
        assert!(!news(&a, false));
        assert!(news(&a, true));
        assert!(!news(&a, true));
        assert!(news(&b, true));
        assert!(!news(&a, false));
        assert!(news(&a, true));
    }
}
