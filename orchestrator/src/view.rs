//! Reading the lanes of a source.

use windlass_core::lanes::lanes_of;
use windlass_core::progress::Progress;
use windlass_core::shard::Shard;
use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_core::view::{LaneView, SourceView};
use windlass_state::{StateError, StateStore};

/// Reads `record`'s lanes: the live lane, a lane for each sweep of its policy, and a backfill lane
/// if the definition's start lies before all created windows.
///
/// Each lane's progress is read before its windows: a window may then be newer than the marks,
/// which the planner adopts, and never older.
///
/// # Errors
/// If the store fails, or an item of the source cannot be read.
pub async fn read_source<S: StateStore>(
    store: &S,
    record: SourceRecord,
    now: Timestamp,
) -> Result<SourceView, StateError> {
    let stored = store
        .progress_of(record.shard(), &record.definition.name)
        .await?;
    let mut lanes = Vec::new();
    for progress in lanes_of(&record.definition, stored, now) {
        lanes.push(read_lane(store, progress).await?);
    }
    Ok(SourceView { record, lanes })
}

/// Reads the windows of the lane of `progress`.
pub(crate) async fn read_lane<S: StateStore>(
    store: &S,
    progress: Progress,
) -> Result<LaneView, StateError> {
    let open = store
        .open_windows(&progress.timeline, progress.open_from)
        .await?;
    let behind = if progress.behind.is_empty() {
        Vec::new()
    } else {
        store
            .windows_at(&progress.timeline, &progress.behind)
            .await?
    };
    Ok(LaneView::read(progress, open, behind))
}

/// Reads the marks and the windows of `lane`, of a source on `shard`, again.
pub(crate) async fn reread<S: StateStore>(
    store: &S,
    shard: Shard,
    lane: &LaneView,
) -> Result<LaneView, StateError> {
    let timeline = &lane.progress.timeline;
    let stored = store.progress_of(shard, &timeline.source).await?;
    let current = stored
        .into_iter()
        .find(|progress| progress.timeline == *timeline);
    read_lane(store, current.unwrap_or_else(|| lane.progress.clone())).await
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
