//! Faults around any store. A script decides for each call whether it fails, is applied with its
//! response lost, or is slow, so that a test can place a fault at exactly one call.

mod operation;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use windlass_core::clock::{Clock, Entropy};
use windlass_core::ids::{RateGroup, SourceName, Timeline, WindowId};
use windlass_core::moves::Move;
use windlass_core::progress::Progress;
use windlass_core::reservation::{ReservationRequest, ReservationResponse};
use windlass_core::seen::{SeenBy, SeenPage};
use windlass_core::shard::Shard;
use windlass_core::source::{BlockChange, SourceDefinition, SourceRecord};
use windlass_core::span::Span;
use windlass_core::split::WindowSplit;
use windlass_core::time::Timestamp;
use windlass_core::trust::{ClockOffset, RateState};
use windlass_core::wait::Cooldown;
use windlass_core::window::Window;

pub use self::operation::Operation;
use crate::error::{MoveError, SaveError, SplitError, StateError};
use crate::store::{Created, StateStore};

/// A fault of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No fault.
    None,
    /// The call is not made: [`StateError::Unavailable`].
    Refuse,
    /// The call is made and its response is lost: [`StateError::Unknown`] for a write, even one
    /// that lost its condition, and [`StateError::Unavailable`] for a read.
    LoseResponse,
    /// The call is made only after `ms` milliseconds.
    Delay {
        /// The delay in milliseconds.
        ms: i64,
    },
    /// The call is made at once and returns only after `ms` milliseconds.
    SlowResponse {
        /// The delay in milliseconds.
        ms: i64,
    },
}

/// Decides the fault of a call from the operation and its number, from 1.
type Script = Box<dyn Fn(Operation, u64) -> Fault + Send + Sync>;

/// A store whose calls fail by a script.
pub struct FailingStore<S> {
    inner: S,
    script: Script,
    clock: Option<Arc<dyn Clock>>,
    calls: Mutex<BTreeMap<Operation, u64>>,
}

impl<S: fmt::Debug> fmt::Debug for FailingStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailingStore")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<S> FailingStore<S> {
    /// Wraps `inner`. `script` decides the fault of each call from the operation and its number,
    /// from 1. Delays need [`Self::with_clock`].
    pub fn new(inner: S, script: impl Fn(Operation, u64) -> Fault + Send + Sync + 'static) -> Self {
        Self {
            inner,
            script: Box::new(script),
            clock: None,
            calls: Mutex::default(),
        }
    }

    /// Wraps `inner`. About `percent` of each hundred calls fail, half of them before they are made
    /// and half after. The same entropy and the same calls give the same faults.
    pub fn seeded(inner: S, entropy: impl Entropy + 'static, percent: u64) -> Self {
        Self::new(inner, move |_, _| match entropy.next_u64() % 200 {
            drawn if drawn < percent => Fault::Refuse,
            drawn if drawn < 2 * percent => Fault::LoseResponse,
            _ => Fault::None,
        })
    }

    /// Sets the clock on which scripted delays wait.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock: Some(clock),
            ..self
        }
    }

    /// The store inside, without faults.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Number of calls of `operation` so far, failed ones included.
    pub fn calls(&self, operation: Operation) -> u64 {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(&operation).copied().unwrap_or(0)
    }

    fn next_fault(&self, operation: Operation) -> Fault {
        let number = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            let number = calls.entry(operation).or_insert(0);
            *number += 1;
            *number
        };
        (self.script)(operation, number)
    }

    async fn sleep(&self, ms: i64) {
        if let Some(clock) = &self.clock {
            clock.sleep(ms).await;
        }
    }

    /// Makes `call` with its scripted fault. `call` does nothing until it is awaited.
    async fn with_fault<T, E: From<StateError>>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        match self.next_fault(operation) {
            Fault::None => call.await,
            Fault::Refuse => {
                Err(StateError::Unavailable(format!("{operation:?} refused by a test")).into())
            }
            Fault::LoseResponse => {
                drop(call.await);
                let text = format!("the reply to {operation:?} was lost by a test");
                let lost = if operation.is_write() {
                    StateError::Unknown
                } else {
                    StateError::Unavailable
                };
                Err(lost(text).into())
            }
            Fault::Delay { ms } => {
                self.sleep(ms).await;
                call.await
            }
            Fault::SlowResponse { ms } => {
                let response = call.await;
                self.sleep(ms).await;
                response
            }
        }
    }
}

impl<S: StateStore> StateStore for FailingStore<S> {
    fn service_clock(&self) -> Option<ClockOffset> {
        self.inner.service_clock()
    }

    async fn shards(&self) -> Result<Vec<Shard>, StateError> {
        self.with_fault(Operation::Sources, self.inner.shards())
            .await
    }

    async fn sources(&self, shard: Shard) -> Result<Vec<SourceRecord>, StateError> {
        self.with_fault(Operation::Sources, self.inner.sources(shard))
            .await
    }

