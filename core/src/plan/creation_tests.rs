//! The windows that a plan creates from the mark on and over gaps.

use super::super::world::{World, hours, policy};
use crate::invariant::check_coverage;
use crate::limits;
use crate::time::{MINUTE_MS, Timestamp};
use crate::window::Status;

#[test]
fn waiting_windows_take_slots_before_new_ones() {
    let mut world = World::new(policy(), None, hours(24));
    world.tick();
    world.policy.max_open_windows = 20;
    let plan = world.plan();
    assert_eq!(plan.moves("dispatch").len(), 2);
    assert_eq!(plan.created().len(), 12);
    assert!(plan.created().iter().all(|it| it.status() == Status::Ready));
}

#[test]
fn tick_creates_at_most_limit_and_next_continues() {
    let mut world = World::new(policy(), None, hours(100));
    world.policy.max_open_windows = 1_000;
    let plan = world.plan();
    assert_eq!(plan.created().len(), limits::CREATED_PER_TICK_MAX);
    world.tick();
    // All windows vanish, and the gap is as wide as two ticks can close.
    world.windows.clear();
    world.policy.max_ms = 5 * MINUTE_MS;
    let mended = world.plan().created();
    assert_eq!(mended.len(), limits::CREATED_PER_TICK_MAX);
    assert!(
        mended
            .iter()
            .all(|it| it.span().width_ms() == 5 * MINUTE_MS)
    );
    world.tick();
    world.tick();
    check_coverage(&world.progress, &world.all()).unwrap();
}

#[test]
fn window_past_mark_is_never_overlapped() {
    let mut world = World::new(policy(), None, hours(24));
    let at = |minute| Timestamp::from_ms(minute * MINUTE_MS);
    world.tick();
    let mut orphan = world.windows[&at(10)].clone();
    orphan.edit(|form| (form.from, form.to) = (at(15), at(25)));
    let mut world = World::new(policy(), None, hours(24));
    world.windows.insert(at(15), orphan);
    world.tick();
    let spans: Vec<_> = world
        .windows
        .values()
        .map(|it| (it.id().from, it.to()))
        .collect();
    let expected = [(0, 10), (10, 15), (15, 25), (25, 35)];
    assert_eq!(spans[..4], expected.map(|(from, to)| (at(from), at(to))));
    check_coverage(&world.progress, &world.all()).unwrap();
}
