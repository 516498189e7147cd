//! Time past the mark that the vendor has dropped: skipped as one window.

use super::super::world::{World, hours, policy};
use crate::invariant::check_coverage;
use crate::source::Policy;
use crate::span::Span;
use crate::time::{DAY_MS, HOUR_MS};
use crate::window::Status;

/// A timeline without windows on its fourth day, of a vendor with one day of retention.
fn nothing_created() -> World {
    let policy = Policy {
        unit_ms: HOUR_MS,
        initial_ms: HOUR_MS,
        min_ms: HOUR_MS,
        every_ms: HOUR_MS,
        max_lookback_ms: Some(DAY_MS),
        ..policy()
    };
    World::new(policy, None, hours(72))
}

#[test]
fn skipped_span_ends_at_existing_window() {
    let mut world = nothing_created();
    world.tick();
    let orphan = world.windows[&hours(50)].clone();
    let mut world = nothing_created();
    world.windows.insert(hours(50), orphan);
    world.now = hours(90);
    let plan = world.plan();
    assert_eq!(
        plan.created()[0].span(),
        Span::new(hours(0), hours(50)).unwrap()
    );
    assert_eq!(plan.marks().unwrap().unavailable.len(), 1);
    world.tick();
    check_coverage(&world.progress, &world.all()).unwrap();
}

#[test]
fn skipped_span_ends_with_timeline_in_whole_units() {
    let mut world = nothing_created();
    world.end = Some(hours(3).plus_ms(1));
    world.tick();
    let gone = Span::new(hours(0), hours(4)).unwrap();
    assert_eq!(world.progress.unavailable, [gone]);
    assert_eq!(world.complete_through(), hours(4));
}

#[test]
fn skipped_span_takes_one_open_place() {
    let mut world = nothing_created();
    world.policy.max_open_windows = 1;
    world.tick();
    assert_eq!(world.windows.len(), 1);
    assert_eq!(world.windows[&hours(0)].status(), Status::Done);
    let mut world = nothing_created();
    world.policy.max_open_windows = 4;
    world.tick();
    assert_eq!(world.windows.len(), 4);
}

#[test]
fn time_dropped_past_mark_is_skipped_from_mark() {
    let mut world = nothing_created();
    world.now = hours(20);
    world.tick();
    let mark = world.progress.scheduled_through;
    assert_eq!(mark, hours(8));
    world.policy.max_open_windows = 20;
    world.now = hours(76);
    let plan = world.plan();
    let gone = Span::new(mark, hours(52)).unwrap();
    assert_eq!(
        (plan.created()[0].span(), plan.created()[0].status()),
        (gone, Status::Done)
    );
    let next = plan.marks().unwrap();
    // Joined with the six windows that wait before the mark; two are dispatched.
    assert_eq!(next.unavailable, [Span::new(hours(2), hours(52)).unwrap()]);
}

#[test]
fn retained_time_before_existing_window_is_read() {
    let mut world = nothing_created();
    world.tick();
    let orphan = world.windows[&hours(50)].clone();
    let mut world = nothing_created();
    world.windows.insert(hours(50), orphan);
    world.tick();
    assert_eq!(
        world.progress.unavailable,
        [Span::new(hours(0), hours(48)).unwrap()]
    );
    check_coverage(&world.progress, &world.all()).unwrap();
}

#[test]
fn unsettled_time_is_never_skipped() {
    let mut world = nothing_created();
    world.policy.settle_ms = 2 * DAY_MS;
    world.tick();
    assert_eq!(world.progress.scheduled_through, hours(23));
}
