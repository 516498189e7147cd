//! The reads of a tick before it plans: the sources of its shards with their marks, and the windows
//! of the lanes with open or due time.

use std::collections::BTreeMap;

use futures_util::future::join;
use futures_util::{StreamExt, stream};
use windlass_core::ids::{RateGroup, SourceName};
use windlass_core::lanes::lanes_of;
use windlass_core::progress::Progress;
use windlass_core::shard::Shard;
use windlass_core::source::SourceRecord;
use windlass_core::view::{LaneView, SourceView};
use windlass_state::{StateError, StateStore};

use crate::dispatch::Dispatch;
use crate::report::{SourceReport, TickReport};
use crate::tick::Tick;
use crate::view::read_lane;
use crate::visit::report_failure;

/// Shards or sources read at the same time.
const READS_AT_ONCE: usize = 16;

/// A source as listed, with its stored marks if they could be listed.
type Found = (SourceRecord, Option<Vec<Progress>>);

impl<S: StateStore, D: Dispatch> Tick<'_, S, D> {
    /// Every source of the shards of this tick, by rate group.
    pub(crate) async fn read_all(
        &self,
        report: &mut TickReport,
    ) -> Result<BTreeMap<RateGroup, Vec<SourceView>>, StateError> {
        let mut shards = self.store.shards().await?;
        shards.retain(|shard| self.options.shards.contains(*shard));
        let mut found = Vec::new();
        let mut lists = stream::iter(shards.into_iter().map(|shard| self.read_shard(shard)))
            .buffered(READS_AT_ONCE);
        while let Some((shard, listed)) = lists.next().await {
            match listed {
                Ok(sources) => found.extend(sources),
                Err(error) => {
                    tracing::error!(%shard, %error, "shard not planned");
                    report.unread.push((shard, error));
                }
            }
        }
        let mut groups: BTreeMap<RateGroup, Vec<SourceView>> = BTreeMap::new();
        let read = |(record, marks)| self.read(record, marks);
        let mut reads = stream::iter(found.into_iter().map(read)).buffer_unordered(READS_AT_ONCE);
        while let Some(read) = reads.next().await {
            match read {
                Ok(view) => {
                    let group = view.record.definition.policy.rate_group.clone();
                    groups.entry(group).or_default().push(view);
                }
                Err(failed) => report.sources.push(failed),
            }
        }
        Ok(groups)
    }

    /// The sources of `shard`, each with its stored marks if they could be listed.
    async fn read_shard(&self, shard: Shard) -> (Shard, Result<Vec<Found>, StateError>) {
        let (records, marks) = join(self.store.sources(shard), self.store.progress(shard)).await;
        let records = match records {
            Ok(records) => records,
            Err(error) => return (shard, Err(error)),
        };
        let mut of_source: BTreeMap<SourceName, Vec<Progress>> = BTreeMap::new();
        let listed = marks.is_ok();
        for progress in marks.unwrap_or_default() {
            let source = progress.timeline.source.clone();
            of_source.entry(source).or_default().push(progress);
        }
        let with_marks = |record: SourceRecord| {
            let marks = of_source.remove(&record.definition.name);
            (record, listed.then(|| marks.unwrap_or_default()))
        };
        (shard, Ok(records.into_iter().map(with_marks).collect()))
    }

    /// The source `name` of `shard`, with the windows of the lanes with open or due time.
    pub(crate) async fn read_named(
        &self,
        shard: Shard,
        name: &SourceName,
    ) -> Result<Option<SourceView>, StateError> {
        match self.store.source(shard, name).await? {
            Some(record) => self.try_read(record, None).await.map(Some),
            None => Ok(None),
        }
    }

    async fn read(
        &self,
        record: SourceRecord,
        marks: Option<Vec<Progress>>,
    ) -> Result<SourceView, SourceReport> {
        let mut report = SourceReport::of(&record.definition.name, record.definition.start);
        self.try_read(record, marks).await.map_err(|error| {
            report_failure(&mut report, &error);
            report
        })
    }

    async fn try_read(
        &self,
        record: SourceRecord,
        marks: Option<Vec<Progress>>,
    ) -> Result<SourceView, StateError> {
        // One unreadable item fails the listing of its shard. Read one by one, it fails its own
        // source only.
        let marks = if let Some(marks) = marks {
            marks
        } else {
            let name = &record.definition.name;
            self.store.progress_of(record.shard(), name).await?
        };
        let marks = lanes_of(&record.definition, marks, self.now);
        let lanes = Vec::with_capacity(marks.len());
        let mut view = SourceView { record, lanes };
        // Live first: the other lanes depend on it.
        for progress in marks {
            let lane = if self.planner().rests(
                &view.record,
                &progress,
                view.through_for(&progress.timeline.lane),
            ) {
                LaneView::unread(progress)
            } else {
                read_lane(self.store, progress).await?
            };
            view.lanes.push(lane);
        }
        Ok(view)
    }
}
