//! The deadline of a run, and the margin that it leaves for releasing the window.

use crate::limits;
use crate::time::Timestamp;
use crate::window::Window;

/// The deadline of a run, with the margin before it and the slack of leases after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    at: Option<Timestamp>,
    margin_ms: i64,
    lease_slack_ms: i64,
}

impl Deadline {
    /// No deadline: the run ends with its windows or at a request to stop. For a process that has
    /// all the workers, and whose leases last as long as the process.
    pub const NONE: Self = Self {
        at: None,
        margin_ms: 0,
        lease_slack_ms: 0,
    };

    /// The process is killed at `deadline`; [`limits::DEADLINE_MARGIN_MS`] is reserved for the
    /// release.
    pub const fn killed_at(deadline: Timestamp) -> Self {
        Self {
            at: Some(deadline),
            margin_ms: limits::DEADLINE_MARGIN_MS,
            lease_slack_ms: limits::CLOCK_SKEW_MS,
        }
    }

    /// The same with leases that end `slack_ms` after the deadline, where clocks are known to agree
    /// better than [`limits::CLOCK_SKEW_MS`]: the window of a killed worker is recovered sooner.
    #[must_use]
    pub const fn with_lease_slack_ms(self, slack_ms: i64) -> Self {
        Self {
            lease_slack_ms: slack_ms,
            ..self
        }
    }

    /// End of a claim's lease: the deadline plus the allowance for clock skew, so that no heartbeat
    /// is needed. Without a deadline, the lease lasts as long as the process.
    pub fn lease_until(self) -> Timestamp {
        self.at.map_or(Timestamp::MAX, |deadline| {
            deadline.plus_ms(self.lease_slack_ms)
        })
    }

    /// Milliseconds left for work on a window whose slowest page took `slowest_page_ms`. The margin
    /// is at least twice that.
    pub fn left_ms(self, now: Timestamp, slowest_page_ms: i64) -> i64 {
        let Some(deadline) = self.at else {
            return i64::MAX;
        };
        let margin_ms = self.margin_ms.max(slowest_page_ms.saturating_mul(2));
        deadline.minus_ms(margin_ms).ms_since(now).max(0)
    }

    /// Milliseconds after which a page in flight is abandoned, leaving at most
    /// [`limits::RELEASE_MS`] for the release. `None` without a deadline or after it.
    pub fn give_up_ms(self, now: Timestamp) -> Option<i64> {
        let left_ms = self.at?.ms_since(now);
        (left_ms > 0).then(|| left_ms - limits::RELEASE_MS.min(left_ms / 4))
    }

    /// Returns true if the process is killed at a deadline. Otherwise the process has all the
    /// workers.
    pub const fn is_set(self) -> bool {
        self.at.is_some()
    }

    /// Returns true if another page fits.
    pub fn has_time(self, now: Timestamp, slowest_page_ms: i64) -> bool {
        self.left_ms(now, slowest_page_ms) > slowest_page_ms
    }

    /// Returns true if a run that began at `began` has time for `window` at `now`. A window whose pages
    /// are too slow for any run like this still gets its first page, as that of a task does: otherwise
    /// every run would skip it, and in a source with one slot no other window would run.
    pub fn has_time_for(self, window: &Window, began: Timestamp, now: Timestamp) -> bool {
        let slowest_page_ms = window.slowest_page_ms();
        let fits_a_run = self.has_time(began, slowest_page_ms);
        self.has_time(now, if fits_a_run { slowest_page_ms } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margin_is_10_seconds_or_twice_slowest_page() {
        let deadline = Deadline::killed_at(Timestamp::from_ms(100_000));
        let now = Timestamp::from_ms(0);
        assert_eq!(deadline.left_ms(now, 1_000), 90_000);
        assert_eq!(deadline.left_ms(now, 20_000), 60_000);
        assert_eq!(deadline.left_ms(Timestamp::from_ms(95_000), 0), 0);
    }

    #[test]
    fn page_exceeding_deadline_is_not_begun() {
        let deadline = Deadline::killed_at(Timestamp::from_ms(100_000));
        assert!(deadline.has_time(Timestamp::from_ms(69_999), 10_000));
        assert!(!deadline.has_time(Timestamp::from_ms(70_000), 10_000));
    }

    #[test]
    fn pending_page_is_abandoned_in_time_to_release() {
        let deadline = Deadline::killed_at(Timestamp::from_ms(100_000));
        let give_up_ms = |now| deadline.give_up_ms(Timestamp::from_ms(now));
        assert_eq!(give_up_ms(0), Some(100_000 - limits::RELEASE_MS));
        assert_eq!(give_up_ms(99_000), Some(750));
        assert_eq!(give_up_ms(100_000), None);
        assert_eq!(Deadline::NONE.give_up_ms(Timestamp::MAX), None);
    }

    #[test]
    fn lease_outlasts_deadline_by_skew_allowance() {
        let deadline = Deadline::killed_at(Timestamp::from_ms(0));
        assert_eq!(deadline.lease_until().as_ms(), limits::CLOCK_SKEW_MS);
        assert_eq!(
            deadline.with_lease_slack_ms(1_000).lease_until().as_ms(),
            1_000
        );
        assert_eq!(Deadline::NONE.lease_until(), Timestamp::MAX);
        assert!(Deadline::NONE.has_time(Timestamp::MAX, i64::MAX - 1));
    }

    #[test]
    fn window_too_slow_for_any_run_gets_its_first_page() {
        let at = Timestamp::from_ms;
        let window = |slowest_page_ms| {
            let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
                .parse()
                .unwrap();
            let window = Window::new(id, Timestamp::MAX, at(0)).unwrap();
            window.with(|form| form.slowest_page_ms = slowest_page_ms)
        };
        let deadline = Deadline::killed_at(at(100_000));
        let (slow, too_slow) = (window(10_000), window(40_000));
        assert!(deadline.has_time_for(&slow, at(0), at(69_999)));
        assert!(!deadline.has_time_for(&slow, at(0), at(70_000)));
        assert!(deadline.has_time_for(&too_slow, at(0), at(70_000)));
        assert!(!deadline.has_time_for(&too_slow, at(0), at(90_000)));
    }
}
