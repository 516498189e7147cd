//! Reading one source while others write it.

use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_state::{StateError, StateStore};

use crate::view::{LaneView, SourceView, lanes_of};

/// Times a source is read again because a tick moved its marks between two reads.
const READS_MAX: usize = 5;

/// Reads a source with marks and windows that belong together: its windows were read while its
/// marks stood still, so that no window lacks a name that only newer marks have for it.
///
/// # Errors
/// When the store fails, or an item of the source cannot be read.
pub async fn read_still<S: StateStore>(
    store: &S,
    record: SourceRecord,
    now: Timestamp,
) -> Result<SourceView, StateError> {
    let (shard, name) = (record.shard(), &record.definition.name);
    let marks = async || {
        let stored = store.progress_of(shard, name).await?;
        Ok::<_, StateError>(lanes_of(&record.definition, stored, now))
    };
    let mut before = marks().await?;
    let mut reads = 1;
    loop {
        let mut lanes = Vec::with_capacity(before.len());
        for progress in &before {
            lanes.push(LaneView::read(store, progress.clone()).await?);
        }
        let after = marks().await?;
        if after == before || reads > READS_MAX {
            return Ok(SourceView { record, lanes });
        }
        (before, reads) = (after, reads + 1);
    }
}

/// Requests that [`read_still`] takes for the lanes of `view`, while their marks stand still: the marks
/// before and after, and for each lane its open windows and those that it lists behind.
pub fn requests_of(view: &SourceView) -> usize {
    let of_lane = |lane: &LaneView| 1 + usize::from(!lane.progress.behind.is_empty());
    2 + view.lanes.iter().map(of_lane).sum::<usize>()
}
