//! A tick: its inputs, and its planning of one lane.

use tracing::{Span, error_span};
use windlass_core::ids::WindowId;
use windlass_core::plan::{Situation, Suspects, plan};
use windlass_core::planner::Planner;
use windlass_core::shard::Shards;
use windlass_core::slots::Room;
use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_core::view::{LaneView, SourceView};
use windlass_state::{SaveError, StateError, StateStore};

use crate::carry::{Carried, Carrier};
use crate::dispatch::Dispatch;
use crate::ledger::{self, LedgerRead};
use crate::runs::{GroupRun, SourceRun};
use crate::suspects::SuspectPlace;
use crate::view::reread;

/// Rounds in which one timeline is planned again after a conditional write lost.
const ROUNDS_MAX: usize = 4;

/// The outcome of beginning a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begun {
    /// Its start is stored.
    Stored,
    /// Its source has left this shard.
    SourceIsGone,
}

/// The environment of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickOptions {
    /// The shards it plans. Other orchestrators may have the others.
    pub shards: Shards,
    /// Time after which a dispatch that has not reached a worker counts as lost; `None` when it
    /// cannot get lost, because dispatcher and worker are one process.
    pub dispatch_ms: Option<i64>,
    /// True if each worker keeps its own share of a group's request rate. False when all workers
    /// are one process, which keeps the rate of the whole group.
    pub share_request_rate: bool,
    /// Most quiet windows that share a worker; 1 where workers cost nothing.
    pub tasks_per_invocation: usize,
}

/// An orchestrator's tick.
#[derive(Debug)]
pub struct Tick<'a, S, D> {
    /// The state store.
    pub store: &'a S,
    /// The destination of tasks.
    pub dispatch: &'a D,
    /// Its environment.
    pub options: TickOptions,
    /// The place of the one suspect in flight, where all workers are one process; `None` where each
    /// task has its own process.
    pub suspects: Option<&'a SuspectPlace>,
    /// The instant of the tick.
    pub now: Timestamp,
}

impl<S, D> Tick<'_, S, D> {
    /// The span of this tick's log lines. It has the level of errors, so that no level filter
    /// removes it from a line that it passes.
    pub(crate) fn span(&self) -> Span {
        error_span!("tick", at = %self.now)
    }

    /// The planner of this tick.
    pub(crate) const fn planner(&self) -> Planner {
        Planner {
            now: self.now,
            dispatch_ms: self.options.dispatch_ms,
        }
    }
}

impl<S: StateStore, D: Dispatch> Tick<'_, S, D> {
    /// Plans one lane of `source` until its plan is carried out whole, with no more of its windows in flight
    /// than there is `room` for; leaves the lane as last read.
    pub(crate) async fn run_lane(
        &self,
        source: SourceRun<'_>,
        lane: usize,
        room: Room,
        group: &GroupRun<'_, D>,
    ) -> Result<(), StateError> {
        let SourceRun { view, report } = source;
        let through = view.through_for(&view.lanes[lane].progress.timeline.lane);
        let live_records = view.live_records_per_hour();
        let SourceView { record, lanes } = view;
        let lane = &mut lanes[lane];
        let time = group.known.time(record, self.now);
        let at = time.sweeps_at();
        let ledger = ledger::read(self.store, record, &lane.progress, through, at).await?;
        let ledger = ledger.as_ref().map(LedgerRead::as_ledger);
        let dispatched = report.dispatched;
        for _ in 0..ROUNDS_MAX {
            // Counted again each round: another tick may have dispatched meanwhile.
            let slots = room.slots(lane.in_flight(), report.dispatched - dispatched);
            let suspect = self.suspect(lane, slots).await?;
            let suspects = match self.suspects {
                Some(_) => Suspects::Only(suspect.as_ref()),
                None => Suspects::Apart,
            };
            let plan = plan(&Situation {
                ledger: ledger.as_ref(),
                slots,
                suspects,
                ..self.planner().situation(record, lane, time)
            });
            if plan.is_empty() {
                break;
            }
            let creates = plan.creates();
            if lane.progress.version == 0 && creates {
                if self.begin(record, lane).await? == Begun::SourceIsGone {
                    break;
                }
                continue;
            }
            let mut carrier = Carrier {
                store: self.store,
                group,
                shard: record.shard(),
                // A sweep delivers few records and reads those of the live lane.
                records_per_hour: lane.records_per_hour().max(live_records),
                room,
                report: &mut *report,
            };
            // A plan that only moved marks may have made room for new windows, and the parts of a
            // split are still to be dispatched.
            if carrier.carry_out_and_reread(plan, lane).await? == Carried::Whole && creates {
                break;
            }
        }
        Ok(())
    }

    /// The suspect of `lane` that may be dispatched into one of its `slots`. Only one may be in
    /// flight in all lanes together.
    async fn suspect(&self, lane: &LaneView, slots: usize) -> Result<Option<WindowId>, StateError> {
        let (Some(place), Some(candidate)) = (self.suspects, lane.ready_suspect(self.now)) else {
            return Ok(None);
        };
        let may_go = slots > 0 && place.take(self.store, candidate.id()).await?;
        Ok(may_go.then(|| candidate.id().clone()))
    }

    /// Stores the start of a lane before its first window exists. If the start moved while no mark
    /// is stored, windows that a stopped tick left would belong to no chain.
    ///
    /// The listing of a shard may lag, and show a source that has moved to another shard with its
    /// marks. Here its lane would begin again, so the source is read once more.
    async fn begin(&self, record: &SourceRecord, lane: &mut LaneView) -> Result<Begun, StateError> {
        let (shard, name) = (record.shard(), &record.definition.name);
        if self.store.source(shard, name).await?.is_none() {
            tracing::info!(source = %name, %shard, "the source has moved to another shard");
            return Ok(Begun::SourceIsGone);
        }
        match self.store.save_progress(shard, &lane.progress).await {
            Ok(stored) => lane.progress = stored,
            Err(SaveError::Conflict(_) | SaveError::Store(StateError::Unknown(_))) => {
                *lane = reread(self.store, shard, lane).await?;
            }
            Err(SaveError::Store(error)) => return Err(error),
        }
        Ok(Begun::Stored)
    }
}

#[cfg(test)]
#[path = "histories_tests.rs"]
mod histories;
#[cfg(test)]
#[path = "holes_tests.rs"]
mod holes;
#[cfg(test)]
#[path = "races_tests.rs"]
mod races;
#[cfg(test)]
#[path = "rate_tests.rs"]
mod rate;
#[cfg(test)]
#[path = "retention_tests.rs"]
mod retention;
#[cfg(test)]
#[path = "slots_tests.rs"]
mod slots;
#[cfg(test)]
#[path = "splits_tests.rs"]
mod splits;
#[cfg(test)]
#[path = "summary_tests.rs"]
mod summary;
#[cfg(test)]
#[path = "sweeps_tests.rs"]
mod sweeps;
#[cfg(test)]
#[path = "tick_tests.rs"]
mod tests;
