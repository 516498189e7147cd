//! The slots of a rate group: the order in which lanes take them, their number, and the request
//! rate of each.

use crate::block::Work;
use crate::ids::{Lane, SourceName, Timeline};
use crate::reservation::{Sharing, sharing};
use crate::retention;
use crate::source::Policy;
use crate::time::Timestamp;
use crate::view::{LaneView, SourceView};

/// The request rate in the tasks of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskRate {
    /// Requests a minute; `None` without a limit.
    pub requests_per_minute: Option<u32>,
    /// True if the workers of the whole group make request reservations.
    pub reserves_requests: bool,
}

/// The limits that the sources of a rate group share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupLimits {
    /// Most workers of any of its policies.
    workers: u32,
    /// True if each worker keeps its own share of the request rate.
    shares_request_rate: bool,
    /// True if the rate of some source is so low that workers make request reservations. Then all
    /// do: fixed shares of others would exceed the reserved rate.
    reserves_requests: bool,
    /// Windows of the group in flight at once.
    pub in_flight_max: usize,
}

impl GroupLimits {
    /// The limits of a group whose sources have these policies.
    pub fn of<'a>(
        policies: impl IntoIterator<Item = &'a Policy>,
        shares_request_rate: bool,
    ) -> Self {
        let (mut workers, mut rates) = (0, Vec::new());
        for policy in policies {
            workers = workers.max(policy.group_in_flight);
            rates.extend(policy.requests_per_minute);
        }
        // A source without a declared rate does not widen that of the others.
        let room = |rate: &u32| match sharing(*rate, workers) {
            Sharing::Fixed(_) => workers,
            Sharing::Reserved { workers_max } => workers_max.min(workers),
            Sharing::Cooldown => 1,
        };
        let reserves_requests =
            |rate: &u32| matches!(sharing(*rate, workers), Sharing::Reserved { .. });
        let per_group = rates.iter().map(room).filter(|_| shares_request_rate).min();
        Self {
            workers,
            shares_request_rate,
            reserves_requests: rates.iter().any(reserves_requests),
            in_flight_max: to_usize(per_group.unwrap_or(workers)),
        }
    }

    /// The request rate of a source under `policy`: the whole group's, or, where each worker keeps
    /// its own, its fixed share or its part in the reservations.
    pub fn task_rate(&self, policy: &Policy) -> TaskRate {
        let whole = TaskRate {
            requests_per_minute: policy.requests_per_minute,
            reserves_requests: false,
        };
        let Some(per_minute) = policy
            .requests_per_minute
            .filter(|_| self.shares_request_rate)
        else {
            return whole;
        };
        match sharing(per_minute, self.workers) {
            Sharing::Fixed(part) if !self.reserves_requests => TaskRate {
                requests_per_minute: Some(part),
                ..whole
            },
            Sharing::Fixed(_) | Sharing::Reserved { .. } => TaskRate {
                reserves_requests: true,
                ..whole
            },
            Sharing::Cooldown => whole,
        }
    }
}

/// The place of a lane among those of its rate group, in an order in which a shared limit starves no
/// lane:
///
/// 1. lanes whose source is not in backoff,
/// 2. endangered lanes, the one with the least time left first,
/// 3. live, then sweeps, then backfills,
/// 4. the lane that is furthest behind.
///
/// Two ticks that read the same state compute the same order, and so the same windows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// True while the source is in backoff after a failure: a hanging source that is furthest
    /// behind would take all slots of its group.
    backs_off: bool,
    is_safe: bool,
    left_ms: Option<i64>,
    kind: u8,
    workable_from: Timestamp,
    timeline: Timeline,
}

impl Place {
    /// The place of the `lane`th lane of `source`.
    pub fn of(source: &SourceView, lane: usize, now: Timestamp) -> Self {
        let lane = &source.lanes[lane];
        let left_ms = endangered(source, lane, now);
        Self {
            backs_off: source.failing_until().is_some_and(|until| now < until),
            is_safe: left_ms.is_none(),
            left_ms,
            kind: match lane.progress.timeline.lane {
                Lane::Live => 0,
                Lane::Sweep(_) => 1,
                Lane::Backfill(_) => 2,
            },
            workable_from: lane.workable_from(),
            timeline: lane.progress.timeline.clone(),
        }
    }

    /// The source that the lane belongs to.
    pub fn source(&self) -> &SourceName {
        &self.timeline.source
    }
}

