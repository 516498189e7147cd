//! The task: what the orchestrator hands to a worker. Ids, epochs and pace only; what is needed to
//! act comes from the claim's reply.

use serde::{Deserialize, Serialize};

use crate::ids::{SourceName, WindowId};

/// Version of the payload. A worker refuses one it does not know.
pub const TASK_VERSION: u32 = 1;

/// Windows of one source for one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// [`TASK_VERSION`] of the sender.
    pub version: u32,
    /// Whose windows.
    pub source: SourceName,
    /// Which, in order; at most [`crate::limits::WINDOWS_PER_TASK_MAX`].
    pub windows: Vec<TaskWindow>,
    /// This worker's share of the rate group's pace, if one is declared.
    pub requests_per_minute: Option<u32>,
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
