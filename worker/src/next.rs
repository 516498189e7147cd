//! Finding the next ready window of a source, while there is time left.

use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_core::window::{Status, Window};
use windlass_state::{StateError, StateStore};

/// The window of `source` that should run next: live before sweep before backfill, oldest first.
/// `None` when nothing is ready, the source may not run, or its rate group is closed.
pub(crate) async fn next_ready<S: StateStore>(
    store: &S,
    source: &SourceRecord,
    now: Timestamp,
) -> Result<Option<Window>, StateError> {
    if !source.is_active() {
        return Ok(None);
    }
    let gate = store
        .rate_gate(&source.definition.policy.rate_group)
        .await?;
    if gate.is_some_and(|gate| gate.not_before > now) {
        return Ok(None);
    }
    let mut lanes = store.progress(&source.definition.name).await?;
    lanes.retain(|progress| progress.timeline.generation == source.definition.generation);
    lanes.sort_by(|a, b| a.timeline.lane.cmp(&b.timeline.lane));
    for progress in &lanes {
        let behind = store
            .windows_at(&progress.timeline, &progress.behind)
            .await?;
        let open = store
            .open_windows(&progress.timeline, progress.open_from)
            .await?;
        let ready = behind.into_iter().chain(open).find(|window| {
            window.status == Status::Ready && window.is_due(now) && !window.is_exhausted()
        });
        if ready.is_some() {
            return Ok(ready);
        }
    }
    Ok(None)
}
