//! The complete loop in one process: plans changed and due sources, passes tasks to local workers,
//! and replans the sources of ended workers.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use windlass_core::deadline::Deadline;
use windlass_core::duration::Rounded;
use windlass_core::ids::SourceName;
use windlass_core::limits::STALL_LOG_MS;
use windlass_core::shard::Shards;
use windlass_core::source::SourceDefinition;
use windlass_core::stalls::{Spare, Stalls};
use windlass_core::task::Task;
use windlass_core::time::{HOUR_MS, SECOND_MS, Timestamp};
use windlass_orchestrator::{
    Agenda, Dispatch, DispatchError, SourceReport, SuspectPlace, Tick, TickOptions, TickReport,
    recover,
};
use windlass_state::{StateError, StateStore};
use windlass_worker::{On, Report, Seams, Stalled, Worker};

use super::adapters::LocalAdapterFactory;
use super::sinks::{Sinks, Unopened};
use super::unready;
use crate::difference::{Change, Difference, SourceDifference};
use crate::state::{Store, sources};

/// Maximum pause of the loop: the delay until an operator's change takes effect.
const PAUSE_MAX_MS: i64 = SECOND_MS;
/// Interval between two searches for expired history.
const EXPIRE_EVERY_MS: i64 = HOUR_MS;

/// Passes tasks to the loop below. No task can get lost within one process.
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

/// The outcome of the loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// No work is left that could be done.
    CaughtUp(TickReport),
    /// A stop was requested; every window in flight was released at a checkpoint.
    Stopped(TickReport),
    /// A shard or a source cannot be read, and no other work is left.
    Failed(TickReport),
}

impl Ending {
    /// The standing of every source at the end.
    pub(crate) const fn report(&self) -> &TickReport {
        let (Self::CaughtUp(report) | Self::Stopped(report) | Self::Failed(report)) = self;
        report
    }
}

/// The engine on a locked state.
pub(crate) struct Engine {
    store: Store,
    worker: Arc<Worker<Store, LocalAdapterFactory>>,
    sinks: Arc<Sinks>,
    seams: Seams,
    workers_max: usize,
    suspects: SuspectPlace,
}

/// Running workers, by the source that they were started for.
type Workers = JoinSet<(SourceName, Report)>;

/// The last observed writes of other processes.
#[derive(Debug, Default)]
struct Changes {
    looked_at: Option<Timestamp>,
    seen: Option<i64>,
}

impl Engine {
    /// An engine on `store`, whose lock the caller holds, with at most `workers_max` concurrent
    /// workers.
    pub(crate) fn new(
        store: Store,
        factory: LocalAdapterFactory,
        seams: Seams,
        workers_max: usize,
    ) -> Self {
        let sinks = Arc::clone(factory.sinks());
        let worker = Arc::new(Worker::new(store.clone(), factory, seams.clone()));
        Self {
            store,
            worker,
            sinks,
            seams,
            workers_max,
            suspects: SuspectPlace::default(),
        }
    }

    /// Writes the configuration's sources into the state: applies new and changed ones, retries
    /// blocked ones, and pauses those that it no longer names. Returns the names of the sources that
    /// it has paused.
    pub(crate) async fn apply(
        &self,
        wanted: &[SourceDefinition],
    ) -> anyhow::Result<Vec<SourceName>> {
        let now = self.seams.clock.now();
        let stored = sources::present(&self.store, wanted).await?;
        let difference = Difference::between(stored, wanted, None, true);
        let writes: Vec<_> = difference.writes().collect();
        sources::put(&self.store, &writes, now, |_| {}).await?;
        let is_paused = |it: &&SourceDifference| it.change == Change::Paused;
        let paused = difference.sources.iter().filter(is_paused);
        let paused: Vec<_> = paused.map(|it| it.wanted.name.clone()).collect();
        for source in &paused {
            tracing::warn!(
                %source,
                "source paused: no file of this configuration names it; a run whose configuration \
                 names it resumes it"
            );
        }
        recover(&self.store, now).await?;
        Ok(paused)
    }

    /// Opens the sinks, and blocks the sources of those that cannot be used. Called after
    /// [`Self::apply`] and before the first plan: no window of theirs is claimed before its sink is
    /// open.
    pub(crate) async fn open_sinks(&self, wanted: &[SourceDefinition]) -> Result<(), StateError> {
        let unusable = self.sinks.open_all().await?;
        let now = self.seams.clock.now();
        for definition in wanted.iter().filter(|it| !it.paused) {
            if let Some(why) = unusable.get(&definition.sink) {
                let (shard, name) = (definition.shard(), &definition.name);
                unready::block(&self.store, (shard, name), why, now).await?;
            }
        }
        Ok(())
    }

