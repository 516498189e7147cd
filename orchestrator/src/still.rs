//! A consistent read of one source while others write it.

use windlass_core::lanes::lanes_of;
use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_core::view::{LaneView, SourceView};
use windlass_state::{StateError, StateStore};

use crate::view::read_lane;

/// Maximum number of reads of a source while a tick keeps moving its marks.
const READS_MAX: usize = 5;

/// Reads the consistent marks and windows of a source: the marks stood still during the read of its
/// windows, so that no window is missing that only newer marks list.
///
/// # Errors
/// If the store fails, or an item of the source cannot be read.
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
            lanes.push(read_lane(store, progress.clone()).await?);
        }
        let after = marks().await?;
        if after == before || reads > READS_MAX {
            return Ok(SourceView { record, lanes });
        }
        (before, reads) = (after, reads + 1);
    }
}

/// Requests of [`read_still`] for the lanes of `view`, while their marks stand still: the marks
/// before and after, and for each lane its open windows and those in its `behind`.
pub fn requests_of(view: &SourceView) -> usize {
    let of_lane = |lane: &LaneView| 1 + usize::from(!lane.progress.behind.is_empty());
    2 + view.lanes.iter().map(of_lane).sum::<usize>()
}
