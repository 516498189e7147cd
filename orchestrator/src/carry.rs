//! Carrying out a plan: windows before marks, and nothing twice.

use windlass_core::breaks::{Break, broken};
use windlass_core::limits;
use windlass_core::moves::Move;
use windlass_core::plan::{Decision, Plan};
use windlass_core::shard::Shard;
use windlass_core::span::Span;
use windlass_core::task::{TASK_VERSION, Task, TaskWindow, is_quiet};
use windlass_core::transition::Event;
use windlass_core::trust::ClockOffset;
use windlass_core::window::{Status, Window};
use windlass_state::{Created, MoveError, SaveError, StateError, StateStore};

use crate::dispatch::Dispatch;
use crate::outbox::Outbox;
use crate::report::SourceReport;
use crate::slots::Pace;

/// Windows that are read at most to see whether they cover a piece of a split window: as many as a
/// timeline may have open.
const PIECES_READ_MAX: usize = limits::OPEN_WINDOWS_MAX as usize;

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
    /// What its source has shown so far; tells which windows are small.
    pub(crate) records_per_hour: Option<u64>,
    pub(crate) pace: Pace,
    /// Whether more is ready than there are workers for.
    pub(crate) crowded: bool,
    /// The clocks of other groups, where its own needs witnesses.
    pub(crate) witnesses: &'a [ClockOffset],
    pub(crate) report: &'a mut SourceReport,
}

impl<S: StateStore, D: Dispatch> Carrier<'_, S, D> {
    /// Scavenges, creates, moves the marks, shrinks what was split, gives up what the marks now call
    /// unavailable, dispatches: in this order, so that a stop anywhere leaves neither a gap nor a
    /// window that nobody looks at. A window gives up what it has not delivered only once other
    /// windows for that exist and are in sight of the marks.
    pub(crate) async fn carry_out(&mut self, plan: &Plan) -> Result<Carried, StateError> {
        for moved in &plan.scavenge {
            if self.decide(moved).await?.is_some() {
                match moved.event {
                    Event::Park { .. } => self.report.parked += 1,
                    _ => self.report.expired += 1,
                }
            }
        }
        let marks_first = broken(Break::MarkBeforeWindows);
        if marks_first && self.save(plan).await? == Carried::Again {
            return Ok(Carried::Again);
        }
        if self.create_all(plan).await? == Carried::Again {
            return Ok(Carried::Again);
        }
        if !marks_first && self.save(plan).await? == Carried::Again {
            return Ok(Carried::Again);
        }
        for split in &plan.splits {
            if self.decide(&split.left).await?.is_some() {
                self.report.split += 1;
            }
        }
        for moved in &plan.lapse {
            if self.decide(moved).await?.is_some() {
                self.report.lapsed += 1;
            }
        }
        for moved in &plan.dispatch {
            if let Some(window) = self.decide(moved).await? {
                self.send(&window).await;
            }
        }
        Ok(Carried::Whole)
    }

    /// Creates what is split off and what is carved.
    async fn create_all(&mut self, plan: &Plan) -> Result<Carried, StateError> {
        for window in plan.splits.iter().flat_map(|split| &split.right) {
            match self.create(window).await? {
                Created::New => self.report.created += 1,
                // Left from a split that stopped here.
                Created::Exists(existing) => {
                    if !self.is_covered(window, &existing).await? {
                        return Ok(Carried::Again);
                    }
                }
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
        Ok(Carried::Whole)
    }

    /// Whether there are windows for all that `wanted` covers, given the one that starts where it
    /// does: that one may have been split in turn before the window that it came from shrank.
    async fn is_covered(&self, wanted: &Window, existing: &Window) -> Result<bool, StateError> {
        let Ok(rest) = Span::new(existing.to, wanted.to) else {
            return Ok(true);
        };
        let timeline = &wanted.id.timeline;
        let windows = self.store.history(timeline, rest, PIECES_READ_MAX).await?;
        let covered = windows.iter().fold(rest.from(), |covered, window| {
            if window.id.from <= covered {
                covered.max(window.to)
            } else {
                covered
            }
        });
        Ok(wanted.to <= covered)
    }

    /// Stores the marks, if they moved.
    async fn save(&mut self, plan: &Plan) -> Result<Carried, StateError> {
        let Some(progress) = &plan.progress else {
            return Ok(Carried::Whole);
        };
        match self.store.save_progress(self.shard, progress).await {
            Ok(_) => Ok(Carried::Whole),
            // What is read next shows whether the write was made.
            Err(SaveError::Conflict(_) | SaveError::Store(StateError::Unknown(_))) => {
                Ok(Carried::Again)
            }
            Err(SaveError::Store(error)) => Err(error),
        }
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
    async fn decide(&self, moved: &Decision) -> Result<Option<Window>, StateError> {
        let asked = Move::Decide(&moved.seen, &moved.event);
        let mut tries = 1;
        loop {
            match self.store.move_window(&asked).await {
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
                    return Ok(asked.was_made(&current).then_some(*current));
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
            requests_per_minute: self.pace.requests_per_minute,
            shares_turns: self.pace.shares_turns,
            crowded: self.crowded,
            witnesses: self.witnesses.to_vec(),
        };
        self.report.dispatched += 1;
        let quiet = is_quiet(window, self.records_per_hour);
        self.outbox.put(task, quiet).await;
    }
}