    /// Runs until a stop is requested or, with `until_caught_up`, until no work is left. Continues
    /// while every source is blocked, because blocked sources are probed. `each_plan` receives the
    /// reports of the sources just planned; none before a pause.
    ///
    /// In every case, all workers have ended before it returns: at a checkpoint, or with an error
    /// of their own.
    pub(crate) async fn run(
        &self,
        until_caught_up: bool,
        mut each_plan: impl FnMut(&[&SourceReport]),
    ) -> anyhow::Result<Ending> {
        let mut workers = JoinSet::new();
        let driven = self
            .drive(&mut workers, until_caught_up, &mut each_plan)
            .await;
        if driven.is_err() {
            self.seams.stop.request();
        }
        let mut wound_down = Ok(());
        while let Some(ended) = workers.join_next().await {
            wound_down = wound_down.and(check(ended).map(drop));
        }
        let ending = driven?;
        wound_down?;
        match ending {
            Some(ending) => Ok(ending),
            // Windows released meanwhile count with their present status.
            None => Ok(Ending::Stopped(self.look().await?)),
        }
    }

    /// The loop itself, up to an ending, or to `None` when a stop is requested: no plan dispatches
    /// a window after that.
    async fn drive(
        &self,
        workers: &mut Workers,
        until_caught_up: bool,
        each_plan: &mut impl FnMut(&[&SourceReport]),
    ) -> anyhow::Result<Option<Ending>> {
        let (sender, mut tasks) = mpsc::unbounded_channel();
        let dispatch = LocalDispatch(sender);
        let mut agenda = Agenda::new(self.workers_max);
        let mut changes = Changes::default();
        let mut expiry_due = self.seams.clock.now();
        let mut stalls_logged = None;
        while !self.seams.stop.is_requested() {
            expiry_due = self.expire_history(expiry_due).await?;
            while let Some(ended) = workers.try_join_next() {
                agenda.ended(&check(ended)?);
            }
            if self.has_changed(&mut changes).await? {
                agenda.list(&self.store).await?;
            }
            let tick = self.tick(&dispatch);
            agenda.advance(tick.now);
            let spare = self.spare(workers.len(), &mut stalls_logged);
            if let Some(planned) = agenda.step(&tick, &spare).await {
                while let Ok(task) = tasks.try_recv() {
                    self.start(workers, task);
                }
                let reports = planned.iter().filter_map(|it| agenda.report_of(it));
                each_plan(&reports.collect::<Vec<_>>());
                continue;
            }
            if workers.is_empty()
                && let Some(ending) = ending(&agenda, until_caught_up)
            {
                return Ok(Some(ending));
            }
            each_plan(&[]);
            tokio::select! {
                Some(ended) = workers.join_next() => agenda.ended(&check(ended)?),
                () = self.seams.stop.requested() => {}
                () = self.seams.clock.sleep(self.pause_ms(agenda.next_due())) => {}
            }
        }
        Ok(None)
    }

    /// The workers that may be started beside `running` ones. Logs the sources that hold workers
    /// without progress while others wait for one; `logged` is the time of the last such log.
    fn spare(&self, running: usize, logged: &mut Option<Timestamp>) -> Spare {
        if running < self.workers_max {
            return Stalls::default().spare(self.workers_max, running);
        }
        let stalled = self.worker.stalled();
        let now = self.seams.clock.now();
        let is_recent = |at: Timestamp| (0..STALL_LOG_MS).contains(&now.ms_since(at));
        if !stalled.is_empty() && !logged.is_some_and(is_recent) {
            *logged = Some(now);
            log_stalled(&stalled, self.workers_max);
        }
        let mut stalls = Stalls::default();
        for Stalled { window, on, .. } in stalled {
            let sink = match on {
                On::Vendor => None,
                On::Sink(name) => Some(name),
            };
            stalls.add(window.timeline.source, sink);
        }
        stalls.spare(self.workers_max, running)
    }

