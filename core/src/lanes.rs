//! The lanes that a source has: of its present generation, under its present policy.

use crate::ids::{Lane, Timeline};
use crate::progress::Progress;
use crate::source::{Policy, SourceDefinition};
use crate::time::Timestamp;

/// The marks of the lanes that `definition` has, live first, given those that are `stored`; the
/// other lanes begin. A sweep lane that the policy no longer has keeps its marks and rests.
pub fn lanes_of(
    definition: &SourceDefinition,
    stored: Vec<Progress>,
    now: Timestamp,
) -> Vec<Progress> {
    let mut stored = begun_lanes(definition, stored);
    let begin = |lane, start, end| {
        let timeline = Timeline {
            source: definition.name.clone(),
            generation: definition.generation.clone(),
            lane,
        };
        Progress::begin(timeline, start, end, &definition.policy, now)
    };
    if !stored
        .iter()
        .any(|progress| progress.timeline.lane == Lane::Live)
    {
        stored.push(begin(Lane::Live, definition.start, None));
    }
    let live_start = stored
        .iter()
        .find(|progress| progress.timeline.lane == Lane::Live)
        .map_or(definition.start, |live| live.start);
    for lane in sweeps(&definition.policy) {
        if stored.iter().all(|progress| progress.timeline.lane != lane) {
            stored.push(begin(lane, live_start, None));
        }
    }
    let start = definition.start.floor_to(definition.policy.unit_ms);
    if let Some(covered_from) = covered_from(&stored).filter(|from| start < *from) {
        stored.push(begin(
            Lane::Backfill(lane_name(start)),
            start,
            Some(covered_from),
        ));
    }
    stored.sort_by(|a, b| a.timeline.cmp(&b.timeline));
    stored
}

/// Those of `stored` that `definition` still has, live before sweeps before backfills: a sweep that the
/// policy has no more rests, with the windows it has ready.
pub fn begun_lanes(definition: &SourceDefinition, mut stored: Vec<Progress>) -> Vec<Progress> {
    let sweeps = sweeps(&definition.policy);
    stored.retain(|progress| {
        let Timeline {
            generation, lane, ..
        } = &progress.timeline;
        let is_wanted = !matches!(lane, Lane::Sweep(_)) || sweeps.contains(lane);
        *generation == definition.generation && is_wanted
    });
    stored.sort_by(|a, b| a.timeline.cmp(&b.timeline));
    stored
}

/// The sweep lanes under `policy`, one for each age, numbered from 1.
fn sweeps(policy: &Policy) -> Vec<Lane> {
    (1u8..)
        .zip(&policy.sweeps_ms)
        .map(|(number, _)| Lane::Sweep(number))
        .collect()
}

/// The instant from which the lanes cover the timeline without a gap: the start of the live lane,
/// or of the backfill that ends at it, and so on. A backfill of some older month does not count.
fn covered_from(lanes: &[Progress]) -> Option<Timestamp> {
    let live = lanes.iter().find(|lane| lane.timeline.lane == Lane::Live)?;
    let mut from = live.start;
    let reaches_up_to = |lane: &Progress, from| {
        matches!(lane.timeline.lane, Lane::Backfill(_)) && lane.end.is_some_and(|end| end >= from)
    };
    while let Some(earlier) = lanes
        .iter()
        .filter(|lane| lane.start < from && reaches_up_to(lane, from))
        .map(|lane| lane.start)
        .min()
    {
        from = earlier;
    }
    Some(from)
}

/// The name of the lane that reaches back to `start`. It is stable, so that the lane of a tick that
/// stopped before it stored its progress is continued.
fn lane_name(start: Timestamp) -> String {
    let text = start.compact().to_ascii_lowercase();
    format!("start-{}", text.replace('.', "-"))
}
