//! Who may run: in which order the lanes of a rate group take its slots, how many there are, and at
//! which pace.

use windlass_core::ids::Lane;
use windlass_core::retention;
use windlass_core::source::Policy;
use windlass_core::time::Timestamp;
use windlass_core::turns::{Sharing, sharing};
use windlass_core::window::{Status, Window};

use crate::view::{LaneView, SourceView};

/// What the tasks of a source say of its pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) requests_per_minute: Option<u32>,
    /// Whether the workers of the whole group reserve turns.
    pub(crate) shares_turns: bool,
    /// Workers of the whole group that the pace has room for.
    workers_max: u32,
}

impl Pace {
    /// The pace of a source under `policy`, one of `policies` of its rate group: the whole group's,
    /// or, where each worker keeps its own (`is_shared`), its part or a say in the turns. When some
    /// of the group take turns all do: fixed parts of others would come on top of the turns.
    pub(crate) fn of<'a>(
        policy: &Policy,
        policies: impl IntoIterator<Item = &'a Policy>,
        is_shared: bool,
    ) -> Self {
        let (mut workers, mut paces) = (policy.group_in_flight, Vec::new());
        for other in policies {
            workers = workers.max(other.group_in_flight);
            paces.extend(other.requests_per_minute);
        }
        let whole = Self {
            requests_per_minute: policy.requests_per_minute,
            shares_turns: false,
            workers_max: workers,
        };
        let Some(per_minute) = policy.requests_per_minute.filter(|_| is_shared) else {
            return whole;
        };
        let takes_turns = |pace: &u32| matches!(sharing(*pace, workers), Sharing::Turns { .. });
        match sharing(per_minute, workers) {
            Sharing::Fixed(_) if paces.iter().any(takes_turns) => Self {
                shares_turns: true,
                ..whole
            },
            Sharing::Fixed(part) => Self {
                requests_per_minute: Some(part),
                ..whole
            },
            Sharing::Turns { workers_max } => Self {
                shares_turns: true,
                workers_max: workers_max.min(workers),
                ..whole
            },
            Sharing::Gate => Self {
                workers_max: 1,
                ..whole
            },
        }
    }
}

/// The lanes of a rate group in the order in which they may take its slots: first those that are
/// about to lose what their vendor drops, the one with the least time left before the others; then
/// live before sweeps before backfills, and of each kind the one that is furthest behind first, so
/// that a shared limit starves nobody. Two ticks that read the same take the same order, and so the
/// same windows.
pub(crate) fn turns(views: &[SourceView], now: Timestamp) -> Vec<(usize, usize)> {
    let mut turns: Vec<(usize, usize)> = views
        .iter()
        .enumerate()
        .flat_map(|(view, source)| (0..source.lanes.len()).map(move |lane| (view, lane)))
        .collect();
    turns.sort_by_cached_key(|&(view, lane)| {
        let source = &views[view];
        let lane = &source.lanes[lane];
        let left_ms = endangered(source, lane, now);
        let kind = match lane.progress.timeline.lane {
            Lane::Live => 0,
            Lane::Sweep(_) => 1,
            Lane::Backfill(_) => 2,
        };
        (
            left_ms.is_none(),
            left_ms,
            kind,
            lane.workable_from(),
            lane.progress.timeline.clone(),
        )
    });
    turns
}

/// How long `lane` has before records are lost that a worker could still read, in milliseconds, when
/// that is little. A sweep never is in such danger: all that it reads has been delivered once.
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

/// What a lane may have in flight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// How many windows.
    pub(crate) most: usize,
    /// Whether more is ready than there are workers for, in its source or its rate group.
    pub(crate) crowded: bool,
    /// The pace that its workers keep.
    pub(crate) pace: Pace,
}

/// For each source of a rate group, whether as many windows are ready as there are workers for, so
/// that what this tick carves has none. Its workers go on then: a tick a minute that hands out one
/// window for each worker would be all that many quiet sources get.
pub(crate) fn crowded(views: &[SourceView], shares_pace: bool, now: Timestamp) -> Vec<bool> {
    let is_ready = |window: &&Window| {
        window.status == Status::Ready && window.is_due(now) && !window.is_exhausted()
    };
    let ready = |view: &SourceView| {
        let active = view.record.is_active();
        view.windows()
            .filter(|window| active && is_ready(window))
            .count()
    };
    let of_group: usize = views.iter().map(ready).sum();
    let in_group: usize = views.iter().map(SourceView::in_flight).sum();
    let group_is =
        of_group > 0 && of_group >= group_max(views, shares_pace).saturating_sub(in_group);
    let source_is = |view: &SourceView| {
        let most = to_usize(view.record.definition.policy.max_in_flight);
        let ready = ready(view);
        ready > 0 && ready >= most.saturating_sub(view.in_flight())
    };
    views
        .iter()
        .map(|view| group_is || source_is(view))
        .collect()
}

/// How many windows of one lane may be in flight, beside those of the other lanes of its source and
/// of its rate group.
pub(crate) fn room(views: &[SourceView], view: usize, lane: usize, shares_pace: bool) -> usize {
    let this = &views[view];
    let of_lane = this.lanes[lane].in_flight();
    let in_group: usize = views.iter().map(SourceView::in_flight).sum();
    let group_max = group_max(views, shares_pace);
    let source_max = to_usize(this.record.definition.policy.max_in_flight);
    let in_source = source_max.saturating_sub(this.in_flight() - of_lane);
    in_source.min(group_max.saturating_sub(in_group - of_lane))
}

/// How many workers a rate group may have.
fn group_max(views: &[SourceView], shares_pace: bool) -> usize {
    let policies = || views.iter().map(|view| &view.record.definition.policy);
    let group_max = policies().map(|policy| policy.group_in_flight).max();
    // A source that declares no pace does not widen that of the others.
    let paced = policies()
        .filter(|policy| policy.requests_per_minute.is_some())
        .map(|policy| Pace::of(policy, policies(), shares_pace).workers_max)
        .filter(|_| shares_pace)
        .min();
    let group_max = group_max.map(|max| max.min(paced.unwrap_or(max)));
    group_max.map_or(0, to_usize)
}

fn to_usize(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
