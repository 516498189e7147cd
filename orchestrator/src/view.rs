//! The reads for a tick's plans and for `status`.

use windlass_core::checkpoint::earliest;
use windlass_core::ids::{Lane, Timeline};
use windlass_core::progress::Progress;
use windlass_core::shard::Shard;
use windlass_core::source::{Policy, SourceDefinition, SourceRecord};
use windlass_core::summary::Summary;
use windlass_core::time::{HOUR_MS, Timestamp};
use windlass_core::window::{Status, Window};
use windlass_state::{StateError, StateStore};

/// One lane of a source as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneView {
    /// Its progress; version 0 when nothing has been stored yet.
    pub progress: Progress,
    /// Its windows from `open_from` on, ascending.
    pub open: Vec<Window>,
    /// The windows in the `behind` of its progress.
    pub behind: Vec<Window>,
    /// True if the windows were read; otherwise both lists are empty, and only the marks are known.
    pub is_read: bool,
}

/// Records per hour in `window`.
fn density(window: &Window) -> u64 {
    let width_ms = window.span().width_ms().max(1).unsigned_abs();
    let scaled = u128::from(window.records()) * u128::from(HOUR_MS.unsigned_abs());
    u64::try_from(scaled / u128::from(width_ms)).unwrap_or(u64::MAX)
}

/// A source as read: its record and the lanes of its present generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceView {
    /// Its stored record: definition and state.
    pub record: SourceRecord,
    /// Lanes, live first.
    pub lanes: Vec<LaneView>,
}

impl LaneView {
    /// Every window that was read, `behind` first.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        self.behind.iter().chain(&self.open)
    }

    /// Number of windows in flight.
    pub fn in_flight(&self) -> usize {
        let in_flight =
            |window: &&Window| matches!(window.status(), Status::Running | Status::Dispatched);
        self.windows().filter(in_flight).count()
    }

    /// Watermark of the lane: everything before it is delivered.
    pub fn complete_through(&self) -> Timestamp {
        if self.is_read {
            self.progress.complete_through(&self.open, &self.behind)
        } else {
            self.progress.watermark()
        }
    }

    /// Counts of its unfinished windows: as read, or else as of the last plan. `None` while neither
    /// is known.
    pub fn summary(&self) -> Option<Summary> {
        let stored = self.progress.summary;
        if self.is_read {
            return Some(Summary::of(self.windows(), stored.as_ref()));
        }
        if self.progress.is_at_rest() {
            return Some(Summary::default());
        }
        stored
    }

    /// Returns true if its state is exact: its windows were read, or by its marks none is open.
    pub fn is_exact(&self) -> bool {
        self.is_read || self.progress.is_at_rest()
    }

    /// The instant from which a worker has something to do: [`Self::complete_through`], but past
    /// parked windows, which wait for an operator.
    pub(crate) fn workable_from(&self) -> Timestamp {
        let waits = |window: &&Window| !matches!(window.status(), Status::Done | Status::Parked);
        let first = self
            .windows()
            .filter(waits)
            .map(|window| window.id().from)
            .min();
        let first = first.unwrap_or(self.progress.scheduled_through);
        first.max(self.complete_through())
    }

    /// Expected records per hour: as learned by its marks, or more if a finished window that the
    /// marks have not passed was denser, such as the delivered part of a window split in a burst.
    pub(crate) fn records_per_hour(&self) -> Option<u64> {
        let learnt = self.progress.records_per_hour?;
        let finished = self.windows().filter(|window| !window.is_unfinished());
        let densest = finished.map(density).max();
        Some(densest.unwrap_or(0).max(learnt))
    }

    pub(crate) async fn read<S: StateStore>(
        store: &S,
        progress: Progress,
    ) -> Result<Self, StateError> {
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
        Ok(Self {
            progress,
            open,
            behind,
            is_read: true,
        })
    }

    /// A lane of which only the marks are known.
    pub(crate) fn unread(progress: Progress) -> Self {
        Self {
            progress,
            open: Vec::new(),
            behind: Vec::new(),
            is_read: false,
        }
    }

    /// The same lane, of a source on `shard`, read again.
    pub(crate) async fn reread<S: StateStore>(
        &self,
        store: &S,
        shard: Shard,
    ) -> Result<Self, StateError> {
        let timeline = &self.progress.timeline;
        let stored = store.progress_of(shard, &timeline.source).await?;
        let current = stored
            .into_iter()
            .find(|progress| progress.timeline == *timeline);
        Self::read(store, current.unwrap_or_else(|| self.progress.clone())).await
    }
}