    fn start(&self, workers: &mut Workers, task: Task) {
        let worker = Arc::clone(&self.worker);
        let (sinks, store) = (Arc::clone(&self.sinks), self.store.clone());
        let clock = Arc::clone(&self.seams.clock);
        workers.spawn(async move {
            let report = match sinks.ready(&task.source).await {
                Ok(()) => worker.run(&task, Deadline::NONE).await,
                Err(Unopened::Sink(why)) => {
                    unready::put_off(&store, &task, &why, clock.now()).await
                }
                Err(Unopened::State(error)) => unready::failed(&task, &error),
            };
            (task.source, report)
        });
    }

    /// Returns true if another process has written to the state since the last check, with at most
    /// one check per [`PAUSE_MAX_MS`]. A store without such information counts as changed.
    async fn has_changed(&self, changes: &mut Changes) -> Result<bool, StateError> {
        let now = self.seams.clock.now();
        // A check in the future was made before the clock was set back.
        let is_fresh = |at: Timestamp| (0..PAUSE_MAX_MS).contains(&now.ms_since(at));
        if changes.looked_at.is_some_and(is_fresh) {
            return Ok(false);
        }
        let seen = self.store.changes().await?;
        let is_first = changes.looked_at.replace(now).is_none();
        let before = std::mem::replace(&mut changes.seen, seen);
        Ok(is_first || seen.is_none() || seen != before)
    }

    /// Deletes expired history if that is `due`, and returns the next due time: one call of the
    /// store deletes a limited amount, so after a deletion the next is due at once.
    async fn expire_history(&self, due: Timestamp) -> Result<Timestamp, StateError> {
        let now = self.seams.clock.now();
        // A due time further in the future was set before the clock was set back.
        let latest = now.plus_ms(EXPIRE_EVERY_MS);
        if now < due && due <= latest {
            return Ok(due);
        }
        let until = windlass_orchestrator::history_until(&self.store, now).await?;
        let deleted = match until {
            Some(until) => self.store.expire_history(until).await?,
            None => 0,
        };
        let wait_ms = if deleted > 0 { 0 } else { EXPIRE_EVERY_MS };
        Ok(now.plus_ms(wait_ms))
    }

    fn tick<'a>(&'a self, dispatch: &'a LocalDispatch) -> Tick<'a, Store, LocalDispatch> {
        Tick {
            store: &self.store,
            dispatch,
            options: TickOptions {
                shards: Shards::ALL,
                dispatch_ms: None,
                share_request_rate: false,
                tasks_per_invocation: 1,
            },
            suspects: Some(&self.suspects),
            now: self.seams.clock.now(),
        }
    }

    /// A report on every source, without starting anything.
    async fn look(&self) -> Result<TickReport, StateError> {
        windlass_orchestrator::look(&self.store, self.seams.clock.now()).await
    }

    fn pause_ms(&self, next_due: Option<Timestamp>) -> i64 {
        let now = self.seams.clock.now();
        next_due.map_or(PAUSE_MAX_MS, |at| at.ms_since(now).clamp(1, PAUSE_MAX_MS))
    }
}

/// Logs the workers that hang while all `workers_max` are in use, with the longest one as an
/// example.
fn log_stalled(stalled: &[Stalled], workers_max: usize) {
    let Some(Stalled { window, on, for_ms }) = stalled.iter().max_by_key(|it| it.for_ms) else {
        return;
    };
    let waits_for = match on {
        On::Vendor => "its vendor".to_owned(),
        On::Sink(name) => format!("sink `{name}`"),
    };
    tracing::warn!(
        source = %window.timeline.source,
        "{} of {workers_max} workers are stalled, the longest on {waits_for} for {}; other \
         sources get as many additional workers, and stalled sources get none",
        stalled.len(),
        Rounded(*for_ms),
    );
}

/// The ending of the loop when nothing is planned and no worker runs; `None` to continue.
fn ending(agenda: &Agenda, until_caught_up: bool) -> Option<Ending> {
    if until_caught_up && agenda.is_quiet() {
        Some(Ending::CaughtUp(agenda.report()))
    } else if until_caught_up && agenda.is_stuck() {
        Some(Ending::Failed(agenda.report()))
    } else {
        None
    }
}

/// The source of an ended worker, or the error that ended it.
fn check(
    ended: Result<(SourceName, Report), tokio::task::JoinError>,
) -> anyhow::Result<SourceName> {
    let (source, report) =
        ended.context("a worker panicked; the next `windlass run` resumes its window")?;
    match report.state_failure() {
        Some(error) => Err(error.clone().into()),
        None => Ok(source),
    }
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
