//! A source as read from the state: its record, and its lanes with their windows. Plans, slots and
//! people's views start from it.

use crate::checkpoint::earliest;
use crate::ids::Lane;
use crate::progress::Progress;
use crate::source::SourceRecord;
use crate::summary::Summary;
use crate::time::{HOUR_MS, Timestamp};
use crate::window::{Status, Window};

/// One lane of a source as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneView {
    /// Its progress; version 0 when nothing has been stored yet.
    pub progress: Progress,
    windows: Windows,
}

/// The windows of a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Windows {
    /// Not read: the marks show what is known.
    Unread,
    /// As read.
    Read {
        /// From `open_from` on, ascending.
        open: Vec<Window>,
        /// Those that the progress lists behind.
        behind: Vec<Window>,
    },
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
    /// A lane with its windows from `open_from` on, ascending, and those that `progress` lists behind.
    pub const fn read(progress: Progress, open: Vec<Window>, behind: Vec<Window>) -> Self {
        let windows = Windows::Read { open, behind };
        Self { progress, windows }
    }

    /// A lane of which only the marks are known.
    pub const fn unread(progress: Progress) -> Self {
        let windows = Windows::Unread;
        Self { progress, windows }
    }

    /// Its windows from `open_from` on, ascending; none if they were not read.
    pub fn open(&self) -> &[Window] {
        match &self.windows {
            Windows::Unread => &[],
            Windows::Read { open, .. } => open,
        }
    }

    /// The windows that its progress lists behind; none if they were not read.
    pub fn behind(&self) -> &[Window] {
        match &self.windows {
            Windows::Unread => &[],
            Windows::Read { behind, .. } => behind,
        }
    }

    /// Every window that was read, `behind` first.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        self.behind().iter().chain(self.open())
    }

    /// Number of windows in flight.
    pub fn in_flight(&self) -> usize {
        self.windows().filter(|it| it.is_in_flight()).count()
    }

    /// Watermark of the lane: everything before it is delivered.
    pub fn complete_through(&self) -> Timestamp {
        match &self.windows {
            Windows::Read { open, behind } => self.progress.complete_through(open, behind),
            Windows::Unread => self.progress.watermark(),
        }
    }

    /// Counts of its unfinished windows: as read, or else as of the last plan. `None` while neither
    /// is known.
    pub fn summary(&self) -> Option<Summary> {
        let stored = self.progress.summary;
        if self.is_read() {
            return Some(Summary::of(self.windows(), stored.as_ref()));
        }
        if self.progress.is_at_rest() {
            return Some(Summary::default());
        }
        stored
    }

    /// Returns true if its state is exact: its windows were read, or by its marks none is open.
    pub fn is_exact(&self) -> bool {
        self.is_read() || self.progress.is_at_rest()
    }

    const fn is_read(&self) -> bool {
        matches!(self.windows, Windows::Read { .. })
    }

    /// The suspect that may be dispatched at `now`, if there is one.
    pub fn ready_suspect(&self, now: Timestamp) -> Option<&Window> {
        self.windows()
            .find(|it| it.is_suspect() && it.is_dispatchable(now))
    }

    /// The instant from which a worker has something to do: [`Self::complete_through`], but past
    /// parked windows, which wait for an operator.
    pub fn workable_from(&self) -> Timestamp {
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
    pub fn records_per_hour(&self) -> Option<u64> {
        let learnt = self.progress.records_per_hour?;
        let finished = self.windows().filter(|window| !window.is_unfinished());
        let densest = finished.map(density).max();
        Some(densest.unwrap_or(0).max(learnt))
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
    pub fn failing_until(&self) -> Option<Timestamp> {
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

    /// The window that a free worker takes up next without a dispatch: live before sweep before backfill,
    /// oldest first. `None` while as many windows of the source are in flight as may be. A suspect is
    /// taken only if the process `admits_suspects`.
    pub fn next_window(&self, now: Timestamp, admits_suspects: bool) -> Option<&Window> {
        let policy = &self.record.definition.policy;
        let slots = policy.max_in_flight.min(policy.group_in_flight);
        let has_slot = u32::try_from(self.in_flight()).is_ok_and(|in_flight| in_flight < slots);
        let may_go =
            |it: &&Window| it.is_dispatchable(now) && (admits_suspects || !it.is_suspect());
        self.windows().filter(|_| has_slot).find(may_go)
    }

    fn live(&self) -> Option<&LaneView> {
        let is_live = |lane: &&LaneView| lane.progress.timeline.lane == Lane::Live;
        self.lanes.iter().find(is_live)
    }

    /// Watermark of the live lane.
    pub fn live_through(&self) -> Timestamp {
        self.live()
            .map_or(self.record.definition.start, LaneView::complete_through)
    }

    /// The instant up to which `lane` may follow: the live lane has delivered everything before it.
    /// A sweep also waits for the sweep before it, because both would find the same late-arriving
    /// records.
    pub fn through_for(&self, lane: &Lane) -> Timestamp {
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
    pub fn live_records_per_hour(&self) -> Option<u64> {
        self.live()?.progress.records_per_hour
    }

    /// End of one of its lanes; `None` for a lane without end.
    pub fn end_of(&self, progress: &Progress) -> Option<Timestamp> {
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
