//! How the run of a window, and of a task, ended.

use windlass_core::ids::WindowId;
use windlass_core::time::Timestamp;
use windlass_state::StateError;

/// How one window's run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done: every record is acknowledged and the state says so.
    Completed,
    /// Given back with its cursor kept: out of time, told to stop, told to wait, or an outage.
    Yielded {
        /// Earliest next claim, if later than now.
        not_before: Option<Timestamp>,
        /// Why, for people.
        why: String,
    },
    /// Given back as failed, to restart, or to be split.
    Failed {
        /// Why, for people.
        why: String,
    },
    /// Its source is blocked.
    Blocked {
        /// Why, for people.
        why: String,
    },
    /// Somebody else has it: nothing was done, or nothing more.
    Fenced,
    /// The state could not be written; the lease runs out by itself.
    StateFailed(StateError),
}

/// What a task came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Every window that was tried, in order.
    pub windows: Vec<(WindowId, Outcome)>,
}

impl Report {
    /// Whether another window may be looked for. One that had to wait means that its vendor, its
    /// sink or its time is the trouble, and the next one would meet the same.
    pub(crate) fn may_go_on(&self) -> bool {
        self.windows.last().is_none_or(|(_, outcome)| {
            matches!(
                outcome,
                Outcome::Completed | Outcome::Failed { .. } | Outcome::Fenced
            )
        })
    }

    /// The state's failure, if that ended the task.
    pub fn state_failure(&self) -> Option<&StateError> {
        self.windows.iter().find_map(|(_, outcome)| match outcome {
            Outcome::StateFailed(error) => Some(error),
            _ => None,
        })
    }
}
