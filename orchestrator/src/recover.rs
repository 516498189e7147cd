//! Recovery on one machine after a stop.

use windlass_core::scavenge;
use windlass_core::time::Timestamp;
use windlass_state::{MoveError, StateError, StateStore};

use crate::view::read_source;

/// Takes back every window that an earlier process on this machine left running or dispatched.
/// Returns their number. Skips a source whose items cannot be read: each tick reports it, and the
/// others need not wait for its repair.
///
/// The caller holds the operating-system lock of the state: no other process works on them.
///
/// # Errors
/// If the store fails. The windows taken back before stay so, and the call may be repeated.
pub async fn recover<S: StateStore>(store: &S, now: Timestamp) -> Result<usize, StateError> {
    let mut recovered = 0;
    for record in store.all_sources().await? {
        let name = record.definition.name.clone();
        let view = match read_source(store, record, now).await {
            Ok(view) => view,
            Err(error @ StateError::Corrupt { .. }) => {
                tracing::error!(source = %name, %error, "source not recovered");
                continue;
            }
            Err(error) => return Err(error),
        };
        for window in view.windows() {
            let Some(event) = scavenge::recover(window, now) else {
                continue;
            };
            match store.decide(window, &event).await {
                Ok(_) => recovered += 1,
                Err(MoveError::Store(error)) => return Err(error),
                Err(MoveError::Refused { .. } | MoveError::NotFound(_)) => {}
            }
        }
    }
    Ok(recovered)
}

#[cfg(test)]
#[path = "recover_tests.rs"]
mod tests;
