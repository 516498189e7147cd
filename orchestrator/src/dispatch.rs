//! Handing tasks to workers.

use std::future::Future;

use windlass_core::task::Task;

/// Sends a task on its way to some worker.
pub trait Dispatch: Send + Sync {
    /// Accepts `task` for delivery. Acceptance is a hint: the table is the truth, and a task that
    /// never arrives is dispatched again when its dispatch runs out. May deliver twice.
    fn dispatch(&self, task: Task) -> impl Future<Output = Result<(), DispatchError>> + Send;
}

/// A task was not accepted. Its windows stay dispatched until their dispatch runs out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a task was not accepted: {0}")]
pub struct DispatchError(pub String);