impl SourceView {
    /// Every window that was read, lane by lane.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        self.lanes.iter().flat_map(LaneView::windows)
    }

    /// Returns true if every lane is exact: see [`LaneView::is_exact`].
    pub fn is_exact(&self) -> bool {
        self.lanes.iter().all(LaneView::is_exact)
    }

    /// Counts of the unfinished windows in its `wanted` lanes; `None` while those of one are
    /// unknown.
    pub fn summary_of(&self, wanted: impl Fn(&Lane) -> bool) -> Option<Summary> {
        let lanes = self.lanes.iter();
        lanes
            .filter(|lane| wanted(&lane.progress.timeline.lane))
            .map(LaneView::summary)
            .try_fold(Summary::default(), |sum, lane| Some(sum.with(lane?)))
    }

    /// Lag of the watermark in milliseconds: one definition for `status`, metrics and alarms. A
    /// source with an end trails that end.
    pub fn lag_ms(&self, now: Timestamp) -> i64 {
        let due = self.record.definition.end.map_or(now, |end| end.min(now));
        due.ms_since(self.complete_through()).max(0)
    }

    /// Number of windows in flight.
    pub fn in_flight(&self) -> usize {
        self.lanes.iter().map(LaneView::in_flight).sum()
    }

    /// The end of the backoff after the last failed run, if no page came to any of its windows
    /// since the failure.
    pub(crate) fn failing_until(&self) -> Option<Timestamp> {
        let fails = |it: &&Window| it.status() == Status::Ready && it.setbacks() > 0;
        let failed_at = self.windows().filter(fails).map(Window::updated_at).max()?;
        let has_page = |it: &Window| it.page() > 0 && it.setbacks() == 0;
        let recovered = self
            .windows()
            .any(|it| has_page(it) && failed_at < it.updated_at());
        if recovered {
            return None;
        }
        let waits = self.windows().filter(fails).filter_map(Window::not_before);
        Some(waits.max().unwrap_or(failed_at))
    }

    fn live(&self) -> Option<&LaneView> {
        let is_live = |lane: &&LaneView| lane.progress.timeline.lane == Lane::Live;
        self.lanes.iter().find(is_live)
    }

    /// Watermark of the live lane.
    pub(crate) fn live_through(&self) -> Timestamp {
        self.live()
            .map_or(self.record.definition.start, LaneView::complete_through)
    }

    /// The instant up to which `lane` may follow: the live lane has delivered everything before it.
    /// A sweep also waits for the sweep before it, because both would find the same late-arriving
    /// records.
    pub(crate) fn through_for(&self, lane: &Lane) -> Timestamp {
        let live = self.live_through();
        let Lane::Sweep(number) = lane else {
            return live;
        };
        let before = number.checked_sub(1).map(Lane::Sweep);
        let before = before.and_then(|before| {
            let is_before = |lane: &&LaneView| lane.progress.timeline.lane == before;
            self.lanes.iter().find(is_before)
        });
        before.map_or(live, |before| live.min(before.progress.open_from))
    }

    /// Records per hour, as learned by the live lane.
    pub(crate) fn live_records_per_hour(&self) -> Option<u64> {
        self.live()?.progress.records_per_hour
    }

    /// End of one of its lanes; `None` for a lane without end.
    pub(crate) fn end_of(&self, progress: &Progress) -> Option<Timestamp> {
        earliest(self.record.definition.end, progress.end)
    }

    /// Watermark over all lanes that make up the timeline. A backfill that reaches back to an
    /// earlier start counts first. Sweeps do not count: they read delivered time again.
    pub fn complete_through(&self) -> Timestamp {
        let unfinished = self.lanes.iter().filter(|lane| {
            let end = lane.progress.end;
            matches!(lane.progress.timeline.lane, Lane::Backfill(_))
                && end.is_some_and(|end| lane.complete_through() < end)
        });
        unfinished
            .chain(self.live())
            .map(LaneView::complete_through)
            .min()
            .unwrap_or(self.record.definition.start)
    }
}

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
        lanes.push(LaneView::read(store, progress).await?);
    }
    Ok(SourceView { record, lanes })
}

