//! Handing tasks to workers.

use std::future::Future;

use windlass_core::task::Task;

/// Sends tasks on their way to some worker.
pub trait Dispatch: Send + Sync {
    /// Accepts `tasks` for delivery to one worker. Acceptance is a hint: the table is the truth, and
    /// what never arrives is dispatched again when its dispatch runs out. May deliver twice.
    fn dispatch(&self, tasks: Vec<Task>) -> impl Future<Output = Result<(), DispatchError>> + Send;
}

/// Tasks were not accepted. Their windows stay dispatched until their dispatch runs out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a worker was not invoked: {0}")]
pub struct DispatchError(pub String);
