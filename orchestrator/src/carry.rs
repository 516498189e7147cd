//! Carrying out a plan: windows before marks, and nothing twice.

use windlass_core::plan::{Move, Plan};
use windlass_core::task::{TASK_VERSION, Task, TaskWindow};
use windlass_core::transition::Event;
use windlass_core::window::{Status, Window};
use windlass_state::{Created, MoveError, SaveError, StateError, StateStore};

use crate::dispatch::Dispatch;
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
    pub(crate) dispatch: &'a D,
    pub(crate) requests_per_minute: Option<u32>,
    pub(crate) report: &'a mut SourceReport,
}

impl<S: StateStore, D: Dispatch> Carrier<'_, S, D> {
    /// Scavenges, splits, creates, moves the marks, dispatches: in this order, so that a stop
    /// anywhere leaves neither a gap nor a window that nobody looks at.
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
            self.store.create(&split.right).await?;
            if self.decide(&split.left).await?.is_some() {
                self.report.split += 1;
            }
        }
        for window in &plan.create {
            match self.store.create(window).await? {
                Created::Exists(_) => return Ok(Carried::Again),
                Created::New => self.report.created += 1,
            }
            if window.status == Status::Dispatched {
                self.send(window).await;
            }
        }
        if let Some(progress) = &plan.progress {
            match self.store.save_progress(progress).await {
                Ok(_) => {}
                Err(SaveError::Conflict(_)) => return Ok(Carried::Again),
                Err(SaveError::Store(error)) => return Err(error),
            }
        }
        for moved in &plan.dispatch {
            if let Some(window) = self.decide(moved).await? {
                self.send(&window).await;
            }
        }
        Ok(Carried::Whole)
    }

    /// Makes one move; `None` when the window has moved since it was read, which is nobody's fault.
    async fn decide(&self, moved: &Move) -> Result<Option<Window>, StateError> {
        match self.store.decide(&moved.seen, &moved.event).await {
            Ok(window) => {
                tracing::debug!(window = %window.id, event = moved.event.name(), "window moved");
                Ok(Some(window))
            }
            Err(MoveError::Store(error)) => Err(error),
            Err(MoveError::Refused { .. } | MoveError::NotFound(_)) => Ok(None),
        }
    }

    async fn send(&mut self, window: &Window) {
        let task = Task {
            version: TASK_VERSION,
            source: window.id.timeline.source.clone(),
            windows: vec![TaskWindow {
                id: window.id.clone(),
                epoch: window.epoch,
            }],
            requests_per_minute: self.requests_per_minute,
        };
        match self.dispatch.dispatch(task).await {
            Ok(()) => self.report.dispatched += 1,
            Err(error) => tracing::warn!(window = %window.id, %error, "dispatch failed"),
        }
    }
}
