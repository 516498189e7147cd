//! One suspect at a time: where all windows run in one process, of those that it may have died of.

use std::sync::{Mutex, PoisonError};

use windlass_core::ids::WindowId;
use windlass_core::window::{Status, Window};
use windlass_state::{StateError, StateStore};

/// The place of the one suspect that a process has in flight. Nothing has to give it back: a suspect
/// that has had a page, or is in flight no more, leaves it by that.
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
            if holds.is_some_and(|window| is_in_flight(&window)) {
                return Ok(false);
            }
        }
        // Another lane may have been faster meanwhile.
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

fn is_in_flight(window: &Window) -> bool {
    window.is_suspect() && matches!(window.status(), Status::Dispatched | Status::Running)
}

#[cfg(test)]
#[path = "suspects_tests.rs"]
mod tests;
