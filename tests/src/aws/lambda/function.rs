//! A deployed function: its settings, its warm environments, and its history.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::chaos::{Chaos, Fate, Tally};
use super::environment::{Environment, Frozen};
use super::record::{FailedEvent, Invocation, LogLine};

/// The settings of a function.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its unique name.
    pub name: String,
    /// Path of the bootstrap.
    pub bootstrap: PathBuf,
    /// The prefix of its environments' access key ids; the environment's number follows.
    pub key_prefix: String,
    /// Its environment variables, in addition to those that Lambda sets.
    pub variables: BTreeMap<String, String>,
    /// Timeout of one invocation in milliseconds. It is killed then.
    pub timeout_ms: u64,
    /// Its reported memory in MB, which is not enforced.
    pub memory_mb: u32,
    /// Maximum number of environments: the reserved concurrency.
    pub concurrency: usize,
    /// Maximum wait of an event, in milliseconds (`MaximumEventAgeInSeconds`).
    pub event_age_ms: u64,
}

/// A deployed function.
#[derive(Debug)]
pub(super) struct Deployed {
    pub(super) function: Function,
    timeout_ms: AtomicU64,
    slots: Arc<Semaphore>,
    pending: watch::Sender<usize>,
    changing: Mutex<Changing>,
    logs: Arc<Mutex<Vec<LogLine>>>,
}

#[derive(Debug, Default)]
struct Changing {
    /// The most recently used one comes last and is reused first, as in the real service.
    warm: Vec<Environment>,
    frozen: Vec<Frozen>,
    environments: u32,
    chaos: Chaos,
    invocations: Vec<Invocation>,
    failed: Vec<FailedEvent>,
}

/// Counts a pending or running event for its lifetime.
#[derive(Debug)]
pub(super) struct Pending(watch::Sender<usize>);

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.send_modify(|pending| *pending -= 1);
    }
}

impl Deployed {
    pub(super) fn new(function: Function) -> Self {
        Self {
            timeout_ms: AtomicU64::new(function.timeout_ms),
            slots: Arc::new(Semaphore::new(function.concurrency)),
            pending: watch::Sender::new(0),
            changing: Mutex::default(),
            logs: Arc::default(),
            function,
        }
    }

    fn changing(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Timeout of the next invocation, in milliseconds.
    pub(super) fn timeout_ms(&self) -> u64 {
        self.timeout_ms.load(Ordering::Relaxed)
    }

    pub(super) fn set_timeout_ms(&self, timeout_ms: u64) {
        self.timeout_ms.store(timeout_ms, Ordering::Relaxed);
    }

    /// A slot, if one is free now.
    pub(super) fn free_slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).try_acquire_owned().ok()
    }

    /// Waits for a free slot.
    pub(super) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.slots).acquire_owned().await.ok()
    }

    /// Counts an event as pending.
    pub(super) fn begin(&self) -> Pending {
        self.pending.send_modify(|pending| *pending += 1);
        Pending(self.pending.clone())
    }

    pub(super) fn pending(&self) -> usize {
        *self.pending.borrow()
    }

    /// Completes when no event is pending or running.
    pub(super) async fn rest(&self) {
        let mut pending = self.pending.subscribe();
        // The sender belongs to this function, so the wait cannot fail.
        let rested = pending.wait_for(|pending| *pending == 0).await;
        drop(rested);
    }

    pub(super) fn take_warm(&self) -> Option<Environment> {
        self.changing().warm.pop()
    }

    pub(super) fn keep_warm(&self, environment: Environment) {
        self.changing().warm.push(environment);
    }

    pub(super) fn keep_frozen(&self, frozen: Frozen) {
        self.changing().frozen.push(frozen);
    }

    pub(super) fn take_frozen(&self) -> Vec<Frozen> {
        std::mem::take(&mut self.changing().frozen)
    }

    pub(super) fn frozen(&self) -> usize {
        self.changing().frozen.len()
    }

    /// The number of a new environment, from 1.
    pub(super) fn next_environment(&self) -> u32 {
        let mut changing = self.changing();
        changing.environments += 1;
        changing.environments
    }

    pub(super) fn set_chaos(&self, chaos: Chaos) {
        self.changing().chaos = chaos;
    }

    pub(super) fn tally(&self) -> Tally {
        self.changing().chaos.tally()
    }

    /// Draws the deliveries of one event: one fate for each.
    pub(super) fn draw(&self) -> Vec<Fate> {
        self.changing().chaos.draw()
    }

    pub(super) fn ended(&self, invocation: Invocation) {
        self.changing().invocations.push(invocation);
    }

    pub(super) fn failed(&self, event: FailedEvent) {
        self.changing().failed.push(event);
    }

    pub(super) fn invocations(&self) -> Vec<Invocation> {
        self.changing().invocations.clone()
    }

    pub(super) fn failed_events(&self) -> Vec<FailedEvent> {
        self.changing().failed.clone()
    }

    pub(super) fn log_book(&self) -> Arc<Mutex<Vec<LogLine>>> {
        Arc::clone(&self.logs)
    }

    pub(super) fn logs(&self) -> Vec<LogLine> {
        self.logs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
