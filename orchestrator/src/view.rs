//! Reading what a tick plans from, and what an operator looks at.

use windlass_core::ids::{Lane, Timeline};
use windlass_core::progress::Progress;
use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_core::window::{Status, Window};
use windlass_state::{StateError, StateStore};

/// One lane of a source as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneView {
    /// Its progress; version 0 when nothing has been stored yet.
    pub progress: Progress,
    /// Its windows from `open_from` on, ascending.
    pub open: Vec<Window>,
    /// The windows its progress lists behind.
    pub behind: Vec<Window>,
}

/// A source as read: its record and the lanes of its present generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceView {
    /// Definition and state.
    pub record: SourceRecord,
    /// Lanes, live first.
    pub lanes: Vec<LaneView>,
}

impl LaneView {
    /// Every window read, behind first.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        self.behind.iter().chain(&self.open)
    }

    /// Windows a worker has or is about to have.
    pub fn in_flight(&self) -> usize {
        let in_flight =
            |window: &&Window| matches!(window.status, Status::Running | Status::Dispatched);
        self.windows().filter(in_flight).count()
    }

    /// Everything before this is delivered.
    pub fn complete_through(&self) -> Timestamp {
        self.progress.complete_through(&self.open, &self.behind)
    }

    async fn read<S: StateStore>(store: &S, progress: Progress) -> Result<Self, StateError> {
        let open = store
            .open_windows(&progress.timeline, progress.open_from)
            .await?;
        let behind = store
            .windows_at(&progress.timeline, &progress.behind)
            .await?;
        Ok(Self {
            progress,
            open,
            behind,
        })
    }

    /// The same lane read again.
    pub(crate) async fn reread<S: StateStore>(&self, store: &S) -> Result<Self, StateError> {
        let timeline = &self.progress.timeline;
        let stored = store.progress(&timeline.source).await?;
        let current = stored
            .into_iter()
            .find(|progress| progress.timeline == *timeline);
        Self::read(store, current.unwrap_or_else(|| self.progress.clone())).await
    }
}

impl SourceView {
    /// Everything before this is delivered, over all lanes that make up the timeline: a backfill
    /// that reaches back to an earlier start counts first.
    pub fn complete_through(&self) -> Timestamp {
        let unfinished = self.lanes.iter().filter(|lane| {
            let end = lane.progress.end;
            matches!(lane.progress.timeline.lane, Lane::Backfill(_))
                && end.is_some_and(|end| lane.complete_through() < end)
        });
        let live = self
            .lanes
            .iter()
            .filter(|lane| lane.progress.timeline.lane == Lane::Live);
        unfinished
            .chain(live)
            .map(LaneView::complete_through)
            .min()
            .unwrap_or(self.record.definition.start)
    }
}

/// Reads `record`'s lanes. The live lane is always there; when the definition's start lies before
/// everything carved so far, a backfill lane for the time in between is, too.
///
/// Each lane's progress is read before its windows: a window may then be newer than the marks,
/// which the planner adopts, and never older.
pub async fn read_source<S: StateStore>(
    store: &S,
    record: SourceRecord,
    now: Timestamp,
) -> Result<SourceView, StateError> {
    let definition = &record.definition;
    let mut stored = store.progress(&definition.name).await?;
    stored.retain(|progress| progress.timeline.generation == definition.generation);
    let timeline = |lane| Timeline {
        source: definition.name.clone(),
        generation: definition.generation.clone(),
        lane,
    };
    let begin =
        |lane, start, end| Progress::begin(timeline(lane), start, end, &definition.policy, now);
    if !stored
        .iter()
        .any(|progress| progress.timeline.lane == Lane::Live)
    {
        stored.push(begin(Lane::Live, definition.start, None));
    }
    let covered_from = stored.iter().map(|progress| progress.start).min();
    let start = definition.start.floor_to(definition.policy.unit_ms);
    if let Some(covered_from) = covered_from.filter(|from| start < *from) {
        let name = format!("start-{}", start.as_ms().unsigned_abs());
        stored.push(begin(Lane::Backfill(name), start, Some(covered_from)));
    }
    stored.sort_by(|a, b| a.timeline.cmp(&b.timeline));
    let mut lanes = Vec::with_capacity(stored.len());
    for progress in stored {
        lanes.push(LaneView::read(store, progress).await?);
    }
    Ok(SourceView { record, lanes })
}
