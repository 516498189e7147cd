//! The open windows of one lane in numbers, for readers that do not read the windows. The planner
//! stores a summary with the marks, and no decision depends on one.

use crate::checkpoint::earliest;
use crate::limits;
use crate::time::Timestamp;
use crate::window::{Status, Window};

/// The unfinished windows of one lane as a plan left them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Windows that are ready, dispatched or running.
    pub open: u32,
    /// Parked windows.
    pub parked: u32,
    /// The earliest instant at which one of the parked windows parked.
    pub parked_since: Option<Timestamp>,
    /// The first failure since the lane last had no failing window: see [`Window::is_failing`].
    pub failing_since: Option<Timestamp>,
}

impl Summary {
    /// The summary of `windows`, of which finished ones do not count. `before` is the previous summary
    /// of the same lane: a lane that was failing and still is keeps its first instant.
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

    /// Whether it is worth a write of its own, when `stored` was written at `written_at`: at once when
    /// a trouble begins or ends, and for the sake of the counts only when they are old.
    pub(crate) fn is_news(
        &self,
        stored: Option<&Self>,
        written_at: Timestamp,
        now: Timestamp,
    ) -> bool {
        // Nothing stored reads as unknown. Of a lane without open windows, that is never asked for.
        let stored = stored.copied().unwrap_or_default();
        let trouble = |it: &Self| (it.parked_since, it.failing_since);
        let counts = |it: &Self| (it.open, it.parked);
        // Either way: an instant in the future was written by a clock that was wrong.
        let is_old = now.ms_since(written_at).saturating_abs() >= limits::SUMMARY_AGE_MS;
        trouble(self) != trouble(&stored) || (is_old && counts(self) != counts(&stored))
    }
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
