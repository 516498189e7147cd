//! Counts of the open windows of one lane, for readers that do not read the windows. The planner
//! stores a summary with the marks, and no decision depends on it.

use crate::checkpoint::earliest;
use crate::limits;
use crate::time::Timestamp;
use crate::window::{Status, Window};

/// The counts of one lane's unfinished windows after a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Windows that are ready, dispatched or running.
    pub open: u32,
    /// Parked windows.
    pub parked: u32,
    /// The earliest instant at which one of the parked windows parked; `None` without parked
    /// windows.
    pub parked_since: Option<Timestamp>,
    /// The first failure since the lane last had no failing window; `None` without one. See
    /// [`Window::is_failing`].
    pub failing_since: Option<Timestamp>,
}

impl Summary {
    /// The summary of `windows`; finished ones do not count. `before` is the previous summary of
    /// the same lane: a lane that keeps failing keeps its first instant.
    pub fn of<'a>(windows: impl IntoIterator<Item = &'a Window>, before: Option<&Self>) -> Self {
        let mut summary = Self::default();
        for window in windows {
            let moved_at = Some(window.updated_at());
            match window.status() {
                Status::Done => {}
                Status::Parked => {
                    summary.parked = summary.parked.saturating_add(1);
                    summary.parked_since = earliest(summary.parked_since, moved_at);
                }
                Status::Ready | Status::Dispatched | Status::Running => {
                    summary.open = summary.open.saturating_add(1);
                }
            }
            if window.is_failing() {
                summary.failing_since = earliest(summary.failing_since, moved_at);
            }
        }
        let before = before.and_then(|before| before.failing_since);
        summary.failing_since = summary.failing_since.map(|since| before.unwrap_or(since));
        summary
    }

    /// The summary of two lanes together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            open: self.open.saturating_add(other.open),
            parked: self.parked.saturating_add(other.parked),
            parked_since: earliest(self.parked_since, other.parked_since),
            failing_since: earliest(self.failing_since, other.failing_since),
        }
    }

    /// Returns whether the summary justifies a write of its own, when `stored` was written at
    /// `written_at`: at once when a trouble begins or ends, and for changed counts only when they
    /// are old.
    pub(crate) fn is_news(
        &self,
        stored: Option<&Self>,
        written_at: Timestamp,
        now: Timestamp,
    ) -> bool {
        // A missing summary reads as unknown. For a lane without open windows, no reader needs one.
        let stored = stored.copied().unwrap_or_default();
        let trouble = |it: &Self| (it.parked_since, it.failing_since);
        let counts = |it: &Self| (it.open, it.parked);
        // In both directions: an instant in the future was written by a wrong clock.
        let is_old = now.ms_since(written_at).saturating_abs() >= limits::SUMMARY_AGE_MS;
        trouble(self) != trouble(&stored) || (is_old && counts(self) != counts(&stored))
    }
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
