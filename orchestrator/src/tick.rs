//! One tick over all sources.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use windlass_core::ids::RateGroup;
use windlass_core::plan::{Plan, Situation, plan};
use windlass_core::source::SourceRecord;
use windlass_core::time::Timestamp;
use windlass_state::{StateError, StateStore};

use crate::carry::{Carried, Carrier};
use crate::dispatch::Dispatch;
use crate::report::{SourceReport, TickReport};
use crate::survey::survey;
use crate::view::{LaneView, SourceView, read_source};

/// Sources read at the same time.
const READS_AT_ONCE: usize = 16;
/// Times one timeline is planned again after somebody else moved first.
const ROUNDS_MAX: usize = 4;

/// How a tick runs where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TickOptions {
    /// How long a dispatch may take to reach a worker before it counts as lost; `None` when it
    /// cannot get lost, because dispatcher and worker are one process.
    pub dispatch_ms: Option<i64>,
    /// Whether each worker keeps its own share of a group's pace. False when all workers are one
    /// process, which keeps the group's pace as a whole.
    pub share_pace: bool,
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
    /// Reads every source, plans every timeline and carries the plans out. A source that cannot be
    /// read or planned is reported, and the others go on.
    ///
    /// # Errors
    /// When the sources themselves cannot be listed.
    pub async fn run(&self) -> Result<TickReport, StateError> {
        let records = self.store.sources().await?;
        let mut groups: BTreeMap<RateGroup, Vec<SourceView>> = BTreeMap::new();
        let mut report = TickReport::default();
        let mut reads = stream::iter(records.into_iter().map(|record| self.read(record)))
            .buffer_unordered(READS_AT_ONCE);
        while let Some(read) = reads.next().await {
            match read {
                Ok(view) => {
                    let group = view.record.definition.policy.rate_group.clone();
                    groups.entry(group).or_default().push(view);
                }
                Err(failed) => report.sources.push(failed),
            }
        }
        for (group, mut views) in groups {
            // The one that is furthest behind first, so that a shared limit starves nobody.
            views.sort_by_key(SourceView::complete_through);
            self.run_group(&group, views, &mut report).await;
        }
        report.sources.sort_by(|a, b| a.source.cmp(&b.source));
        Ok(report)
    }

    async fn read(&self, record: SourceRecord) -> Result<SourceView, SourceReport> {
        let failed = SourceReport::of(&record.definition.name, record.definition.start);
        read_source(self.store, record, self.now)
            .await
            .map_err(|error| SourceReport {
                error: Some(error.to_string()),
                ..failed
            })
    }

    async fn run_group(&self, group: &RateGroup, views: Vec<SourceView>, report: &mut TickReport) {
        let gate = match self.store.rate_gate(group).await {
            Ok(gate) => gate
                .map(|gate| gate.not_before)
                .filter(|until| *until > self.now),
            Err(error) => {
                report.sources.extend(views.iter().map(|view| SourceReport {
                    error: Some(error.to_string()),
                    ..report_of(view)
                }));
                return;
            }
        };
        let in_flight: usize = views
            .iter()
            .flat_map(|view| &view.lanes)
            .map(LaneView::in_flight)
            .sum();
        let limit = views
            .iter()
            .map(|view| view.record.definition.policy.group_in_flight)
            .max();
        let limit = limit.map_or(0, to_usize);
        let mut group_slots = if gate.is_some() {
            0
        } else {
            limit.saturating_sub(in_flight)
        };
        for view in views {
            let mut source = report_of(&view);
            if let Err(error) = self.run_source(&view, gate, group_slots, &mut source).await {
                tracing::error!(source = %source.source, %error, "source not planned");
                source.error = Some(error.to_string());
            }
            group_slots = group_slots.saturating_sub(source.dispatched);
            report.sources.push(source);
        }
    }

    async fn run_source(
        &self,
        view: &SourceView,
        gate: Option<Timestamp>,
        group_slots: usize,
        report: &mut SourceReport,
    ) -> Result<(), StateError> {
        let policy = &view.record.definition.policy;
        let in_flight: usize = view.lanes.iter().map(LaneView::in_flight).sum();
        let slots = to_usize(policy.max_in_flight)
            .saturating_sub(in_flight)
            .min(group_slots);
        let mut lanes = Vec::with_capacity(view.lanes.len());
        for lane in &view.lanes {
            let free = slots.saturating_sub(report.dispatched);
            lanes.push(self.run_lane(&view.record, lane, free, report).await?);
        }
        let after = SourceView {
            record: view.record.clone(),
            lanes,
        };
        survey(&after, gate, self.now, report);
        Ok(())
    }

    /// Plans one lane until its plan is carried out whole; returns the lane as last read.
    async fn run_lane(
        &self,
        record: &SourceRecord,
        lane: &LaneView,
        slots: usize,
        report: &mut SourceReport,
    ) -> Result<LaneView, StateError> {
        let mut lane = lane.clone();
        let before = report.dispatched;
        for _ in 0..ROUNDS_MAX {
            let free = slots.saturating_sub(report.dispatched - before);
            let plan = self.plan(record, &lane, free);
            let pace = record
                .definition
                .policy
                .requests_per_minute
                .map(|per_minute| {
                    let sharers = record.definition.policy.group_in_flight.max(1);
                    if self.options.share_pace {
                        (per_minute / sharers).max(1)
                    } else {
                        per_minute
                    }
                });
            let mut carrier = Carrier {
                store: self.store,
                dispatch: self.dispatch,
                requests_per_minute: pace,
                report: &mut *report,
            };
            let carried = carrier.carry_out(&plan).await?;
            if plan.is_empty() {
                break;
            }
            lane = lane.reread(self.store).await?;
            // A plan that only moved marks may have made room to carve.
            if carried == Carried::Whole && !plan.create.is_empty() {
                break;
            }
        }
        Ok(lane)
    }

    fn plan(&self, record: &SourceRecord, lane: &LaneView, slots: usize) -> Plan {
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
}

fn report_of(view: &SourceView) -> SourceReport {
    SourceReport::of(&view.record.definition.name, view.record.definition.start)
}

fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
