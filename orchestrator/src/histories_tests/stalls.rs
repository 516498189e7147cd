//! Ticks that stall before a write, with stale reads and plans, while other writers continue: a
//! frozen process, or a slow request.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::{Either, LocalBoxFuture, select};
use tokio::sync::Notify;
use windlass_core::clock::{Clock, Sleep};
use windlass_core::time::Timestamp;
use windlass_state::MemoryStore;
use windlass_state::failing::{FailingStore, Fault};

use crate::testing::*;

/// A clock whose sleep ends on request. One tick sleeps on it, once.
#[derive(Debug, Clone, Default)]
struct Stall {
    /// Raised when the tick sleeps.
    reached: Arc<Notify>,
    /// Raised to let it continue.
    opened: Arc<Notify>,
}

impl Clock for Stall {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn steady_ms(&self) -> i64 {
        NOW.as_ms()
    }

    fn sleep(&self, _: i64) -> Sleep {
        let stall = self.clone();
        Box::pin(async move {
            stall.reached.notify_one();
            stall.opened.notified().await;
        })
    }
}

/// A tick that has stalled.
pub(super) struct StalledTick {
    stall: Stall,
    rest: LocalBoxFuture<'static, ()>,
}

impl StalledTick {
    /// Begins a tick at `now` that stalls after so many `writes`, before the next one; `None` when
    /// it has ended without a next one.
    pub(super) async fn begin(store: &MemoryStore, writes: u64, now: Timestamp) -> Option<Self> {
        let stall = Stall::default();
        let made = AtomicU64::new(0);
        let stalling = FailingStore::new(store.clone(), move |operation, _| {
            if operation.is_write() && made.fetch_add(1, Ordering::Relaxed) == writes {
                Fault::Delay { ms: 1 }
            } else {
                Fault::None
            }
        })
        .with_clock(Arc::new(stall.clone()));
        let run: LocalBoxFuture<'static, ()> = Box::pin(async move {
            tick(&stalling, &Sent::default(), now).await;
        });
        let rest = match select(run, pin!(stall.reached.notified())).await {
            Either::Left(_) => None,
            Either::Right(((), rest)) => Some(rest),
        };
        rest.map(|rest| Self { stall, rest })
    }

    /// Resumes it, to its end.
    pub(super) async fn resume(self) {
        self.stall.opened.notify_one();
        self.rest.await;
    }
}
