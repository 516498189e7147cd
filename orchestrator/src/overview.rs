//! All sources of a state in few requests: the listings of its shards, and the sources with open
//! windows, which are not in the listings.

use std::collections::BTreeMap;

use futures_util::future::join;
use futures_util::{StreamExt, stream};
use windlass_core::ids::SourceName;
use windlass_core::lanes::lanes_of;
use windlass_core::progress::Progress;
use windlass_core::shard::Shard;
use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_core::view::{LaneView, SourceView};
use windlass_state::{StateError, StateStore};

/// Shards listed at the same time.
const READS_AT_ONCE: usize = 16;

/// The sources of a state as its listings show them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// Sorted by name.
    pub sources: Vec<Listed>,
    /// Requests that the listings took, if each fits one page of the store.
    pub requests: usize,
}

/// A source as the listings show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listed {
    /// By its marks, every window is done: its state is complete without reading a window.
    Resting(SourceView),
    /// Some windows may be open. They are not read; its marks hold their summary.
    Open(SourceView),
    /// Its marks cannot be listed.
    Unlisted(SourceRecord),
}

impl Listed {
    /// The source's record.
    pub const fn record(&self) -> &SourceRecord {
        match self {
            Self::Resting(view) | Self::Open(view) => &view.record,
            Self::Unlisted(record) => record,
        }
    }
}

/// Every source of every shard, in two queries per shard whatever the number of its sources. The
/// listings may lag briefly behind a write.
///
/// # Errors
/// If the sources of a shard cannot be listed.
pub async fn overview<S: StateStore>(store: &S, now: Timestamp) -> Result<Overview, StateError> {
    let shards = store.shards().await?;
    let requests = 1 + 2 * shards.len();
    let lists = shards.into_iter().map(|shard| list(store, shard, now));
    let mut lists = stream::iter(lists).buffered(READS_AT_ONCE);
    let mut sources = Vec::new();
    while let Some(listed) = lists.next().await {
        sources.extend(listed?);
    }
    sources.sort_by_cached_key(|listed: &Listed| listed.record().definition.name.clone());
    Ok(Overview { sources, requests })
}

async fn list<S: StateStore>(
    store: &S,
    shard: Shard,
    now: Timestamp,
) -> Result<Vec<Listed>, StateError> {
    let (records, marks) = join(store.sources(shard), store.progress(shard)).await;
    let Ok(marks) = marks else {
        // One unreadable item fails the listing: each source is then read separately.
        return Ok(records?.into_iter().map(Listed::Unlisted).collect());
    };
    let mut of_source: BTreeMap<SourceName, Vec<Progress>> = BTreeMap::new();
    for progress in marks {
        let source = progress.timeline.source.clone();
        of_source.entry(source).or_default().push(progress);
    }
    let listed = records?.into_iter().map(|record| {
        let marks = of_source.remove(&record.definition.name);
        by_marks(record, marks.unwrap_or_default(), now)
    });
    Ok(listed.collect())
}

/// The source with the lanes that its `marks` show. A lane without marks has no windows: the tick
/// stores its start before it creates the first.
fn by_marks(record: SourceRecord, marks: Vec<Progress>, now: Timestamp) -> Listed {
    let lanes = lanes_of(&record.definition, marks, now);
    let rests = lanes.iter().all(Progress::is_at_rest);
    let lanes = lanes.into_iter().map(LaneView::unread).collect();
    let view = SourceView { record, lanes };
    if rests {
        Listed::Resting(view)
    } else {
        Listed::Open(view)
    }
}

#[cfg(test)]
mod tests {
    use windlass_state::StateStore;

    use super::*;
    use crate::testing::*;
    use crate::{look, read_source};

    async fn listed(store: &impl StateStore, now: Timestamp) -> Listed {
        let Overview { mut sources, .. } = overview(store, now).await.unwrap();
        assert_eq!(sources.len(), 1);
        sources.remove(0)
    }

    #[tokio::test]
    async fn only_sources_with_open_windows_need_reading() {
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
