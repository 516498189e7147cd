//! The execution of a plan: its writes in order, each once.

use windlass_core::limits;
use windlass_core::moves::{Decision, Move};
use windlass_core::plan::{Plan, Write};
use windlass_core::progress::Progress;
use windlass_core::shard::Shard;
use windlass_core::slots::Room;
use windlass_core::span::Span;
use windlass_core::split::WindowSplit;
use windlass_core::task::{TASK_VERSION, Task, TaskWindow, is_quiet};
use windlass_core::transition::Event;
use windlass_core::view::LaneView;
use windlass_core::window::Window;
use windlass_state::{Created, MoveError, SaveError, SplitError, StateError, StateStore};

use crate::dispatch::Dispatch;
use crate::report::SourceReport;
use crate::runs::GroupRun;
use crate::view::reread;

/// The outcome of a plan's writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carried {
    /// All writes were made.
    Whole,
    /// A conditional write lost: read and plan again.
    Again,
}

/// The outcome of one write.
enum Made {
    /// The write applied; with its window, if it is about one.
    Yes(Option<Box<Window>>),
    /// Its condition does not hold.
    No,
}

/// Carries out the plans of one source.
pub(crate) struct Carrier<'a, S, D> {
    pub(crate) store: &'a S,
    pub(crate) group: &'a GroupRun<'a, D>,
    pub(crate) shard: Shard,
    /// Record density of the source so far, which decides which windows are quiet.
    pub(crate) records_per_hour: Option<u64>,
    pub(crate) room: Room,
    pub(crate) report: &'a mut SourceReport,
}

