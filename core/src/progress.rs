//! How far a timeline has been carved and finished: the marks, and what lies unfinished behind them.

use crate::breaks::{Break, broken};
use crate::ids::Timeline;
use crate::limits;
use crate::source::Policy;
use crate::span::Span;
use crate::summary::Summary;
use crate::time::Timestamp;
use crate::window::{Status, Window};

/// The progress item of one timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Whose.
    pub timeline: Timeline,
    /// First instant of the timeline.
    pub start: Timestamp,
    /// First instant after it, for a lane that is bounded by itself (backfills).
    pub end: Option<Timestamp>,
    /// The last instant carved into windows.
    pub scheduled_through: Timestamp,
    /// Every window before it is done, or listed in `behind`.
    pub open_from: Timestamp,
    /// Starts of the unfinished windows before `open_from`, ascending, parked ones included.
    pub behind: Vec<Timestamp>,
    /// Spans that lie before what the vendor still keeps: known to be unobtainable.
    pub unavailable: Vec<Span>,
    /// Width of the last adaptive window, in milliseconds.
    pub width_ms: i64,
    /// Records an hour, as observed in finished windows.
    pub records_per_hour: Option<u64>,
    /// Records that a sweep lane found late, and delivered; older ones fade.
    pub late: u64,
    /// Records that it found delivered already; older ones fade.
    pub known: u64,
    /// The lane's unfinished windows in numbers, as of the last write; `None` while no planner has
    /// counted them.
    pub summary: Option<Summary>,
    /// Rises with every write; what the compare-and-set compares. 0 before the first.
    pub version: u64,
    /// When it was last written.
    pub updated_at: Timestamp,
}

impl Progress {
    /// The progress of a timeline of which nothing has been carved. `start` is rounded down to the
    /// vendor's unit.
    pub fn begin(
        timeline: Timeline,
        start: Timestamp,
        end: Option<Timestamp>,
        policy: &Policy,
        now: Timestamp,
    ) -> Self {
        let start = start.floor_to(policy.unit_ms);
        Self {
            timeline,
            start,
            end: end.map(|end| end.ceil_to(policy.unit_ms)),
            scheduled_through: start,
            open_from: start,
            behind: Vec::new(),
            unavailable: Vec::new(),
            width_ms: policy.initial_ms,
            records_per_hour: None,
            late: 0,
            known: 0,
            summary: Some(Summary::default()),
            version: 0,
            updated_at: now,
        }
    }

    /// Everything before the returned instant is delivered (or known to be unavailable).
    ///
    /// `open` are the windows from `open_from` on, ascending; `behind` the windows that
    /// `self.behind` names. Absence never means done: a gap stops it, and so does a name in
    /// `self.behind` whose window was not given.
    pub fn complete_through(&self, open: &[Window], behind: &[Window]) -> Timestamp {
        let first_behind = self
            .behind
            .iter()
            .copied()
            .filter(|from| {
                behind
                    .iter()
                    .find(|window| window.id().from == *from)
                    .is_none_or(Window::is_unfinished)
            })
            .min();
        let mut through = self.skip_unavailable(self.open_from);
        for window in open {
            if window.id().from > through || through >= self.scheduled_through {
                break;
            }
            if window.is_unfinished() {
                through = through.min(window.id().from);
                break;
            }
            through = self.skip_unavailable(through.max(window.to()));
        }
        let through = through.min(self.scheduled_through);
        first_behind.map_or(through, |from| through.min(from))
    }

    /// The watermark by the marks alone: never later than [`Self::complete_through`], and the same
    /// when they were just planned.
    pub fn watermark(&self) -> Timestamp {
        self.behind.first().copied().unwrap_or(self.open_from)
    }

    /// Whether every window of the lane is done, by the marks alone.
    pub fn is_at_rest(&self) -> bool {
        self.behind.is_empty() && self.open_from == self.scheduled_through
    }

    /// The end of the unavailable span that contains `at`, or `at` itself.
    pub fn skip_unavailable(&self, at: Timestamp) -> Timestamp {
        self.unavailable
            .iter()
            .find(|span| span.contains(at))
            .map_or(at, |span| span.to())
    }

    /// [`Self::skip_unavailable`], but never past one of `open` that is unfinished: a worker took it
    /// before it could lapse, and it must stay in sight.
    fn skip(&self, at: Timestamp, open: &[Window]) -> Timestamp {
        let through = self.skip_unavailable(at);
        let skipped = open
            .iter()
            .filter(|window| (at..through).contains(&window.id().from));
        let unfinished = skipped.filter(|window| window.is_unfinished());
        unfinished
            .map(|window| window.id().from)
            .min()
            .unwrap_or(through)
    }

    /// Moves `open_from` past every finished window and puts unfinished ones that hold it up into
    /// `behind`: parked ones at once, others only when the open range is full of finished windows.
    /// Returns the finished windows it passed.
    pub(crate) fn advance<'a>(
        &mut self,
        open: &'a [Window],
        behind: &[Window],
        open_windows_max: usize,
    ) -> Vec<&'a Window> {
        self.behind.retain(|from| {
            behind
                .iter()
                .find(|window| window.id().from == *from)
                .is_none_or(Window::is_unfinished)
        });
        let mut passed = Vec::new();
        self.open_from = self.skip(self.open_from, open).min(self.scheduled_through);
        for (index, window) in open.iter().enumerate() {
            if window.id().from != self.open_from || self.open_from >= self.scheduled_through {
                break;
            }
            if window.is_unfinished() {
                let ahead = &open[index..];
                let finished = ahead
                    .iter()
                    .filter(|window| !window.is_unfinished())
                    .count();
                let clogged = ahead.len() >= open_windows_max && finished * 2 >= ahead.len();
                let may_step_over = window.status() == Status::Parked || clogged;
                if !may_step_over || self.behind.len() >= limits::BEHIND_MAX {
                    break;
                }
                self.behind.push(window.id().from);
            } else {
                passed.push(window);
            }
            self.open_from = self.skip(window.to(), open).min(self.scheduled_through);
        }
        self.behind.sort_unstable();
        self.behind.dedup();
        passed
    }

    /// Counts what a sweep found: `late` records that it delivered and `known` ones that it did not
    /// have to. What was counted long ago weighs less and less.
    pub(crate) fn count(&mut self, late: u64, known: u64) {
        let total = self.late.saturating_add(self.known);
        if total > limits::LATENESS_RECORDS {
            self.late /= 2;
            self.known /= 2;
        }
        self.late = self.late.saturating_add(late);
        self.known = self.known.saturating_add(known);
    }

    /// The spans between `open_from` and `scheduled_through` that no window covers, ascending.
    pub(crate) fn gaps(&self, open: &[Window]) -> Vec<Span> {
        let mut gaps = Vec::new();
        if broken(Break::AbsenceIsDone) {
            return gaps;
        }
        let mut at = self.skip_unavailable(self.open_from);
        for window in open {
            let upto = window.id().from.min(self.scheduled_through);
            gaps.extend(Span::new(at, upto));
            at = self.skip_unavailable(at.max(window.to()));
        }
        gaps.extend(Span::new(at, self.scheduled_through));
        gaps
    }
}

#[cfg(test)]
#[path = "progress_tests.rs"]
mod tests;
