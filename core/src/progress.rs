//! The marks of a timeline: its created and finished time, and its unfinished windows behind them.

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
    /// The timeline of these marks.
    pub timeline: Timeline,
    /// First instant of the timeline.
    pub start: Timestamp,
    /// First instant after the timeline, for a bounded lane (a backfill); `None` for any other.
    pub end: Option<Timestamp>,
    /// The end of the chain of created windows.
    pub scheduled_through: Timestamp,
    /// The start of the open range: every window before it is done, or listed in `behind`.
    pub open_from: Timestamp,
    /// Starts of the unfinished windows before `open_from`, ascending, parked ones included.
    pub behind: Vec<Timestamp>,
    /// Spans before the vendor's retention: known to be unobtainable.
    pub unavailable: Vec<Span>,
    /// Width of the last adaptive window, in milliseconds.
    pub width_ms: i64,
    /// Records per hour, as observed in finished windows; `None` before the first one.
    pub records_per_hour: Option<u64>,
    /// Late-arriving records that a sweep lane delivered; older counts decay.
    pub late: u64,
    /// Records that a sweep lane found already delivered; older counts decay.
    pub known: u64,
    /// Counts of the lane's unfinished windows as of the last write; `None` while no planner has
    /// counted them.
    pub summary: Option<Summary>,
    /// Rises with every write, and is compared by the next one. 0 before the first.
    pub version: u64,
    /// The instant of the last write.
    pub updated_at: Timestamp,
}

impl Progress {
    /// The progress of a timeline without windows. `start` is rounded down to the vendor's unit.
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

    /// The instant before which every record is delivered, or known to be unavailable.
    ///
    /// `open` are the windows from `open_from` on, ascending; `behind` the windows that
    /// `self.behind` lists. Absence never means done: the result stops at a gap, and at an instant
    /// in `self.behind` without its window.
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

    /// The watermark by the marks alone: never later than [`Self::complete_through`], and equal to
    /// it just after a plan.
    pub fn watermark(&self) -> Timestamp {
        self.behind.first().copied().unwrap_or(self.open_from)
    }

    /// Returns whether every window of the lane is done, by the marks alone.
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

    /// [`Self::skip_unavailable`], but never past an unfinished window of `open`: a worker claimed
    /// it before it could lapse, and the marks must keep it.
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

    /// Moves `open_from` past every finished window, and returns those. Unfinished windows that
    /// stop it move to `behind`: parked ones at once, others only when the open range is full of
    /// finished windows.
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

    /// Adds the counts of a sweep window: `late` records that it delivered and `known` ones that it
    /// skipped. Older counts decay.
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
