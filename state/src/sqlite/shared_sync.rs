//! Shared syncs: windows that end together wait for the same one.

use std::panic;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::error::StateError;

/// The syncs of a store, one at a time and numbered from 1. A sync covers every write before its
/// start, so an earlier caller needs no other.
#[derive(Debug, Default)]
pub(super) struct SharedSync {
    /// The number of the last started sync.
    begun: AtomicU64,
    /// The number of the last successful sync. The syncing caller holds the lock.
    succeeded: Mutex<u64>,
}

impl SharedSync {
    /// Returns when a sync that began after this call has succeeded: one of another caller, or
    /// `sync`, which runs on a blocking thread.
    pub(super) async fn run(
        &self,
        sync: impl FnOnce() -> Result<(), StateError> + Send + 'static,
    ) -> Result<(), StateError> {
        let before = self.begun.load(Ordering::SeqCst);
        let mut succeeded = self.succeeded.lock().await;
        if *succeeded > before {
            return Ok(());
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let synced = spawn_blocking(sync).await;
        synced.unwrap_or_else(|stopped| match stopped.try_into_panic() {
            Ok(panic) => panic::resume_unwind(panic),
            Err(_) => Err(stopping()),
        })?;
        *succeeded = number;
        Ok(())
    }
}

fn stopping() -> StateError {
    StateError::Unavailable("the program is shutting down".to_owned())
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::{Arc, mpsc};

    use futures_util::future::join_all;
    use futures_util::poll;

    use super::*;

    /// A sync that increments `count`.
    fn counted(count: &Arc<AtomicU64>) -> impl FnOnce() -> Result<(), StateError> + Send + 'static {
        let count = Arc::clone(count);
        move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    #[tokio::test]
    async fn concurrent_callers_share_next_sync() {
        let (shared, count) = (SharedSync::default(), Arc::new(AtomicU64::new(0)));
        let synced = join_all((0..50).map(|_| shared.run(counted(&count)))).await;
        assert!(synced.iter().all(Result::is_ok));
        assert_eq!(count.load(Ordering::SeqCst), 2);
        shared.run(counted(&count)).await.unwrap();
        assert_eq!(
            count.load(Ordering::SeqCst),
            3,
            "a later caller needs another"
        );
    }

    #[tokio::test]
    async fn running_sync_serves_no_later_caller() {
        let (shared, count) = (SharedSync::default(), Arc::new(AtomicU64::new(0)));
        let (release, held) = mpsc::channel();
        let mut first = pin!(shared.run(move || {
            held.recv().unwrap();
            Ok(())
        }));
        assert!(poll!(first.as_mut()).is_pending());
        let mut second = pin!(shared.run(counted(&count)));
        assert!(poll!(second.as_mut()).is_pending());
        release.send(()).unwrap();
        first.await.unwrap();
        second.await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn failed_sync_fails_only_its_caller() {
        let (shared, count) = (SharedSync::default(), Arc::new(AtomicU64::new(0)));
        let full = StateError::Full("no room".to_owned());
        let failure = full.clone();
        let failing = shared.run(move || Err(failure));
        let others = join_all((0..3).map(|_| shared.run(counted(&count))));
        let (failed, others) = tokio::join!(failing, others);
        assert_eq!(failed, Err(full));
        assert!(others.iter().all(Result::is_ok));
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }
}
