//! The dispatch of tasks to workers.

use std::future::Future;

use windlass_core::task::Task;

/// Sends tasks to some worker.
pub trait Dispatch: Send + Sync {
    /// Accepts `tasks` for delivery to one worker. Acceptance is a hint: the table is the truth,
    /// and a lost task is sent again when its dispatch expires. May deliver twice.
    fn dispatch(&self, tasks: Vec<Task>) -> impl Future<Output = Result<(), DispatchError>> + Send;
}

/// Tasks were not accepted. Their windows stay dispatched until their dispatch expires.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot invoke a worker: {0}")]
pub struct DispatchError(pub String);
