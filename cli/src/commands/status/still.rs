//! Reading one source while others write it.

use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_orchestrator::{SourceView, read_source};

use crate::state::Store;

/// Times a source is read again because a tick moved its marks between two reads.
const READS_MAX: usize = 5;

/// Reads a source with marks and windows that belong together: its windows were read while its
/// marks stood still, so that no window lacks a name that only newer marks have for it.
pub(super) async fn read_still(
    store: &Store,
    record: SourceRecord,
    now: Timestamp,
) -> anyhow::Result<SourceView> {
    let marks = |view: &SourceView| -> Vec<_> {
        view.lanes
            .iter()
            .map(|lane| lane.progress.clone())
            .collect()
    };
    let mut view = read_source(store, record.clone(), now).await?;
    for _ in 0..READS_MAX {
        let again = read_source(store, record.clone(), now).await?;
        if marks(&again) == marks(&view) {
            break;
        }
        view = again;
    }
    Ok(view)
}
