//! One suspect in flight at a time, where all windows run in one process.

use std::sync::{Mutex, PoisonError};

use windlass_core::ids::WindowId;
use windlass_state::{StateError, StateStore};

/// The place of the one suspect that a process has in flight. It frees itself: a suspect that has
/// had a page, or is no longer in flight, does not hold it.
#[derive(Debug, Default)]
pub struct SuspectPlace(Mutex<Option<WindowId>>);

impl SuspectPlace {
    /// Takes the place for `candidate`, unless another suspect is in flight.
    pub(crate) async fn take<S: StateStore>(
        &self,
        store: &S,
        candidate: &WindowId,
    ) -> Result<bool, StateError> {
        let taken_by = self.holder(|holder| holder.clone());
        if let Some(id) = taken_by.as_ref().filter(|id| *id != candidate) {
            let holds = store.window(id).await?;
            if holds.is_some_and(|it| it.is_suspect() && it.is_in_flight()) {
                return Ok(false);
            }
        }
        // Another lane may have taken it meanwhile.
        Ok(self.holder(|holder| {
            let is_free = *holder == taken_by;
            if is_free {
                *holder = Some(candidate.clone());
            }
            is_free
        }))
    }

    fn holder<T>(&self, work: impl FnOnce(&mut Option<WindowId>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
#[path = "suspects_tests.rs"]
mod tests;
