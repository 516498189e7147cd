//! The whole loop in one process: tick, hand tasks to local workers, tick again when one ends.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use windlass_core::shard::Shards;
use windlass_core::source::SourceDefinition;
use windlass_core::task::Task;
use windlass_core::time::{HOUR_MS, SECOND_MS, Timestamp};
use windlass_orchestrator::{
    Activity, Dispatch, DispatchError, Tick, TickOptions, TickReport, recover,
};
use windlass_state::{StateError, StateStore};
use windlass_worker::{Budget, Report, Seams, Worker};

use super::outfit::LocalOutfit;
use crate::difference::Difference;
use crate::state::{Store, sources};

/// Longest pause between two ticks: what an operator changes is seen this soon.
const TICK_PAUSE_MAX_MS: i64 = SECOND_MS;
/// How often history that has run out is looked for.
const EXPIRE_EVERY_MS: i64 = HOUR_MS;

/// Hands tasks to the loop below. Nothing gets lost on the way: it is one process.
struct LocalDispatch(mpsc::UnboundedSender<Task>);

impl Dispatch for LocalDispatch {
    async fn dispatch(&self, tasks: Vec<Task>) -> Result<(), DispatchError> {
        for task in tasks {
            self.0
                .send(task)
                .map_err(|error| DispatchError(error.to_string()))?;
        }
        Ok(())
    }
}

/// How the loop ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing is left to do that could be done.
    CaughtUp(TickReport),
    /// Told to stop; every window in flight was released at a checkpoint.
    Stopped(TickReport),
    /// Every source is blocked or paused.
    AllBlocked(TickReport),
    /// A shard or a source cannot be read, and nothing else is left to do.
    Failed(TickReport),
}

impl Ending {
    /// Where every source stood at the end.
    pub(crate) const fn report(&self) -> &TickReport {
        let (Self::CaughtUp(report)
        | Self::Stopped(report)
        | Self::AllBlocked(report)
        | Self::Failed(report)) = self;
        report
    }
}

/// The engine over a locked state.
pub(crate) struct Engine {
    store: Store,
    worker: Arc<Worker<Store, LocalOutfit>>,
    seams: Seams,
}

impl Engine {
    /// An engine on `store`, whose lock the caller holds.
    pub(crate) fn new(store: Store, outfit: LocalOutfit, seams: Seams) -> Self {
        let worker = Arc::new(Worker::new(store.clone(), outfit, seams.clone()));
        Self {
            store,
            worker,
            seams,
        }
    }

    /// Puts the configuration's sources into the state: new and changed ones are applied, blocked
    /// ones get another try, and those it does not name any more are paused, not forgotten.
    pub(crate) async fn apply(&self, wanted: &[SourceDefinition]) -> anyhow::Result<()> {
        let now = self.seams.clock.now();
        let stored = sources::present(&self.store, wanted).await?;
        let difference = Difference::between(stored, wanted, None, true);
        let writes: Vec<_> = difference.writes().collect();
        sources::put(&self.store, &writes, now, |_| {}).await?;
        recover(&self.store, now).await?;
        Ok(())
    }

    /// Runs until told to stop, until everything is blocked, or, with `until_caught_up`, until
    /// nothing is left to do. `each_tick` sees every tick's report.
    ///
    /// However it ends, every worker has ended before: at a checkpoint, or at an error of its own.
    pub(crate) async fn run(
        &self,
        until_caught_up: bool,
        mut each_tick: impl FnMut(&TickReport),
    ) -> anyhow::Result<Ending> {
        let mut workers = JoinSet::new();
        let driven = self
            .drive(&mut workers, until_caught_up, &mut each_tick)
            .await;
        if driven.is_err() {
            self.seams.stop.request();
        }
        let mut wound_down = Ok(());
        while let Some(ended) = workers.join_next().await {
            wound_down = wound_down.and(check(ended));
        }
        let ending = driven?;
        wound_down?;
        match ending {
            Some(ending) => Ok(ending),
            // The windows that were released meanwhile count as what they are now.
            None => Ok(Ending::Stopped(self.look().await?)),
        }
    }

