//! One rate group of an agenda: its sources, and their lanes that wait for a slot.

use std::collections::{BTreeMap, BTreeSet};

use tracing::Instrument;
use windlass_core::ids::{RateGroup, SourceName};
use windlass_core::planner::RETRY_MS;
use windlass_core::slots::{GroupLimits, Place, wants_worker};
use windlass_core::source::SourceDefinition;
use windlass_core::stalls::Spare;
use windlass_core::time::Timestamp;
use windlass_core::view::SourceView;
use windlass_state::StateStore;

use super::board::{Board, Due};
use super::unseen;
use crate::dispatch::Dispatch;
use crate::known::Known;
use crate::outbox::Outbox;
use crate::report::SourceReport;
use crate::tick::Tick;
use crate::visit::{Visit, report_failure};

/// Number of sources that one visit reads and plans: their windows are in memory together, and no
/// worker starts meanwhile.
const SOURCES_PER_VISIT_MAX: usize = 64;

/// A round of visits: the tick that plans, where its tasks go, and the workers that are spare.
#[derive(Debug)]
pub(super) struct Round<'a, S, D> {
    pub(super) tick: &'a Tick<'a, S, D>,
    pub(super) outbox: &'a Outbox<'a, D>,
    pub(super) spare: &'a Spare,
}

/// The workers of the process that a visit may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    /// Free workers for this visit.
    pub(super) free: usize,
    /// Most workers of the group.
    pub(super) share_max: usize,
}

/// The outcome of a visit.
#[derive(Debug, Default)]
pub(super) struct Visited {
    /// The sources that were planned, or failed to be.
    pub(super) sources: Vec<SourceName>,
    /// Sources that have left this group.
    pub(super) gone: Vec<SourceName>,
    /// Every source that was read, so that none is read twice.
    seen: BTreeSet<SourceName>,
}

/// A source between two plans.
#[derive(Debug)]
struct Member {
    in_flight: usize,
    /// The places of its lanes in `Group::waiting`.
    places: Vec<Place>,
    due: Option<Timestamp>,
    report: SourceReport,
}

/// A rate group between two plans.
#[derive(Debug)]
pub(super) struct Group {
    name: RateGroup,
    pub(super) limits: GroupLimits,
    members: BTreeMap<SourceName, Member>,
    /// Windows in flight, as of the last plans.
    in_flight: usize,
    /// Lanes that need only a slot of the group and a worker of the process.
    waiting: BTreeSet<Place>,
    /// Sources to plan.
    pub(super) touched: BTreeSet<SourceName>,
    pub(super) is_queued: bool,
    pub(super) is_hungry: bool,
    /// The end of its cooldown, if the last visit found one.
    pub(super) closed_until: Option<Timestamp>,
}

impl Group {
    pub(super) fn new(name: RateGroup, limits: GroupLimits) -> Self {
        Self {
            name,
            limits,
            members: BTreeMap::new(),
            in_flight: 0,
            waiting: BTreeSet::new(),
            touched: BTreeSet::new(),
            is_queued: false,
            is_hungry: false,
            closed_until: None,
        }
    }

    pub(super) fn report_of(&self, source: &SourceName) -> Option<&SourceReport> {
        self.members.get(source).map(|member| &member.report)
    }

    /// Adds the source of `definition` unless it is a member already.
    pub(super) fn join(&mut self, board: &mut Board, definition: &SourceDefinition) {
        let name = &definition.name;
        if !self.members.contains_key(name) {
            let report = SourceReport::of(name, definition.start);
            board.standing.add(&report);
            let member = Member {
                in_flight: 0,
                places: Vec::new(),
                due: None,
                report,
            };
            self.members.insert(name.clone(), member);
        }
    }

    pub(super) fn leave(&mut self, board: &mut Board, source: &SourceName) {
        self.touched.remove(source);
        let Some(member) = self.members.remove(source) else {
            return;
        };
        self.in_flight -= member.in_flight;
        for place in &member.places {
            self.waiting.remove(place);
        }
        board.standing.remove(&member.report);
        board.losses.forget(source);
        board.reschedule(&Due::Source(source.clone()), member.due, None);
    }

    /// Returns true if it would use another worker.
    pub(super) fn wants(&self, share_max: usize) -> bool {
        let most = self.limits.in_flight_max.min(share_max);
        !self.waiting.is_empty() && self.closed_until.is_none() && self.in_flight < most
    }

    /// Plans the touched sources, and those that wait, within the slots of the group and the
    /// workers of the process.
    pub(super) async fn visit<S: StateStore, D: Dispatch>(
        &mut self,
        board: &mut Board,
        round: &Round<'_, S, D>,
        allowance: Allowance,
    ) -> Visited {
        let mut visited = Visited::default();
        let mut left = allowance.free;
        let mut wanted = self.take_touched();
        loop {
            let mut views = self.read(board, round.tick, wanted, &mut visited).await;
            // A waiting source with an earlier place precedes one that was just planned.
            let room = self.room(&views, left, allowance.share_max);
            let waiting = self.waiting.iter().map(Place::source);
            let waiting = unseen(waiting, &visited.seen, room);
            views.extend(self.read(board, round.tick, waiting, &mut visited).await);
            if views.is_empty() {
                return visited;
            }
            let room = self.room(&views, left, allowance.share_max);
            let unused = self.plan(board, round, views, room).await;
            left -= left.min(room - unused);
            if unused == 0 || self.closed_until.is_some() {
                return visited;
            }
            wanted = Vec::new();
        }
    }

