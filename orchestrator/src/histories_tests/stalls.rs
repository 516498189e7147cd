//! Ticks that stand still before a write, with what they have read and planned by then, while the
//! world goes on: a process that is frozen, or a request that is long on its way.

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

/// Where a tick waits: a clock on which a sleep ends when it is told to. One tick sleeps there, once.
#[derive(Debug, Clone, Default)]
struct Gate {
    /// The tick is there.
    reached: Arc<Notify>,
    /// It may go on.
    opened: Arc<Notify>,
}

impl Clock for Gate {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn steady_ms(&self) -> i64 {
        NOW.as_ms()
    }

    fn sleep(&self, _: i64) -> Sleep {
        let gate = self.clone();
        Box::pin(async move {
            gate.reached.notify_one();
            gate.opened.notified().await;
        })
    }
}

/// A tick that stands still.
pub(super) struct StalledTick {
    gate: Gate,
    rest: LocalBoxFuture<'static, ()>,
}

impl StalledTick {
    /// Begins a tick at `now` that stands still after so many `writes`, before the next one; `None`
    /// when it has ended without a next one.
    pub(super) async fn begin(store: &MemoryStore, writes: u64, now: Timestamp) -> Option<Self> {
        let gate = Gate::default();
        let made = AtomicU64::new(0);
        let stalling = FailingStore::new(store.clone(), move |operation, _| {
            if operation.is_write() && made.fetch_add(1, Ordering::Relaxed) == writes {
                Fault::Delay { ms: 1 }
            } else {
                Fault::None
            }
        })
        .with_clock(Arc::new(gate.clone()));
        let run: LocalBoxFuture<'static, ()> = Box::pin(async move {
            tick(&stalling, &Sent::default(), now).await;
        });
        let rest = match select(run, pin!(gate.reached.notified())).await {
            Either::Left(_) => None,
            Either::Right(((), rest)) => Some(rest),
        };
        rest.map(|rest| Self { gate, rest })
    }

    /// Lets it go on, to its end.
    pub(super) async fn resume(self) {
        self.gate.opened.notify_one();
        self.rest.await;
    }
}
