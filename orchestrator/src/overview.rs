//! All sources of a state in few requests: what the listings of its shards show, and which sources
//! must be read by themselves.

use std::collections::BTreeMap;

use futures_util::future::join;
use futures_util::{StreamExt, stream};
use windlass_core::ids::SourceName;
use windlass_core::progress::Progress;
use windlass_core::shard::Shard;
use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_state::{StateError, StateStore};

use crate::view::{LaneView, SourceView, lanes_of};

/// Shards listed at the same time.
const READS_AT_ONCE: usize = 16;

/// A source as the listings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// By its marks, every window is done: no window is read to know all about it.
    Resting(SourceView),
    /// Some windows may be open, or its marks cannot be read.
    Open(SourceRecord),
}

impl Listed {
    /// The source's record.
    pub const fn record(&self) -> &SourceRecord {
        match self {
            Self::Resting(view) => &view.record,
            Self::Open(record) => record,
        }
    }
}

/// Every source of every shard, by name: two queries for a shard and no other, whatever the number of
/// its sources. The listings may lag behind a write by a moment.
///
/// # Errors
/// When the sources of a shard cannot be listed.
pub async fn overview<S: StateStore>(store: &S, now: Timestamp) -> Result<Vec<Listed>, StateError> {
    let shards = store.shards().await?;
    let lists = shards.into_iter().map(|shard| list(store, shard, now));
    let mut lists = stream::iter(lists).buffered(READS_AT_ONCE);
    let mut found = Vec::new();
    while let Some(listed) = lists.next().await {
        found.extend(listed?);
    }
    found.sort_by_cached_key(|listed: &Listed| listed.record().definition.name.clone());
    Ok(found)
}

async fn list<S: StateStore>(
    store: &S,
    shard: Shard,
    now: Timestamp,
) -> Result<Vec<Listed>, StateError> {
    let (records, marks) = join(store.sources(shard), store.progress(shard)).await;
    // One item that cannot be read fails the listing: each source is then asked for by itself.
    let is_listed = marks.is_ok();
    let mut of_source: BTreeMap<SourceName, Vec<Progress>> = BTreeMap::new();
    for progress in marks.unwrap_or_default() {
        let source = progress.timeline.source.clone();
        of_source.entry(source).or_default().push(progress);
    }
    let listed = records?.into_iter().map(|record| {
        let marks = of_source
            .remove(&record.definition.name)
            .unwrap_or_default();
        let resting = is_listed.then(|| resting(&record, marks, now)).flatten();
        resting.map_or(Listed::Open(record), Listed::Resting)
    });
    Ok(listed.collect())
}

/// The source with the lanes that its `marks` show, if no window of them is open. A lane without marks
/// has no windows: the tick stores where a lane begins before it creates the first.
fn resting(record: &SourceRecord, marks: Vec<Progress>, now: Timestamp) -> Option<SourceView> {
    let lanes = lanes_of(&record.definition, marks, now);
    let rests = |progress: &Progress| {
        progress.behind.is_empty() && progress.open_from == progress.scheduled_through
    };
    lanes.iter().all(rests).then(|| SourceView {
        record: record.clone(),
        lanes: lanes.into_iter().map(LaneView::unread).collect(),
    })
}

#[cfg(test)]
mod tests {
    use windlass_state::StateStore;

    use super::*;
    use crate::testing::*;
    use crate::{look, read_source};

    async fn listed(store: &impl StateStore, now: Timestamp) -> Listed {
        let mut listed = overview(store, now).await.unwrap();
        assert_eq!(listed.len(), 1);
        listed.remove(0)
    }

    #[tokio::test]
    async fn source_with_an_open_window_is_to_be_read_and_one_at_rest_is_known() {
        let source = windlass_core::source::SourceDefinition {
            end: Some(at(10)),
            ..definition("okta")
        };
        let (store, sent) = (store_of([&source]).await, Sent::default());
        let new = listed(&store, NOW).await;
        assert!(matches!(&new, Listed::Resting(view) if view.complete_through() == at(0)));
        tick(&store, &sent, NOW).await;
        let open = listed(&store, NOW).await;
        assert!(matches!(open, Listed::Open(_)), "{open:?}");
        finish(&store, &window(&store, &live(&source), 0).await, NOW).await;
        // Until a tick moves the marks, the window counts as open.
        assert!(matches!(listed(&store, NOW).await, Listed::Open(_)));
        tick(&store, &sent, NOW).await;
        let Listed::Resting(view) = listed(&store, NOW).await else {
            panic!("every window is done")
        };
        let read = read_source(&store, view.record.clone(), NOW).await.unwrap();
        assert_eq!(view.complete_through(), read.complete_through());
        assert_eq!(view.complete_through(), at(10));
        let report = look(&store, NOW).await.unwrap();
        assert_eq!(report.sources[0].complete_through, at(10));
    }
}
