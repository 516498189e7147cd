//! What this process knows of its vendors' clocks, so that the state hears of what is new and a person
//! of a difference once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_core::ids::RateGroup;
use windlass_core::trust::ClockOffset;

/// The clocks of the vendors, by rate group.
#[derive(Debug, Default)]
pub(crate) struct Clocks(Mutex<HashMap<RateGroup, Known>>);

#[derive(Debug, Default)]
struct Known {
    stored: Option<ClockOffset>,
    is_told: bool,
}

impl Clocks {
    /// The state has this of the clock of `group`.
    pub(crate) fn stored(&self, group: &RateGroup, clock: Option<ClockOffset>) {
        self.known().entry(group.clone()).or_default().stored = clock;
    }

    /// Whether what a response has shown is to be stored.
    pub(crate) fn is_new(&self, group: &RateGroup, seen: &ClockOffset) -> bool {
        let known = self.known();
        let stored = known.get(group).and_then(|known| known.stored.as_ref());
        seen.replaces(stored)
    }

    /// Whether the log has to be told that the clock of `group` `differs` from ours: once, until it
    /// does not.
    pub(crate) fn is_news(&self, group: &RateGroup, differs: bool) -> bool {
        let mut known = self.known();
        let known = known.entry(group.clone()).or_default();
        let was_told = std::mem::replace(&mut known.is_told, differs);
        differs && !was_told
    }

    fn known(&self) -> MutexGuard<'_, HashMap<RateGroup, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_news_once_until_the_clocks_agree_again() {
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
