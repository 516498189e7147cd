//! The planning of a rate group's sources together: they share its slots and its cooldown.

use tracing::{Instrument, Span, error_span};
use windlass_core::block::Work;
use windlass_core::due::{Follows, due_at};
use windlass_core::plan::Suspects;
use windlass_core::time::{MINUTE_MS, SECOND_MS, Timestamp};
use windlass_core::trust::{Cut, PlanTime};
use windlass_state::{StateError, StateStore};

use crate::dispatch::Dispatch;
use crate::known::Known;
use crate::ledger;
use crate::outbox::Outbox;
use crate::report::SourceReport;
use crate::slots::{GroupLimits, Room, crowded, in_order, room};
use crate::stalls::Spare;
use crate::survey::survey;
use crate::tick::Tick;
use crate::view::{LaneView, SourceView};

/// The longest time between two plans of a source. Finds changes without an event or a due instant,
/// such as time that its vendor drops.
const REVIEW_EVERY_MS: i64 = 5 * MINUTE_MS;
/// Milliseconds until a source is planned again that could not be, or not whole.
pub(crate) const RETRY_MS: i64 = SECOND_MS;
/// Milliseconds until a source is planned again that waits for its vendor's clock. The end of a
/// window comes sooner as an event; this is for a first window of many pages.
const CLOCK_PROBE_MS: i64 = 10 * SECOND_MS;

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
        for (view, lane) in in_order(&visit.views, self.now) {
            if reports[view].error.is_some() {
                continue;
            }
            let (source, report) = (&mut visit.views[view], &mut reports[view]);
            let before = source.lanes[lane].in_flight();
            let most = match source.record.work(self.now) {
                _ if visit.cooldown.is_some() => 0,
                _ if visit.spare.withholds(&source.record.definition) => 0,
                // Beside windows in flight since before the block, a probe would prove nothing.
                Work::Probe if source.in_flight() > 0 => 0,
                Work::Probe => room(source, lane, &visit.limits, in_group).min(1),
                Work::Everything | Work::Nothing => room(source, lane, &visit.limits, in_group),
            };
            let room = Room {
                most,
                allowance: visit.allowance,
                crowded: crowded[view],
                rate: visit.limits.task_rate(&source.record.definition.policy),
            };
            let dispatched = report.dispatched;
            let span = lane_span(&source.lanes[lane]);
            let run = self.run_lane(source, lane, room, &visit.known, outbox, report);
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

    /// The instant of the next plan of `view`, as a plan left it, if no event comes first. A plan
    /// that is not whole is continued: at once if this one `created` windows.
    pub(crate) fn due(&self, view: &SourceView, created: bool, time: PlanTime) -> Timestamp {
        let soon = self.now.plus_ms(RETRY_MS);
        let later = match time.cut() {
            Cut::Freely => soon,
            Cut::OneWindow => self.now.plus_ms(CLOCK_PROBE_MS),
        };
        let of_lane = |lane: &LaneView| {
            let (record, progress) = (&view.record, &lane.progress);
            let through = view.through_for(&progress.timeline.lane);
            let is_whole = self
                .plan(record, lane, (None, Suspects::Apart), 0, time)
                .is_empty()
                && !time.trusted().is_some_and(|trusted| {
                    ledger::due(record, progress, through, trusted.at()).is_some()
                });
            if !is_whole {
                return Some(if created { self.now } else { later });
            }
            let follows = ledger::after_ms(record, progress);
            let follows = follows.map(|after_ms| Follows { through, after_ms });
            // An instant that has passed without work would recur forever.
            due_at(&self.situation(record, lane, time), follows)
                .map(|at| if at <= self.now { later } else { at })
        };
        let probe_at = view.record.probe_at().filter(|at| *at > self.now);
        let of_lanes = view.lanes.iter().filter_map(of_lane);
        let first = of_lanes.chain(probe_at).min();
        let review = self.now.plus_ms(REVIEW_EVERY_MS);
        first.map_or(review, |first| first.min(review))
    }

    /// The stored facts of the group of `views`. Not read while all of them rest.
    async fn known(&self, views: &[SourceView]) -> Result<Known, StateError> {
        let rests = |view: &SourceView| {
            view.lanes.iter().all(|lane| {
                let through = view.through_for(&lane.progress.timeline.lane);
                self.rests(&view.record, &lane.progress, through)
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