/// The lanes of `views`, as (source, lane), by their places.
pub fn in_order(views: &[SourceView], now: Timestamp) -> Vec<(usize, usize)> {
    let mut in_order: Vec<(usize, usize)> = views
        .iter()
        .enumerate()
        .flat_map(|(view, source)| (0..source.lanes.len()).map(move |lane| (view, lane)))
        .collect();
    in_order.sort_by_cached_key(|&(view, lane)| Place::of(&views[view], lane, now));
    in_order
}

/// Milliseconds until `lane` loses records that a worker could still read, if that is little.
/// `None` for sweeps: all of their records have been delivered once.
fn endangered(source: &SourceView, lane: &LaneView, now: Timestamp) -> Option<i64> {
    let policy = &source.record.definition.policy;
    let through = lane.workable_from();
    let end = source.end_of(&lane.progress);
    let is_sweep = matches!(lane.progress.timeline.lane, Lane::Sweep(_));
    if is_sweep || end.is_some_and(|end| end <= through) {
        return None;
    }
    retention::left_ms(policy, through, now)
        .filter(|_| retention::is_endangered(policy, through, now))
}

/// The limits of a lane's windows in flight.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Windows of the lane in flight at once.
    pub most: usize,
    /// Windows that this plan may dispatch.
    pub allowance: usize,
    /// True if more windows are ready than there are workers, in its source or its rate group.
    pub crowded: bool,
    /// The request rate of its workers.
    pub rate: TaskRate,
}

/// Returns true if a window of `lane` would run, given a worker of its rate group and this process.
pub fn wants_worker(source: &SourceView, lane: &LaneView, now: Timestamp) -> bool {
    source.record.is_active()
        && source.in_flight() < in_flight_max(source)
        && lane.windows().any(|window| window.is_dispatchable(now))
}

impl Room {
    /// Windows that may be dispatched while `in_flight` of the lane are in flight and this plan has
    /// `dispatched` some.
    pub fn slots(&self, in_flight: usize, dispatched: usize) -> usize {
        let left = self.allowance.saturating_sub(dispatched);
        self.most.saturating_sub(in_flight).min(left)
    }
}

/// For each source of a rate group, true if at least as many windows are ready as there are
/// workers, so that none is left for new windows. Its workers then continue with further windows:
/// otherwise a tick per minute would limit many quiet sources to one window per worker and minute.
pub fn crowded(views: &[SourceView], limits: &GroupLimits, now: Timestamp) -> Vec<bool> {
    let ready = |view: &SourceView| {
        let active = view.record.is_active();
        view.windows()
            .filter(|window| active && window.is_dispatchable(now))
            .count()
    };
    let of_group: usize = views.iter().map(ready).sum();
    let in_group: usize = views.iter().map(SourceView::in_flight).sum();
    let group_is = of_group > 0 && of_group >= limits.in_flight_max.saturating_sub(in_group);
    let source_is = |view: &SourceView| {
        let ready = ready(view);
        ready > 0 && ready >= in_flight_max(view).saturating_sub(view.in_flight())
    };
    views
        .iter()
        .map(|view| group_is || source_is(view))
        .collect()
}

/// How many windows of one lane may be in flight at `now`, beside those of the other lanes of its source
/// and of its rate group, which has `in_group` in flight.
pub fn room(
    source: &SourceView,
    lane: usize,
    limits: &GroupLimits,
    in_group: usize,
    now: Timestamp,
) -> usize {
    match source.record.work(now) {
        // Beside what was in flight when the block came, a probe would prove nothing.
        Work::Probe if source.in_flight() > 0 => 0,
        Work::Probe => slots(source, lane, limits, in_group).min(1),
        Work::Everything | Work::Nothing => slots(source, lane, limits, in_group),
    }
}

fn slots(source: &SourceView, lane: usize, limits: &GroupLimits, in_group: usize) -> usize {
    let of_lane = source.lanes[lane].in_flight();
    let in_source = in_flight_max(source).saturating_sub(source.in_flight() - of_lane);
    in_source.min(
        limits
            .in_flight_max
            .saturating_sub(in_group.saturating_sub(of_lane)),
    )
}

/// Most windows of a source in flight: one after a failed run, until a run has a page.
fn in_flight_max(source: &SourceView) -> usize {
    if source.failing_until().is_some() {
        return 1;
    }
    to_usize(source.record.definition.policy.max_in_flight)
}

fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
