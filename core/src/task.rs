//! The task: what the orchestrator hands to a worker. Ids, epochs and pace only; what is needed to
//! act comes from the claim's reply.

use serde::{Deserialize, Serialize};

use crate::ids::{SourceName, WindowId};
use crate::limits;
use crate::shard::Shard;
use crate::time::HOUR_MS;
use crate::trust::ClockOffset;
use crate::window::Window;

/// Version of the payload. A worker refuses one it does not know.
pub const TASK_VERSION: u32 = 2;

/// Windows of one source for one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// [`TASK_VERSION`] of the sender.
    pub version: u32,
    /// Whose windows.
    pub source: SourceName,
    /// Where that source is found.
    pub shard: Shard,
    /// Which, in order; at most [`crate::limits::WINDOWS_PER_TASK_MAX`].
    pub windows: Vec<TaskWindow>,
    /// The pace to keep, if one is declared: this worker's own part, or that of the whole group.
    pub requests_per_minute: Option<u32>,
    /// Whether the pace is the whole group's, whose workers reserve turns (see [`crate::turns`]).
    pub shares_turns: bool,
    /// Whether more windows of its rate group are ready than there are workers for: this one goes on
    /// with whatever of the group is ready, while it has time.
    pub crowded: bool,
    /// The clocks of other vendors, where this one's is more than a day from ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<ClockOffset>,
}

/// A window as dispatched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskWindow {
    /// Which.
    pub id: WindowId,
    /// Its epoch when it was dispatched: a claim with another is refused.
    pub epoch: u64,
}

/// Whether `window` should be over after about a page, so that it may share an invocation with
/// others: nothing of it has been read, nothing has gone wrong with it, and its timeline, which has
/// shown `records_per_hour`, is quiet. One that may take the worker down shares with nobody.
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
    use crate::time::Timestamp;

    fn hour() -> Window {
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z"
            .parse()
            .unwrap();
        let to = "2026-01-01T01:00:00Z".parse().unwrap();
        Window::new(id, to, Timestamp::from_ms(0)).unwrap()
    }

    #[test]
    fn a_window_of_about_one_page_is_quiet() {
        assert!(is_quiet(&hour(), Some(0)));
        assert!(is_quiet(&hour(), Some(limits::QUIET_RECORDS_MAX)));
        assert!(!is_quiet(&hour(), Some(limits::QUIET_RECORDS_MAX + 1)));
        assert!(!is_quiet(&hour(), Some(u64::MAX)));
    }

    #[test]
    fn a_window_of_an_unknown_timeline_or_with_a_past_is_not_quiet() {
        assert!(!is_quiet(&hour(), None));
        let begun = hour().with(|form| form.page = 1);
        let tried = hour().with(|form| form.runs = 1);
        assert!(!is_quiet(&begun, Some(0)) && !is_quiet(&tried, Some(0)));
    }
}
