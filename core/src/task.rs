//! The task: the payload from the orchestrator to a worker. It holds ids, epochs and the request
//! rate; everything else comes from the claim's response.

use serde::{Deserialize, Serialize};

use crate::ids::{SourceName, WindowId};
use crate::shard::Shard;
use crate::source::Policy;
use crate::time::HOUR_MS;
use crate::trust::ClockOffset;
use crate::window::Window;
use crate::{limits, pacing, reservation};

/// Version of the payload. A worker rejects an unknown one.
pub const TASK_VERSION: u32 = 2;

/// Windows of one source for one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// [`TASK_VERSION`] of the sender.
    pub version: u32,
    /// The source of the windows.
    pub source: SourceName,
    /// The shard of that source, which is part of its key.
    pub shard: Shard,
    /// The windows, in order; at most [`crate::limits::WINDOWS_PER_TASK_MAX`].
    pub windows: Vec<TaskWindow>,
    /// The request rate, if one is declared: this worker's own share, or that of the whole group.
    pub requests_per_minute: Option<u32>,
    /// True if the request rate is the whole group's, whose workers reserve requests (see
    /// [`crate::reservation`]).
    pub reserves_requests: bool,
    /// True if the rate group has more ready windows than workers. The worker then continues with
    /// other ready windows of the group while it has time.
    pub crowded: bool,
    /// The clocks of other vendors, sent if this vendor's clock differs from the machine clock by
    /// more than a day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<ClockOffset>,
}

/// A window as dispatched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskWindow {
    /// The id of the window.
    pub id: WindowId,
    /// The epoch at the dispatch: a claim with another one loses.
    pub epoch: u64,
}

impl Task {
    /// The request rate to keep under `policy`, the present one: the rate of the whole group may have been
    /// lowered since the task was sent.
    pub fn rate_under(&self, policy: &Policy) -> Option<u32> {
        let told = self.requests_per_minute?;
        let declared = policy
            .requests_per_minute
            .filter(|_| self.reserves_requests);
        Some(declared.map_or(told, |declared| declared.min(told)))
    }

    /// Milliseconds between two requests, if the rate is too slow to sleep through: the rate group's gate
    /// then keeps it.
    pub fn slow_interval_ms(&self) -> Option<i64> {
        let slow = |rate: &u32| pacing::is_slow(*rate) && !self.reserves_requests;
        let rate = self.requests_per_minute.filter(slow)?;
        Some(reservation::interval_ms(rate))
    }
}

/// Returns whether `window` is expected to fit about one page, so that it may share an invocation.
/// It has no pages, runs or restarts, and its timeline, with `records_per_hour`, is quiet. A
/// suspect never shares an invocation.
pub fn is_quiet(window: &Window, records_per_hour: Option<u64>) -> bool {
    let untouched = window.page() == 0 && window.runs() == 0 && window.restarts() == 0;
    let width_ms = window.to().ms_since(window.id().from).max(0).unsigned_abs();
    let expected = |per_hour: u64| {
        u128::from(per_hour) * u128::from(width_ms) / u128::from(HOUR_MS.unsigned_abs())
    };
    untouched
        && records_per_hour
            .is_some_and(|per_hour| expected(per_hour) <= u128::from(limits::QUIET_RECORDS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::policy;
    use crate::time::Timestamp;

    fn task(requests_per_minute: Option<u32>, reserves_requests: bool) -> Task {
        Task {
            version: TASK_VERSION,
            source: "okta".parse().unwrap(),
            shard: policy().rate_group.shard(),
            windows: Vec::new(),
            requests_per_minute,
            reserves_requests,
            crowded: false,
            witnesses: Vec::new(),
        }
    }

    #[test]
    fn rate_lowered_since_dispatch_holds_for_a_shared_rate() {
        let mut lowered = policy();
        lowered.requests_per_minute = Some(30);
        assert_eq!(task(Some(60), true).rate_under(&lowered), Some(30));
        assert_eq!(task(Some(20), true).rate_under(&lowered), Some(20));
        assert_eq!(task(Some(60), false).rate_under(&lowered), Some(60));
        assert_eq!(task(Some(60), true).rate_under(&policy()), Some(60));
        assert_eq!(task(None, true).rate_under(&lowered), None);
    }

    #[test]
    fn only_a_slow_rate_without_reservations_is_kept_by_the_gate() {
        assert_eq!(
            task(Some(1), false).slow_interval_ms(),
            Some(reservation::interval_ms(1))
        );
        assert_eq!(task(Some(1), true).slow_interval_ms(), None);
        assert_eq!(task(Some(60), false).slow_interval_ms(), None);
        assert_eq!(task(None, false).slow_interval_ms(), None);
    }

    fn hour() -> Window {
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
            .parse()
            .unwrap();
        let to = "2026-01-01T01:00:00Z".parse().unwrap();
        Window::new(id, to, Timestamp::from_ms(0)).unwrap()
    }

    #[test]
    fn one_page_window_is_quiet() {
        assert!(is_quiet(&hour(), Some(0)));
        assert!(is_quiet(&hour(), Some(limits::QUIET_RECORDS_MAX)));
        assert!(!is_quiet(&hour(), Some(limits::QUIET_RECORDS_MAX + 1)));
        assert!(!is_quiet(&hour(), Some(u64::MAX)));
    }

    #[test]
    fn begun_or_unmeasured_window_is_not_quiet() {
        assert!(!is_quiet(&hour(), None));
        let begun = hour().with(|form| form.page = 1);
        let tried = hour().with(|form| form.runs = 1);
        assert!(!is_quiet(&begun, Some(0)) && !is_quiet(&tried, Some(0)));
    }
}
