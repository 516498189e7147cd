//! One tick over all sources.

use futures_util::{StreamExt, stream};
use windlass_core::ids::{Lane, RateGroup};
use windlass_core::plan::{Plan, Situation, plan};
use windlass_core::shard::{Shard, Shards};
use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_state::{SaveError, StateError, StateStore};

use crate::carry::{Carried, Carrier};
use crate::dispatch::Dispatch;
use crate::outbox::Outbox;
use crate::report::{SourceReport, TickReport};
use crate::survey::{closed_until, survey};
use crate::view::{LaneView, SourceView};

/// Rate groups planned at the same time. The sources of one group take turns, for they share slots.
const GROUPS_AT_ONCE: usize = 16;
/// Times one timeline is planned again after somebody else moved first.
const ROUNDS_MAX: usize = 4;

/// How a tick runs where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickOptions {
    /// The shards it plans. Other orchestrators may have the others.
    pub shards: Shards,
    /// How long a dispatch may take to reach a worker before it counts as lost; `None` when it
    /// cannot get lost, because dispatcher and worker are one process.
    pub dispatch_ms: Option<i64>,
    /// Whether each worker keeps its own share of a group's pace. False when all workers are one
    /// process, which keeps the group's pace as a whole.
    pub share_pace: bool,
    /// How many small windows may share a worker; 1 where workers cost nothing.
    pub tasks_per_invocation: usize,
}

/// An orchestrator's tick.
#[derive(Debug)]
pub struct Tick<'a, S, D> {
    /// The state.
    pub store: &'a S,
    /// Where tasks go.
    pub dispatch: &'a D,
    /// How it runs here.
    pub options: TickOptions,
    /// Now.
    pub now: Timestamp,
}

