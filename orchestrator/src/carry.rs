//! Carrying out a plan: windows before marks, and nothing twice.

use windlass_core::limits;
use windlass_core::plan::{Move, Plan};
use windlass_core::shard::Shard;
use windlass_core::task::{TASK_VERSION, Task, TaskWindow, is_quiet};
use windlass_core::transition::Event;
use windlass_core::window::{Status, Window};
use windlass_state::{Created, MoveError, SaveError, StateError, StateStore};

use crate::dispatch::Dispatch;
use crate::outbox::Outbox;
use crate::report::SourceReport;

/// Whether a plan was carried out to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carried {
    /// All of it.
    Whole,
    /// Somebody else moved first: read and plan again.
    Again,
}

/// Carries plans of one source out.
pub(crate) struct Carrier<'a, S, D> {
    pub(crate) store: &'a S,
    pub(crate) outbox: &'a Outbox<'a, D>,
    pub(crate) shard: Shard,
    /// What its timeline has shown so far; tells which windows are small.
    pub(crate) records_per_hour: Option<u64>,
    pub(crate) requests_per_minute: Option<u32>,
    pub(crate) report: &'a mut SourceReport,
}

impl<S: StateStore, D: Dispatch> Carrier<'_, S, D> {
    /// Scavenges, creates, moves the marks, shrinks what was split, dispatches: in this order, so
    /// that a stop anywhere leaves neither a gap nor a window that nobody looks at. A window
    /// shrinks only once its other half exists and is in sight of the marks.
    pub(crate) async fn carry_out(&mut self, plan: &Plan) -> Result<Carried, StateError> {
        for moved in &plan.scavenge {
            if self.decide(moved).await?.is_some() {
                match moved.event {
                    Event::Park { .. } => self.report.parked += 1,
                    _ => self.report.expired += 1,
                }
            }
        }
        for split in &plan.splits {
            // One that exists is left from a split that stopped here.
            if self.create(&split.right).await? == Created::New {
                self.report.created += 1;
            }
        }
        for window in &plan.create {
            match self.create(window).await? {
                Created::Exists(_) => return Ok(Carried::Again),
                Created::New => self.report.created += 1,
            }
            if window.status == Status::Dispatched {
                self.send(window).await;
            }
        }
        if let Some(progress) = &plan.progress {
            match self.store.save_progress(self.shard, progress).await {
                Ok(_) => {}
                // What is read next shows whether the write was made.
                Err(SaveError::Conflict(_) | SaveError::Store(StateError::Unknown(_))) => {
                    return Ok(Carried::Again);
                }
                Err(SaveError::Store(error)) => return Err(error),
            }
        }
        for split in &plan.splits {
            if self.decide(&split.left).await?.is_some() {
                self.report.split += 1;
            }
        }
        for moved in &plan.dispatch {
            if let Some(window) = self.decide(moved).await? {
                self.send(&window).await;
            }
        }
        Ok(Carried::Whole)
    }

    /// Creates `window`, and asks again while the outcome is unknown: a window that is born
    /// dispatched must not go unsent.
    async fn create(&self, window: &Window) -> Result<Created, StateError> {
        let mut tries = 1;
        loop {
            match self.store.create(window).await {
                Err(StateError::Unknown(_)) if tries < limits::STATE_TRIES_MAX => tries += 1,
                Ok(Created::Exists(existing)) if tries > 1 && *existing == *window => {
                    return Ok(Created::New);
                }
                other => return other,
            }
        }
    }

    /// Makes one move, and asks again while the outcome is unknown. `None` when the window has
    /// moved since it was read, which is nobody's fault.
    async fn decide(&self, moved: &Move) -> Result<Option<Window>, StateError> {
        let mut tries = 1;
        loop {
            match self.store.decide(&moved.seen, &moved.event).await {
                Ok(window) => {
                    tracing::debug!(window = %window.id, event = moved.event.name(), "window moved");
                    return Ok(Some(window));
                }
                Err(MoveError::Store(StateError::Unknown(_)))
                    if tries < limits::STATE_TRIES_MAX =>
                {
                    tries += 1;
                }
                Err(MoveError::Store(error)) => return Err(error),
                // An earlier try may have made it. A twin that planned the same is as good: the
                // epoch lets only one of two tasks claim.
                Err(MoveError::Refused { current, .. }) if tries > 1 => {
                    let made = moved
                        .seen
                        .apply(&moved.event)
                        .is_ok_and(|made| made == *current);
                    return Ok(made.then_some(*current));
                }
                Err(MoveError::Refused { .. } | MoveError::NotFound(_)) => return Ok(None),
            }
        }
    }

    async fn send(&mut self, window: &Window) {
        let task = Task {
            version: TASK_VERSION,
            source: window.id.timeline.source.clone(),
            shard: self.shard,
            windows: vec![TaskWindow {
                id: window.id.clone(),
                epoch: window.epoch,
            }],
            requests_per_minute: self.requests_per_minute,
        };
        self.report.dispatched += 1;
        let quiet = is_quiet(window, self.records_per_hour);
        self.outbox.put(task, quiet).await;
    }
}
