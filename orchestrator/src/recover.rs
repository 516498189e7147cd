//! Starting again on one machine after a stop.

use windlass_core::scavenge;
use windlass_core::time::Timestamp;
use windlass_state::{MoveError, StateError, StateStore};

use crate::view::read_source;

/// Takes back every window that an earlier process on this machine left running or dispatched.
/// Returns how many.
///
/// The caller holds the operating-system lock of the state: nobody else can be working on them.
pub async fn recover<S: StateStore>(store: &S, now: Timestamp) -> Result<usize, StateError> {
    let mut recovered = 0;
    for record in store.sources().await? {
        let view = read_source(store, record, now).await?;
        for window in view.lanes.iter().flat_map(|lane| lane.windows()) {
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