impl<S: StateStore, D: Dispatch> Tick<'_, S, D> {
    /// Reads every source of its shards, plans every timeline and carries the plans out. What
    /// cannot be read or planned is reported, and the rest goes on.
    ///
    /// # Errors
    /// When the shards themselves cannot be listed.
    pub async fn run(&self) -> Result<TickReport, StateError> {
        let outbox = Outbox::new(self.dispatch, self.options.tasks_per_invocation);
        let mut report = TickReport::default();
        let groups = self.read_all(&mut report).await?;
        let mut runs = stream::iter(
            groups
                .into_iter()
                .map(|(group, views)| self.run_group(group, views, &outbox)),
        )
        .buffer_unordered(GROUPS_AT_ONCE);
        while let Some(reports) = runs.next().await {
            report.sources.extend(reports);
        }
        drop(runs);
        report.invocations = outbox.close().await;
        report.sources.sort_by(|a, b| a.source.cmp(&b.source));
        Ok(report)
    }

    async fn run_group(
        &self,
        group: RateGroup,
        mut views: Vec<SourceView>,
        outbox: &Outbox<'_, D>,
    ) -> Vec<SourceReport> {
        let mut reports: Vec<_> = views.iter().map(report_of).collect();
        let lanes = views
            .iter()
            .flat_map(|view| view.lanes.iter().map(move |lane| (&view.record, lane)));
        let at_rest = lanes
            .into_iter()
            .all(|(record, lane)| self.rests(record, &lane.progress));
        let gate = match self.gate(&group, at_rest).await {
            Ok(gate) => gate,
            Err(error) => {
                for report in &mut reports {
                    report_failure(report, &error);
                }
                return reports;
            }
        };
        for (view, lane) in turns(&views) {
            if reports[view].error.is_some() {
                continue;
            }
            let most = if gate.is_some() {
                0
            } else {
                room(&views, view, lane)
            };
            let SourceView { record, lanes } = &mut views[view];
            let lane = &mut lanes[lane];
            let ran = self
                .run_lane(record, lane, most, outbox, &mut reports[view])
                .await;
            if let Err(error) = ran {
                report_failure(&mut reports[view], &error);
            }
        }
        for (view, report) in views.iter().zip(&mut reports) {
            if report.error.is_none() {
                survey(view, gate, self.now, report);
            }
        }
        reports
    }

    /// Until when `group` is closed. Not asked while all of it is `at_rest`.
    async fn gate(
        &self,
        group: &RateGroup,
        at_rest: bool,
    ) -> Result<Option<Timestamp>, StateError> {
        if at_rest {
            return Ok(None);
        }
        closed_until(self.store, group, self.now).await
    }

    /// Plans one lane until its plan is carried out whole, with at most `most` of its windows in
    /// flight; leaves the lane as last read.
    async fn run_lane(
        &self,
        record: &SourceRecord,
        lane: &mut LaneView,
        most: usize,
        outbox: &Outbox<'_, D>,
        report: &mut SourceReport,
    ) -> Result<(), StateError> {
        let shard = record.shard();
        for _ in 0..ROUNDS_MAX {
            // Counted anew each round: another tick may have dispatched meanwhile.
            let plan = self.plan(record, lane, most.saturating_sub(lane.in_flight()));
            if plan.is_empty() {
                break;
            }
            if lane.progress.version == 0 && !plan.create.is_empty() {
                self.begin(shard, lane).await?;
                continue;
            }
            let mut carrier = Carrier {
                store: self.store,
                outbox,
                shard,
                records_per_hour: lane.progress.records_per_hour,
                requests_per_minute: self.pace(record),
                report: &mut *report,
            };
            let carried = carrier.carry_out(&plan).await;
            // Read even after a failure, so that what was dispatched until then is counted.
            let reread = lane
                .reread(self.store, shard)
                .await
                .map(|reread| *lane = reread);
            let carried = carried?;
            reread?;
            // A plan that only moved marks may have made room to carve.
            if carried == Carried::Whole && !plan.create.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Stores where a lane begins, before its first window exists: were its start to move while no
    /// mark is stored, windows that a stopped tick left would belong to no chain.
    async fn begin(&self, shard: Shard, lane: &mut LaneView) -> Result<(), StateError> {
        match self.store.save_progress(shard, &lane.progress).await {
            Ok(stored) => lane.progress = stored,
            Err(SaveError::Conflict(_) | SaveError::Store(StateError::Unknown(_))) => {
                *lane = lane.reread(self.store, shard).await?;
            }
            Err(SaveError::Store(error)) => return Err(error),
        }
        Ok(())
    }

    pub(crate) fn plan(&self, record: &SourceRecord, lane: &LaneView, slots: usize) -> Plan {
        plan(&Situation {
            progress: &lane.progress,
            policy: &record.definition.policy,
            end: record.definition.end,
            open: &lane.open,
            behind: &lane.behind,
            active: record.is_active(),
            slots,
            dispatch_until: self
                .options
                .dispatch_ms
                .map_or(Timestamp::MAX, |ms| self.now.plus_ms(ms)),
            now: self.now,
        })
    }

    /// The pace a task carries: each worker's share of what the group may send, at least one
    /// request a minute.
    fn pace(&self, record: &SourceRecord) -> Option<u32> {
        let policy = &record.definition.policy;
        let per_minute = policy.requests_per_minute?;
        if self.options.share_pace {
            Some((per_minute / policy.group_in_flight.max(1)).max(1))
        } else {
            Some(per_minute)
        }
    }
}

/// The lanes of a rate group in the order in which they may take its slots: live before sweeps
/// before backfills, and of each kind the one that is furthest behind first, so that a shared limit
/// starves nobody. Two ticks that read the same take the same order, and so the same windows.
fn turns(views: &[SourceView]) -> Vec<(usize, usize)> {
    let mut turns: Vec<(usize, usize)> = views
        .iter()
        .enumerate()
        .flat_map(|(view, source)| (0..source.lanes.len()).map(move |lane| (view, lane)))
        .collect();
    turns.sort_by_cached_key(|&(view, lane)| {
        let lane = &views[view].lanes[lane];
        let kind = match lane.progress.timeline.lane {
            Lane::Live => 0,
            Lane::Sweep(_) => 1,
            Lane::Backfill(_) => 2,
        };
        (
            kind,
            lane.complete_through(),
            lane.progress.timeline.clone(),
        )
    });
    turns
}

/// How many windows of one lane may be in flight, beside those of the other lanes of its source and
/// of its rate group.
fn room(views: &[SourceView], view: usize, lane: usize) -> usize {
    let this = &views[view];
    let of_lane = this.lanes[lane].in_flight();
    let in_group: usize = views.iter().map(SourceView::in_flight).sum();
    let group_max = views
        .iter()
        .map(|view| view.record.definition.policy.group_in_flight)
        .max()
        .map_or(0, to_usize);
    let source_max = to_usize(this.record.definition.policy.max_in_flight);
    let in_source = source_max.saturating_sub(this.in_flight() - of_lane);
    in_source.min(group_max.saturating_sub(in_group - of_lane))
}

fn report_of(view: &SourceView) -> SourceReport {
    SourceReport::of(&view.record.definition.name, view.record.definition.start)
}

/// Says in `report` and in the log why its source could not be read or planned.
pub(crate) fn report_failure(report: &mut SourceReport, error: &StateError) {
    tracing::error!(source = %report.source, %error, "source not planned");
    report.error = Some(error.to_string());
}

fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
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
#[path = "slots_tests.rs"]
mod slots;
#[cfg(test)]
#[path = "tick_tests.rs"]
mod tests;
