//! The number of windows of each rate group that this process works on.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_core::ids::RateGroup;

/// The slots in use, by rate group.
#[derive(Debug, Default)]
pub(crate) struct Slots(Mutex<HashMap<RateGroup, u32>>);

/// One slot, in use until dropped.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    slots: &'a Slots,
    group: RateGroup,
}

impl Slots {
    /// Takes a slot of `group`, whatever their number: the dispatch has counted it.
    pub(crate) fn take(&self, group: &RateGroup) -> Slot<'_> {
        *self.counts().entry(group.clone()).or_default() += 1;
        Slot {
            slots: self,
            group: group.clone(),
        }
    }

    /// Number of slots of `group` in use.
    pub(crate) fn taken(&self, group: &RateGroup) -> u32 {
        self.counts().get(group).copied().unwrap_or_default()
    }

    /// Returns true if no slot of any group is in use: the process has no window in flight.
    pub(crate) fn are_free(&self) -> bool {
        self.counts().is_empty()
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<RateGroup, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut counts = self.slots.counts();
        if let Some(count) = counts.get_mut(&self.group) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slot_is_taken_until_dropped() {
        let slots = Slots::default();
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        let (first, second) = (slots.take(&a), slots.take(&a));
        assert_eq!((slots.taken(&a), slots.taken(&b)), (2, 0));
        assert!(!slots.are_free());
        drop(first);
        assert_eq!(slots.taken(&a), 1);
        drop(second);
        assert!(slots.counts().is_empty(), "nothing is kept for idle groups");
    }
}
