//! The outcome of a window's run, and of a task.

use windlass_core::ids::WindowId;
use windlass_core::time::Timestamp;
use windlass_state::StateError;

/// The outcome of one window's run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done: every record is acknowledged and the state has it as done.
    Completed,
    /// Released with its cursor kept: deadline, request to stop, cooldown or outage.
    Yielded {
        /// Earliest next claim; `None` when it may be claimed at once.
        not_before: Option<Timestamp>,
        /// Reason for the operator.
        why: String,
    },
    /// Released as failed, to restart, or to be split.
    Failed {
        /// Reason for the operator.
        why: String,
    },
    /// Its source is blocked.
    Blocked {
        /// Reason for the operator.
        why: String,
    },
    /// Another worker owns the window: this run wrote nothing, or nothing more.
    Fenced,
    /// The state could not be written; the lease expires.
    StateFailed(StateError),
}

/// The outcome of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Every attempted window, in order.
    pub windows: Vec<(WindowId, Outcome)>,
}

impl Report {
    /// Returns true if the worker may look for another window. A window that had to wait points at
    /// its vendor, its sink or the deadline, and the next window would meet the same.
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