    /// The loop itself, up to an ending, or to `None` when it is told to stop: from then on no tick
    /// hands out a window.
    async fn drive(
        &self,
        workers: &mut JoinSet<Report>,
        until_caught_up: bool,
        each_tick: &mut impl FnMut(&TickReport),
    ) -> anyhow::Result<Option<Ending>> {
        let (sender, mut tasks) = mpsc::unbounded_channel();
        let dispatch = LocalDispatch(sender);
        let mut expiry_due = self.seams.clock.now();
        while !self.seams.stop.is_requested() {
            expiry_due = self.expire_history(expiry_due).await?;
            let report = self.tick(&dispatch).await?;
            each_tick(&report);
            while let Ok(task) = tasks.try_recv() {
                let worker = Arc::clone(&self.worker);
                workers.spawn(async move { worker.run(&task, Budget::UNLIMITED).await });
            }
            if workers.is_empty() {
                if until_caught_up && report.is_quiet() {
                    return Ok(Some(Ending::CaughtUp(report)));
                }
                if until_caught_up && report.is_stuck() {
                    return Ok(Some(Ending::Failed(report)));
                }
                if all_blocked(&report) {
                    return Ok(Some(Ending::AllBlocked(report)));
                }
            }
            tokio::select! {
                Some(ended) = workers.join_next() => check(ended)?,
                () = self.seams.stop.requested() => {}
                () = self.seams.clock.sleep(self.pause_ms(&report)) => {}
            }
        }
        Ok(None)
    }

    /// Deletes history that has run out if that is `due`, and says when it is due next: one call of
    /// the store deletes so much and no more, so at once again when it found something.
    async fn expire_history(&self, due: Timestamp) -> Result<Timestamp, StateError> {
        let now = self.seams.clock.now();
        if now < due {
            return Ok(due);
        }
        let deleted = self.store.expire_history(now).await?;
        let wait_ms = if deleted > 0 { 0 } else { EXPIRE_EVERY_MS };
        Ok(now.plus_ms(wait_ms))
    }

    async fn tick(&self, dispatch: &LocalDispatch) -> Result<TickReport, StateError> {
        let options = TickOptions {
            shards: Shards::ALL,
            dispatch_ms: None,
            share_pace: false,
            tasks_per_invocation: 1,
        };
        let now = self.seams.clock.now();
        Tick {
            store: &self.store,
            dispatch,
            options,
            now,
        }
        .run()
        .await
    }

    /// A tick that starts nothing: its tasks have nowhere to go.
    async fn look(&self) -> Result<TickReport, StateError> {
        windlass_orchestrator::look(&self.store, self.seams.clock.now()).await
    }

    fn pause_ms(&self, report: &TickReport) -> i64 {
        let now = self.seams.clock.now();
        let until: Option<Timestamp> = report.wakes_at();
        until.map_or(TICK_PAUSE_MAX_MS, |at| {
            at.ms_since(now).clamp(1, TICK_PAUSE_MAX_MS)
        })
    }
}

/// The error that ended a worker's run, if one did.
fn check(ended: Result<Report, tokio::task::JoinError>) -> anyhow::Result<()> {
    let report = ended.context(
        "a worker ended abnormally; its window is taken up again by the next `windlass run`",
    )?;
    match report.state_failure() {
        Some(error) => Err(error.clone().into()),
        None => Ok(()),
    }
}

fn all_blocked(report: &TickReport) -> bool {
    let blocked = |activity: Activity| matches!(activity, Activity::Blocked);
    report.unread.is_empty()
        && report.sources.iter().any(|source| blocked(source.activity))
        && report
            .sources
            .iter()
            .all(|source| blocked(source.activity) || source.activity == Activity::Paused)
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