/// The marks of the lanes that `definition` has, live first, given those that are `stored`; the
/// other lanes begin. A sweep lane that the policy no longer has keeps its marks and rests.
pub(crate) fn lanes_of(
    definition: &SourceDefinition,
    mut stored: Vec<Progress>,
    now: Timestamp,
) -> Vec<Progress> {
    let sweeps = sweeps(&definition.policy);
    stored.retain(|progress| {
        let Timeline {
            generation, lane, ..
        } = &progress.timeline;
        let is_wanted = !matches!(lane, Lane::Sweep(_)) || sweeps.contains(lane);
        *generation == definition.generation && is_wanted
    });
    let begin = |lane, start, end| {
        let timeline = Timeline {
            source: definition.name.clone(),
            generation: definition.generation.clone(),
            lane,
        };
        Progress::begin(timeline, start, end, &definition.policy, now)
    };
    if !stored
        .iter()
        .any(|progress| progress.timeline.lane == Lane::Live)
    {
        stored.push(begin(Lane::Live, definition.start, None));
    }
    let live_start = stored
        .iter()
        .find(|progress| progress.timeline.lane == Lane::Live)
        .map_or(definition.start, |live| live.start);
    for lane in sweeps {
        if stored.iter().all(|progress| progress.timeline.lane != lane) {
            stored.push(begin(lane, live_start, None));
        }
    }
    let start = definition.start.floor_to(definition.policy.unit_ms);
    if let Some(covered_from) = covered_from(&stored).filter(|from| start < *from) {
        stored.push(begin(
            Lane::Backfill(lane_name(start)),
            start,
            Some(covered_from),
        ));
    }
    stored.sort_by(|a, b| a.timeline.cmp(&b.timeline));
    stored
}

/// The sweep lanes under `policy`, one for each age, numbered from 1.
fn sweeps(policy: &Policy) -> Vec<Lane> {
    (1u8..)
        .zip(&policy.sweeps_ms)
        .map(|(number, _)| Lane::Sweep(number))
        .collect()
}

/// The instant from which the lanes cover the timeline without a gap: the start of the live lane,
/// or of the backfill that ends at it, and so on. A backfill of some older month does not count.
fn covered_from(lanes: &[Progress]) -> Option<Timestamp> {
    let live = lanes.iter().find(|lane| lane.timeline.lane == Lane::Live)?;
    let mut from = live.start;
    let reaches_up_to = |lane: &Progress, from| {
        matches!(lane.timeline.lane, Lane::Backfill(_)) && lane.end.is_some_and(|end| end >= from)
    };
    while let Some(earlier) = lanes
        .iter()
        .filter(|lane| lane.start < from && reaches_up_to(lane, from))
        .map(|lane| lane.start)
        .min()
    {
        from = earlier;
    }
    Some(from)
}

/// The name of the lane that reaches back to `start`. It is stable, so that the lane of a tick that
/// stopped before it stored its progress is continued.
fn lane_name(start: Timestamp) -> String {
    let text = start.compact().to_ascii_lowercase();
    format!("start-{}", text.replace('.', "-"))
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
