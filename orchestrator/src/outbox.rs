//! The outgoing tasks of one tick. Quiet windows share an invocation: a worker that waits for
//! sixteen vendors costs as much as one that waits for one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_core::task::Task;

use crate::dispatch::Dispatch;

/// The unsent tasks.
#[derive(Debug)]
pub(crate) struct Outbox<'a, D> {
    dispatch: &'a D,
    /// Most tasks of an invocation.
    tasks_max: usize,
    waiting: Mutex<Vec<Task>>,
    accepted: AtomicUsize,
    refused: AtomicUsize,
}

/// Counts of worker invocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Invocations {
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
}

impl<'a, D: Dispatch> Outbox<'a, D> {
    /// An outbox that combines at most `tasks_max` quiet tasks.
    pub(crate) fn new(dispatch: &'a D, tasks_max: usize) -> Self {
        Self {
            dispatch,
            tasks_max,
            waiting: Mutex::default(),
            accepted: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        }
    }

    /// Sends `task`: at once, or, when it is `quiet`, together with others. A tick that dies before
    /// it sends the rest leaves windows whose dispatch expires.
    pub(crate) async fn put(&self, task: Task, quiet: bool) {
        if !quiet || self.tasks_max <= 1 {
            self.send(vec![task]).await;
            return;
        }
        let full = {
            let mut waiting = self.waiting();
            waiting.push(task);
            (waiting.len() >= self.tasks_max).then(|| std::mem::take(&mut *waiting))
        };
        if let Some(full) = full {
            self.send(full).await;
        }
    }

    /// Sends the rest. Returns the counts of all invocations.
    pub(crate) async fn close(self) -> Invocations {
        let rest = std::mem::take(&mut *self.waiting());
        if !rest.is_empty() {
            self.send(rest).await;
        }
        Invocations {
            accepted: self.accepted.into_inner(),
            refused: self.refused.into_inner(),
        }
    }

    async fn send(&self, tasks: Vec<Task>) {
        let windows: Vec<_> = tasks
            .iter()
            .flat_map(|task| &task.windows)
            .map(|window| window.id.to_string())
            .collect();
        match self.dispatch.dispatch(tasks).await {
            Ok(()) => {
                self.accepted.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(?windows, %error, "dispatch failed");
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Task>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Sent, task};

    fn accepted(accepted: usize) -> Invocations {
        Invocations {
            accepted,
            refused: 0,
        }
    }

    #[tokio::test]
    async fn quiet_tasks_share_invocation_with_next() {
        let sent = Sent::default();
        let outbox = Outbox::new(&sent, 2);
        outbox.put(task(1), true).await;
        assert!(sent.take_invocations().is_empty(), "it waits for company");
        outbox.put(task(2), false).await;
        assert_eq!(sent.take_invocations(), [vec![task(2)]]);
        outbox.put(task(3), true).await;
        assert_eq!(sent.take_invocations(), [vec![task(1), task(3)]]);
        outbox.put(task(4), true).await;
        assert_eq!(outbox.close().await, accepted(3));
        assert_eq!(sent.take_invocations(), [vec![task(4)]]);
    }

    #[tokio::test]
    async fn single_task_limit_shares_no_invocation() {
        let sent = Sent::default();
        let outbox = Outbox::new(&sent, 1);
        outbox.put(task(1), true).await;
        assert_eq!(sent.take_invocations(), [vec![task(1)]]);
        assert_eq!(outbox.close().await, accepted(1));
        assert!(sent.take_invocations().is_empty());
    }

    #[tokio::test]
    async fn rejected_invocation_is_counted() {
        let sent = Sent::refusing();
        let outbox = Outbox::new(&sent, 1);
        outbox.put(task(1), false).await;
        let refused = Invocations {
            accepted: 0,
            refused: 1,
        };
        assert_eq!(outbox.close().await, refused);
    }
}
