//! The cooldowns of rate groups that this process has read, with the time of each read.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_core::ids::RateGroup;
use windlass_core::limits;
use windlass_core::time::Timestamp;
use windlass_core::wait::Cooldown;

/// The cooldowns as last read. All runs of the process share them, so that one read serves all.
#[derive(Debug, Default)]
pub(crate) struct Cooldowns(Mutex<HashMap<RateGroup, Look>>);

#[derive(Debug)]
struct Look {
    at: Timestamp,
    cooldown: Option<Cooldown>,
}

impl Cooldowns {
    /// Stores the cooldown of `group` as read or written at `now`.
    pub(crate) fn seen(&self, group: &RateGroup, cooldown: Option<Cooldown>, now: Timestamp) {
        let look = Look { at: now, cooldown };
        self.looks().insert(group.clone(), look);
    }

    /// Returns true if `group` must be read again at `now`.
    pub(crate) fn is_stale(&self, group: &RateGroup, now: Timestamp) -> bool {
        // A read later than `now` was made before the clock was set back.
        let fresh = 0..=limits::COOLDOWN_READ_MS;
        let looks = self.looks();
        looks
            .get(group)
            .is_none_or(|look| !fresh.contains(&now.ms_since(look.at)))
    }

    /// The cooldown of `group`, if it lasted beyond the last read and still lasts at `now`.
    pub(crate) fn closed(&self, group: &RateGroup, now: Timestamp) -> Option<Cooldown> {
        let looks = self.looks();
        let cooldown = looks.get(group)?.cooldown.as_ref()?;
        cooldown
            .closed_until(now)
            .is_some()
            .then(|| cooldown.clone())
    }

    fn looks(&self) -> MutexGuard<'_, HashMap<RateGroup, Look>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cooldown_read_goes_stale() {
        let cooldowns = Cooldowns::default();
        let group = "a".parse().unwrap();
        let at = |ms| Timestamp::from_ms(100_000 + ms);
        assert!(cooldowns.is_stale(&group, at(0)));
        cooldowns.seen(&group, None, at(0));
        assert!(!cooldowns.is_stale(&group, at(limits::COOLDOWN_READ_MS)));
        assert!(cooldowns.is_stale(&group, at(limits::COOLDOWN_READ_MS + 1)));
        assert!(cooldowns.is_stale(&group, at(-1)));
        assert!(cooldowns.is_stale(&"b".parse().unwrap(), at(0)));
    }

    #[test]
    fn cooldown_is_shared_until_it_ends() {
        let cooldowns = Cooldowns::default();
        let group: RateGroup = "a".parse().unwrap();
        let at = Timestamp::from_ms;
        let cooldown = Cooldown {
            group: group.clone(),
            not_before: at(50),
            reason: "scripted".to_owned(),
        };
        cooldowns.seen(&group, Some(cooldown.clone()), at(0));
        assert_eq!(cooldowns.closed(&group, at(49)), Some(cooldown));
        assert_eq!(cooldowns.closed(&group, at(50)), None);
        assert_eq!(cooldowns.closed(&"b".parse().unwrap(), at(0)), None);
    }
}