impl<S: StateStore, D: Dispatch> Carrier<'_, S, D> {
    /// Carries `plan` out, and reads `lane`, which it is a plan of, again.
    pub(crate) async fn carry_out_and_reread(
        &mut self,
        plan: Plan,
        lane: &mut LaneView,
    ) -> Result<Carried, StateError> {
        let skipped = lane.progress.unavailable.clone();
        let carried = self.carry_out(plan).await;
        // Read even after a failure, so that what was dispatched until then is counted.
        let read = reread(self.store, self.shard, lane).await;
        let read = read.map(|read| *lane = read);
        let carried = carried?;
        read?;
        log_skipped(&skipped, &lane.progress.unavailable);
        Ok(carried)
    }

    /// Makes the writes of `plan` one by one, in its order.
    async fn carry_out(&mut self, plan: Plan) -> Result<Carried, StateError> {
        for write in plan.into_writes() {
            let made = match &write {
                Write::Move(moved) => self.decide(moved).await?,
                Write::Split(split) => self.split(split).await?,
                Write::Create(window) => self.create(window).await?,
                Write::Save(progress) => self.save(progress).await?,
            };
            match made {
                Made::Yes(window) => self.account(&write, window).await,
                Made::No if write.carries_the_rest() => return Ok(Carried::Again),
                Made::No => {}
            }
        }
        Ok(Carried::Whole)
    }

    /// Reports an applied write, and sends a dispatched window to a worker.
    async fn account(&mut self, write: &Write, window: Option<Box<Window>>) {
        let report = &mut *self.report;
        match write {
            Write::Move(moved) => match moved.event {
                Event::Park { .. } => report.parked += 1,
                Event::Lapse { .. } => report.lapsed += 1,
                Event::Dispatch { .. } => {}
                _ => report.expired += 1,
            },
            Write::Split(split) => {
                report.split += 1;
                report.created += split.parts.len();
            }
            Write::Create(_) => report.created += 1,
            Write::Save(_) => {}
        }
        if let Some(window) = window.filter(|_| write.dispatches()) {
            self.send(&window).await;
        }
    }

    /// Stores the marks.
    async fn save(&self, progress: &Progress) -> Result<Made, StateError> {
        match self.store.save_progress(self.shard, progress).await {
            Ok(_) => Ok(Made::Yes(None)),
            // The next read shows whether the write applied.
            Err(SaveError::Conflict(_) | SaveError::Store(StateError::Unknown(_))) => Ok(Made::No),
            Err(SaveError::Store(error)) => Err(error),
        }
    }

    /// Creates `window`, and retries while the outcome is unknown: a window created as dispatched
    /// must not go unsent.
    async fn create(&self, window: &Window) -> Result<Made, StateError> {
        let mut tries = 1;
        loop {
            match self.store.create(window).await {
                Err(StateError::Unknown(_)) if tries < limits::STATE_TRIES_MAX => tries += 1,
                Err(error) => return Err(error),
                Ok(Created::New) => return Ok(Made::Yes(Some(Box::new(window.clone())))),
                Ok(Created::Exists(existing)) if tries > 1 && *existing == *window => {
                    return Ok(Made::Yes(Some(existing)));
                }
                Ok(Created::Exists(_)) => return Ok(Made::No),
            }
        }
    }

    /// Splits a window, and retries while the outcome is unknown.
    async fn split(&self, split: &WindowSplit) -> Result<Made, StateError> {
        let parent = split.parent.seen.id();
        let mut tries = 1;
        loop {
            match self.store.split(self.shard, split).await {
                Ok(kept) => {
                    tracing::debug!(window = %kept.id(), parts = split.parts.len(), "window split");
                    return Ok(Made::Yes(None));
                }
                Err(SplitError::Store(StateError::Unknown(_)))
                    if tries < limits::STATE_TRIES_MAX =>
                {
                    tries += 1;
                }
                Err(SplitError::Store(error)) => return Err(error),
                Err(SplitError::Conflict(_)) if tries > 1 => {
                    let current = self.store.window(parent).await?;
                    let was_made = current.is_some_and(|current| split.was_made(&current));
                    return Ok(if was_made { Made::Yes(None) } else { Made::No });
                }
                Err(conflict @ SplitError::Conflict(_)) => {
                    tracing::info!(
                        window = %parent,
                        %conflict,
                        "split lost to a concurrent write; planning again"
                    );
                    return Ok(Made::No);
                }
            }
        }
    }

    /// Makes one move, and retries while the outcome is unknown. A window that has moved since it
    /// was read stays as it is: another planner or a worker was first.
    async fn decide(&self, moved: &Decision) -> Result<Made, StateError> {
        let asked = Move::Decide(&moved.seen, &moved.event);
        let mut tries = 1;
        loop {
            match self.store.move_window(&asked).await {
                Ok(window) => {
                    tracing::debug!(window = %window.id(), event = moved.event.name(), "window moved");
                    return Ok(Made::Yes(Some(Box::new(window))));
                }
                Err(MoveError::Store(StateError::Unknown(_)))
                    if tries < limits::STATE_TRIES_MAX =>
                {
                    tries += 1;
                }
                Err(MoveError::Store(error)) => return Err(error),
                // An earlier try may have applied. So may a twin with the same plan: the epoch lets
                // only one of two tasks claim.
                Err(MoveError::Refused { current, .. }) if tries > 1 => {
                    let was_made = asked.was_made(&current);
                    return Ok(if was_made {
                        Made::Yes(Some(current))
                    } else {
                        Made::No
                    });
                }
                Err(MoveError::Refused { .. } | MoveError::NotFound(_)) => return Ok(Made::No),
            }
        }
    }

    async fn send(&mut self, window: &Window) {
        let task = Task {
            version: TASK_VERSION,
            source: window.id().timeline.source.clone(),
            shard: self.shard,
            windows: vec![TaskWindow {
                id: window.id().clone(),
                epoch: window.epoch(),
            }],
            requests_per_minute: self.room.rate.requests_per_minute,
            reserves_requests: self.room.rate.reserves_requests,
            crowded: self.room.crowded,
            witnesses: self.group.known.witnesses().to_vec(),
        };
        self.report.dispatched += 1;
        let quiet = is_quiet(window, self.records_per_hour);
        self.group.outbox.put(task, quiet).await;
    }
}

/// Logs the time that a plan has skipped, once: a span that only grows has been logged.
fn log_skipped(before: &[Span], after: &[Span]) {
    let is_known = |span: &&Span| before.iter().any(|known| known.from() == span.from());
    for span in after.iter().filter(|span| !is_known(span)) {
        let (from, to) = (span.from(), span.to());
        tracing::warn!(%from, %to, "time skipped: it is older than the vendor's retention");
    }
}