    async fn progress(&self, shard: Shard) -> Result<Vec<Progress>, StateError> {
        self.with_fault(Operation::Progress, self.inner.progress(shard))
            .await
    }

    async fn source(
        &self,
        shard: Shard,
        name: &SourceName,
    ) -> Result<Option<SourceRecord>, StateError> {
        self.with_fault(Operation::Source, self.inner.source(shard, name))
            .await
    }

    async fn apply_source(
        &self,
        definition: &SourceDefinition,
        now: Timestamp,
    ) -> Result<SourceRecord, StateError> {
        let call = self.inner.apply_source(definition, now);
        self.with_fault(Operation::ApplySource, call).await
    }

    async fn block_source(
        &self,
        shard: Shard,
        name: &SourceName,
        version: u64,
        change: &BlockChange,
    ) -> Result<bool, StateError> {
        let call = self.inner.block_source(shard, name, version, change);
        self.with_fault(Operation::BlockSource, call).await
    }

    async fn set_pause(
        &self,
        shard: Shard,
        name: &SourceName,
        held_since: Option<Timestamp>,
    ) -> Result<(), StateError> {
        let call = self.inner.set_pause(shard, name, held_since);
        self.with_fault(Operation::SetPause, call).await
    }

    async fn progress_of(
        &self,
        shard: Shard,
        source: &SourceName,
    ) -> Result<Vec<Progress>, StateError> {
        self.with_fault(Operation::Progress, self.inner.progress_of(shard, source))
            .await
    }

    async fn save_progress(&self, shard: Shard, next: &Progress) -> Result<Progress, SaveError> {
        let call = self.inner.save_progress(shard, next);
        self.with_fault(Operation::SaveProgress, call).await
    }

    async fn create(&self, window: &Window) -> Result<Created, StateError> {
        self.with_fault(Operation::Create, self.inner.create(window))
            .await
    }

    async fn split(&self, shard: Shard, split: &WindowSplit) -> Result<Window, SplitError> {
        self.with_fault(Operation::Split, self.inner.split(shard, split))
            .await
    }

    async fn window(&self, id: &WindowId) -> Result<Option<Window>, StateError> {
        self.with_fault(Operation::Window, self.inner.window(id))
            .await
    }

    async fn open_windows(
        &self,
        timeline: &Timeline,
        from: Timestamp,
    ) -> Result<Vec<Window>, StateError> {
        let call = self.inner.open_windows(timeline, from);
        self.with_fault(Operation::OpenWindows, call).await
    }

    async fn windows_at(
        &self,
        timeline: &Timeline,
        froms: &[Timestamp],
    ) -> Result<Vec<Window>, StateError> {
        self.with_fault(Operation::WindowsAt, self.inner.windows_at(timeline, froms))
            .await
    }

    async fn history(
        &self,
        timeline: &Timeline,
        span: Span,
        limit: usize,
    ) -> Result<Vec<Window>, StateError> {
        self.with_fault(
            Operation::History,
            self.inner.history(timeline, span, limit),
        )
        .await
    }

    async fn move_window(&self, asked: &Move<'_>) -> Result<Window, MoveError> {
        let call = self.inner.move_window(asked);
        self.with_fault(Operation::of(asked), call).await
    }

    async fn rate_state(&self, group: &RateGroup) -> Result<RateState, StateError> {
        self.with_fault(Operation::RateState, self.inner.rate_state(group))
            .await
    }

    async fn store_clock(
        &self,
        group: &RateGroup,
        clock: &ClockOffset,
        origin: &str,
    ) -> Result<(), StateError> {
        self.with_fault(
            Operation::StoreClock,
            self.inner.store_clock(group, clock, origin),
        )
        .await
    }

    async fn start_cooldown(&self, cooldown: &Cooldown, now: Timestamp) -> Result<(), StateError> {
        let call = self.inner.start_cooldown(cooldown, now);
        self.with_fault(Operation::StartCooldown, call).await
    }

    async fn reserve_requests(
        &self,
        group: &RateGroup,
        asked: &ReservationRequest,
    ) -> Result<ReservationResponse, StateError> {
        self.with_fault(
            Operation::ReserveRequests,
            self.inner.reserve_requests(group, asked),
        )
        .await
    }

    async fn remember(&self, page: &SeenPage) -> Result<(), StateError> {
        self.with_fault(Operation::Remember, self.inner.remember(page))
            .await
    }

    async fn seen(
        &self,
        by: &SeenBy,
        span: Span,
        digests_max: usize,
    ) -> Result<Option<Vec<SeenPage>>, StateError> {
        self.with_fault(Operation::Seen, self.inner.seen(by, span, digests_max))
            .await
    }

    async fn sync(&self) -> Result<(), StateError> {
        self.with_fault(Operation::Sync, self.inner.sync()).await
    }

    async fn expire_history(&self, now: Timestamp) -> Result<u64, StateError> {
        self.with_fault(Operation::ExpireHistory, self.inner.expire_history(now))
            .await
    }
}

#[cfg(test)]
#[path = "failing_tests.rs"]
mod tests;