    fn take_touched(&mut self) -> Vec<SourceName> {
        let mut taken = Vec::new();
        while taken.len() < SOURCES_PER_VISIT_MAX
            && let Some(name) = self.touched.pop_first()
        {
            taken.push(name);
        }
        taken
    }

    /// Number of windows that may be dispatched, given the sources just read.
    fn room(&self, views: &[SourceView], left: usize, share_max: usize) -> usize {
        let in_flight: usize = views.iter().map(SourceView::in_flight).sum();
        let in_flight = self.others_in_flight(views) + in_flight;
        let most = self.limits.in_flight_max.min(share_max);
        most.saturating_sub(in_flight).min(left)
    }

    fn others_in_flight(&self, views: &[SourceView]) -> usize {
        let member = |view: &SourceView| self.members.get(&view.record.definition.name);
        let before = |view: &SourceView| member(view).map_or(0, |member| member.in_flight);
        self.in_flight - views.iter().map(before).sum::<usize>()
    }

    /// Reads the sources `names`, and notes those that are unreadable or gone.
    async fn read<S: StateStore, D: Dispatch>(
        &mut self,
        board: &mut Board,
        tick: &Tick<'_, S, D>,
        names: Vec<SourceName>,
        visited: &mut Visited,
    ) -> Vec<SourceView> {
        let (shard, mut views) = (self.name.shard(), Vec::new());
        for name in names {
            visited.seen.insert(name.clone());
            match tick.read_named(shard, &name).await {
                Ok(Some(view)) if view.record.definition.policy.rate_group == self.name => {
                    visited.sources.push(name);
                    views.push(view);
                }
                Ok(_) => visited.gone.push(name),
                Err(error) => {
                    let start = self.report_of(&name).map(|report| report.complete_through);
                    let mut report = SourceReport::of(&name, start.unwrap_or(Timestamp::MIN));
                    report_failure(&mut report, &error);
                    let in_flight = self.members.get(&name).map_or(0, |it| it.in_flight);
                    let failed = Member {
                        in_flight,
                        places: Vec::new(),
                        due: Some(tick.now.plus_ms(RETRY_MS)),
                        report,
                    };
                    self.settle(board, failed);
                    visited.sources.push(name);
                }
            }
        }
        views
    }

    /// Plans `views`, which may hand out `room` windows, none of a source that the round withholds them
    /// from. Returns the number of these that are left.
    async fn plan<S: StateStore, D: Dispatch>(
        &mut self,
        board: &mut Board,
        round: &Round<'_, S, D>,
        views: Vec<SourceView>,
        room: usize,
    ) -> usize {
        let Round {
            tick,
            outbox,
            spare,
        } = *round;
        let mut visit = Visit {
            others_in_flight: self.others_in_flight(&views),
            views,
            limits: self.limits,
            allowance: room,
            spare: spare.clone(),
            cooldown: None,
            known: Known::AtRest,
        };
        let visited = tick.visit(&mut visit, outbox).instrument(tick.span());
        let reports = visited.await;
        let before = self.closed_until;
        self.closed_until = visit.cooldown;
        board.reschedule(&Due::Group(self.name.clone()), before, visit.cooldown);
        let in_flight_max = self.limits.in_flight_max;
        let left = in_flight_max.saturating_sub(visit.in_flight());
        let unused = visit.allowance.min(left);
        for (view, report) in visit.views.iter().zip(reports) {
            let lanes = view.lanes.iter().enumerate();
            let wants = lanes.filter(|(_, lane)| wants_worker(view, lane, tick.now));
            let mut places: Vec<_> = wants
                .map(|(lane, _)| Place::of(view, lane, tick.now))
                .collect();
            let mut due = tick.planner().due(
                view,
                report.created > 0,
                visit.known.time(&view.record, tick.now),
            );
            // Planned again soon, so that it does not delay the others.
            let is_withheld = spare.withholds(&view.record.definition);
            let failed =
                report.error.is_some() || is_withheld || (unused > 0 && visit.cooldown.is_none());
            if failed && !(places.is_empty() && report.error.is_none()) {
                places.clear();
                due = due.min(tick.now.plus_ms(RETRY_MS));
            }
            let planned = Member {
                in_flight: view.in_flight(),
                places,
                due: Some(due),
                report,
            };
            self.settle(board, planned);
        }
        unused
    }

    /// Keeps `planned`, a source as its last plan left it.
    fn settle(&mut self, board: &mut Board, planned: Member) {
        let Some(member) = self.members.get_mut(&planned.report.source) else {
            return;
        };
        for place in &member.places {
            self.waiting.remove(place);
        }
        self.waiting.extend(planned.places.iter().cloned());
        self.in_flight = self.in_flight - member.in_flight + planned.in_flight;
        let source = Due::Source(planned.report.source.clone());
        board.reschedule(&source, member.due, planned.due);
        board.standing.remove(&member.report);
        board.standing.add(&planned.report);
        board.losses.log(&planned.report);
        *member = planned;
    }
}
