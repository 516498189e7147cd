//! The planning of a rate group's sources together: they share its slots and its cooldown.

use tracing::{Instrument, Span, error_span};
use windlass_core::slots::{GroupLimits, Room, crowded, in_order, room};
use windlass_core::stalls::Spare;
use windlass_core::time::Timestamp;
use windlass_core::view::{LaneView, SourceView};
use windlass_state::{StateError, StateStore};

use crate::dispatch::Dispatch;
use crate::known::Known;
use crate::outbox::Outbox;
use crate::report::SourceReport;
use crate::runs::{GroupRun, SourceRun};
use crate::survey::survey;
use crate::tick::Tick;

/// Visited sources of one rate group, and the windows of its other sources.
#[derive(Debug)]
pub(crate) struct Visit {
    /// The sources as read; afterwards, as the plans left them.
    pub(crate) views: Vec<SourceView>,
    /// The limits of the whole group.
    pub(crate) limits: GroupLimits,
    /// Windows in flight of the group's other sources.
    pub(crate) others_in_flight: usize,
    /// Windows that the visit may dispatch.
    pub(crate) allowance: usize,
    /// The workers for it, and the sources excluded from them.
    pub(crate) spare: Spare,
    /// The end of the group's cooldown, if the visit found one.
    pub(crate) cooldown: Option<Timestamp>,
    /// The stored facts of the group.
    pub(crate) known: Known,
}

impl Visit {
    /// Windows of the group in flight.
    pub(crate) fn in_flight(&self) -> usize {
        let visited: usize = self.views.iter().map(SourceView::in_flight).sum();
        self.others_in_flight + visited
    }
}

impl<S: StateStore, D: Dispatch> Tick<'_, S, D> {
    /// Plans every lane of the visited sources, in the order of their places. One report per
    /// source.
    pub(crate) async fn visit(
        &self,
        visit: &mut Visit,
        outbox: &Outbox<'_, D>,
    ) -> Vec<SourceReport> {
        let mut reports: Vec<_> = visit.views.iter().map(report_of).collect();
        visit.known = match self.known(&visit.views).await {
            Ok(known) => known,
            Err(error) => {
                for report in &mut reports {
                    report_failure(report, &error);
                }
                return reports;
            }
        };
        visit.cooldown = visit.known.closed_until(self.now);
        let crowded = if self.options.dispatch_ms.is_some() {
            crowded(&visit.views, &visit.limits, self.now)
        } else {
            // In one process the next plan comes as soon as a worker ends.
            vec![false; visit.views.len()]
        };
        let mut in_group = visit.in_flight();
        let group = GroupRun {
            known: &visit.known,
            outbox,
        };
        for (view, lane) in in_order(&visit.views, self.now) {
            if reports[view].error.is_some() {
                continue;
            }
            let (source, report) = (&mut visit.views[view], &mut reports[view]);
            let before = source.lanes[lane].in_flight();
            let is_held =
                visit.cooldown.is_some() || visit.spare.withholds(&source.record.definition);
            let most = if is_held {
                0
            } else {
                room(source, lane, &visit.limits, in_group, self.now)
            };
            let room = Room {
                most,
                allowance: visit.allowance,
                crowded: crowded[view],
                rate: visit.limits.task_rate(&source.record.definition.policy),
            };
            let dispatched = report.dispatched;
            let span = lane_span(&source.lanes[lane]);
            let run = SourceRun {
                view: source,
                report: &mut *report,
            };
            let run = self.run_lane(run, lane, room, &group);
            if let Err(error) = run.instrument(span).await {
                report_failure(report, &error);
            }
            visit.allowance -= visit.allowance.min(report.dispatched - dispatched);
            in_group = (in_group + source.lanes[lane].in_flight()).saturating_sub(before);
        }
        for (view, report) in visit.views.iter().zip(&mut reports) {
            if report.error.is_none() {
                let time = visit.known.time(&view.record, self.now);
                survey(view, visit.cooldown, self.now, &time, report);
            }
        }
        reports
    }

    /// The stored facts of the group of `views`. Not read while all of them rest.
    async fn known(&self, views: &[SourceView]) -> Result<Known, StateError> {
        let rests = |view: &SourceView| {
            view.lanes.iter().all(|lane| {
                let through = view.through_for(&lane.progress.timeline.lane);
                self.planner().rests(&view.record, &lane.progress, through)
            })
        };
        match views.first() {
            Some(first) if !views.iter().all(rests) => {
                let group = &first.record.definition.policy.rate_group;
                Known::read(self.store, group).await
            }
            _ => Ok(Known::AtRest),
        }
    }
}

/// The span of `lane`'s planning: its log lines name the source.
fn lane_span(lane: &LaneView) -> Span {
    let timeline = &lane.progress.timeline;
    error_span!("lane", source = %timeline.source, lane = %timeline.lane)
}

pub(crate) fn report_of(view: &SourceView) -> SourceReport {
    SourceReport::of(&view.record.definition.name, view.record.definition.start)
}

/// Puts into `report` and the log why its source could not be read or planned.
pub(crate) fn report_failure(report: &mut SourceReport, error: &StateError) {
    tracing::error!(source = %report.source, %error, "source not planned");
    report.error = Some(error.to_string());
}
