use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ids::{Lane, Timeline};
use crate::invariant::{check_coverage, check_settled, check_timeline, check_window};
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

fn policy() -> Policy {
    Policy {
        unit_ms: 1,
        initial_ms: 10 * MINUTE_MS,
        min_ms: MINUTE_MS,
        max_ms: 6 * HOUR_MS,
        every_ms: 5 * MINUTE_MS,
        settle_ms: 10 * MINUTE_MS,
        max_lookback_ms: None,
        max_in_flight: 4,
        max_open_windows: 8,
        rate_group: "okta:acme".parse().unwrap(),
        group_in_flight: 8,
        requests_per_minute: None,
        history_ms: 7 * DAY_MS,
    }
}

fn timeline() -> Timeline {
    Timeline {
        source: "okta".parse().unwrap(),
        generation: "0123456789ab".parse().unwrap(),
        lane: Lane::Live,
    }
}

/// A timeline with a naive store: what the planner's writes become.
struct World {
    policy: Policy,
    end: Option<Timestamp>,
    progress: Progress,
    windows: BTreeMap<Timestamp, Window>,
    now: Timestamp,
}

/// How far a planner gets before it stops.
#[derive(Debug, Clone, Copy)]
enum Reach {
    Creates(usize),
    Everything,
}

impl World {
    fn new(policy: Policy, end: Option<Timestamp>, now: Timestamp) -> Self {
        let start = Timestamp::from_ms(0);
        let progress = Progress::begin(timeline(), start, None, &policy, now);
        Self {
            policy,
            end,
            progress,
            windows: BTreeMap::new(),
            now,
        }
    }

    fn open(&self) -> Vec<Window> {
        self.windows
            .range(self.progress.open_from..)
            .map(|(_, window)| window.clone())
            .collect()
    }

    fn behind(&self) -> Vec<Window> {
        self.progress
            .behind
            .iter()
            .filter_map(|from| self.windows.get(from).cloned())
            .collect()
    }

    fn plan(&self) -> Plan {
        plan(&Situation {
            progress: &self.progress,
            policy: &self.policy,
            end: self.end,
            open: &self.open(),
            behind: &self.behind(),
            active: true,
            slots: 2,
            dispatch_until: Timestamp::MAX,
            now: self.now,
        })
    }

    /// Carries `plan` out as the orchestrator would, up to `reach`.
    fn carry_out(&mut self, plan: &Plan, reach: Reach) {
        for moved in plan.scavenge.iter().chain(&plan.dispatch) {
            let current = self.windows.get_mut(&moved.seen.id.from).unwrap();
            if current.epoch == moved.seen.epoch && current.status == moved.seen.status {
                *current = current.apply(&moved.event).unwrap();
            }
        }
        for (index, window) in plan.create.iter().enumerate() {
            if matches!(reach, Reach::Creates(most) if index >= most) {
                return;
            }
            if self.windows.contains_key(&window.id.from) {
                return;
            }
            self.windows.insert(window.id.from, window.clone());
        }
        if let (Reach::Everything, Some(next)) = (reach, &plan.progress)
            && next.version == self.progress.version
        {
            self.progress = Progress {
                version: next.version + 1,
                ..next.clone()
            };
        }
    }

    fn tick(&mut self) {
        let plan = self.plan();
        self.carry_out(&plan, Reach::Everything);
    }

    fn set(&mut self, from_ms: i64, status: Status) {
        let window = self.windows.get_mut(&Timestamp::from_ms(from_ms)).unwrap();
        window.status = status;
        window.done_at = (status == Status::Done).then_some(self.now);
        window.epoch += 1;
    }

    fn all(&self) -> Vec<Window> {
        self.windows.values().cloned().collect()
    }

    fn complete_through(&self) -> Timestamp {
        self.progress.complete_through(&self.open(), &self.behind())
    }
}

fn hours(n: i64) -> Timestamp {
    Timestamp::from_ms(n * HOUR_MS)
}

#[test]
fn the_first_tick_carves_up_to_the_open_limit_and_dispatches_into_the_free_slots() {
    let mut world = World::new(policy(), None, hours(24));
    world.tick();
    assert_eq!(world.windows.len(), 8);
    assert_eq!(
        world.progress.scheduled_through,
        Timestamp::from_ms(80 * MINUTE_MS)
    );
    let dispatched = world
        .all()
        .iter()
        .filter(|w| w.status == Status::Dispatched)
        .count();
    assert_eq!(dispatched, 2);
    world.tick();
    assert_eq!(
        world.windows.len(),
        8,
        "a full open range is carved no further"
    );
}

#[test]
fn the_live_edge_is_cut_only_once_it_is_as_long_as_every() {
    let settled = policy().settle_ms + limits::EDGE_ALLOWANCE_MS;
    let mut world = World::new(
        policy(),
        None,
        Timestamp::from_ms(settled + 5 * MINUTE_MS - 1),
    );
    world.tick();
    assert!(world.windows.is_empty());
    world.now = world.now.plus_ms(1);
    world.tick();
    assert_eq!(
        world.progress.scheduled_through,
        Timestamp::from_ms(5 * MINUTE_MS)
    );
}

#[test]
fn the_end_of_a_bounded_pull_is_cut_however_short_the_rest() {
    let end = Some(Timestamp::from_ms(10 * MINUTE_MS + 7));
    let mut world = World::new(policy(), end, hours(24));
    world.tick();
    assert_eq!(world.progress.scheduled_through, end.unwrap());
    assert_eq!(world.windows.len(), 2);
}

#[test]
fn a_crash_between_create_and_the_mark_leaves_windows_that_the_next_tick_adopts() {
    let mut world = World::new(policy(), None, hours(24));
    let plan = world.plan();
    world.carry_out(&plan, Reach::Creates(3));
    assert_eq!(world.progress.scheduled_through, Timestamp::from_ms(0));
    world.policy.initial_ms = 7 * MINUTE_MS;
    world.progress.width_ms = 7 * MINUTE_MS;
    world.tick();
    check_coverage(&world.progress, &world.all()).unwrap();
    assert_eq!(
        world.windows[&Timestamp::from_ms(0)].to,
        Timestamp::from_ms(10 * MINUTE_MS)
    );
}

#[test]
fn two_planners_with_other_widths_leave_neither_gap_nor_overlap() {
    let mut world = World::new(policy(), None, hours(24));
    let mine = world.plan();
    world.progress.width_ms = 3 * MINUTE_MS;
    let theirs = world.plan();
    world.carry_out(&theirs, Reach::Creates(2));
    world.carry_out(&mine, Reach::Everything);
    world.tick();
    check_coverage(&world.progress, &world.all()).unwrap();
}

#[test]
fn a_window_that_vanished_is_made_again_because_absence_never_means_done() {
    let mut world = World::new(policy(), None, hours(24));
    world.tick();
    world.windows.remove(&Timestamp::from_ms(30 * MINUTE_MS));
    world.tick();
    assert!(
        world
            .windows
            .contains_key(&Timestamp::from_ms(30 * MINUTE_MS))
    );
    check_coverage(&world.progress, &world.all()).unwrap();
}

#[test]
fn a_parked_window_is_stepped_over_into_behind_and_holds_complete_through() {
    let mut world = World::new(policy(), None, hours(24));
    world.tick();
    world.set(0, Status::Parked);
    world.set(10 * MINUTE_MS, Status::Done);
    world.tick();
    assert_eq!(world.progress.behind, vec![Timestamp::from_ms(0)]);
    assert_eq!(world.progress.open_from, Timestamp::from_ms(20 * MINUTE_MS));
    assert_eq!(world.complete_through(), Timestamp::from_ms(0));
    world.set(0, Status::Done);
    assert_eq!(world.complete_through(), Timestamp::from_ms(20 * MINUTE_MS));
    world.tick();
    assert!(world.progress.behind.is_empty());
}

#[test]
fn a_retried_hole_is_dispatched_from_behind() {
    let mut world = World::new(policy(), None, hours(24));
    world.tick();
    world.set(0, Status::Parked);
    world.tick();
    world.set(0, Status::Ready);
    let plan = world.plan();
    assert_eq!(plan.dispatch[0].seen.id.from, Timestamp::from_ms(0));
}

#[test]
fn a_straggler_steps_aside_when_finished_windows_fill_the_open_range() {
    let mut world = World::new(policy(), None, hours(24));
    world.tick();
    for window in 1..8 {
        world.set(window * 10 * MINUTE_MS, Status::Done);
    }
    world.tick();
    assert_eq!(world.progress.behind, vec![Timestamp::from_ms(0)]);
    assert!(world.progress.scheduled_through > Timestamp::from_ms(80 * MINUTE_MS));
}

#[test]
fn carving_stops_when_behind_is_full() {
    let mut world = World::new(policy(), None, hours(24 * 30));
    for _ in 0..20 {
        world.tick();
        for from in world.windows.keys().copied().collect::<Vec<_>>() {
            world.set(from.as_ms(), Status::Parked);
        }
    }
    assert_eq!(world.progress.behind.len(), limits::BEHIND_MAX);
    assert_eq!(world.windows.len(), limits::BEHIND_MAX + 8);
}

#[test]
fn what_lies_before_the_vendors_retention_is_one_unavailable_span() {
    let policy = Policy {
        max_lookback_ms: Some(DAY_MS),
        ..policy()
    };
    let mut world = World::new(policy, None, hours(72));
    world.tick();
    assert!(
        world.windows.is_empty(),
        "the mark moves before anything is created beyond it"
    );
    world.tick();
    assert_eq!(
        world.progress.unavailable,
        vec![Span::new(hours(0), hours(48)).unwrap()]
    );
    assert_eq!(world.windows.keys().next(), Some(&hours(48)));
    assert_eq!(world.complete_through(), hours(48));
    check_coverage(&world.progress, &world.all()).unwrap();
}

#[test]
fn a_raised_settle_plans_nothing_and_moves_no_mark_back() {
    let mut world = World::new(policy(), None, hours(1));
    world.tick();
    let mark = world.progress.scheduled_through;
    world.policy.settle_ms = 6 * HOUR_MS;
    let plan = world.plan();
    assert!(plan.create.is_empty());
    world.tick();
    assert_eq!(world.progress.scheduled_through, mark);
}

#[test]
fn an_inactive_source_starts_nothing_but_is_still_scavenged() {
    let mut world = World::new(policy(), None, hours(24));
    world.tick();
    world
        .windows
        .values_mut()
        .for_each(|window| window.lease_until = Some(hours(1)));
    let plan = plan(&Situation {
        active: false,
        ..situation(&world, &world.open())
    });
    assert!(plan.create.is_empty() && plan.dispatch.is_empty());
    assert_eq!(plan.scavenge.len(), 2);
}

fn situation<'a>(world: &'a World, open: &'a [Window]) -> Situation<'a> {
    Situation {
        progress: &world.progress,
        policy: &world.policy,
        end: None,
        open,
        behind: &[],
        active: true,
        slots: 2,
        dispatch_until: Timestamp::MAX,
        now: world.now,
    }
}

#[test]
fn a_split_creates_the_right_half_before_the_left_one_shrinks() {
    let mut world = World::new(policy(), None, hours(24));
    world.tick();
    let split_at = Timestamp::from_ms(75 * MINUTE_MS);
    let last = Timestamp::from_ms(70 * MINUTE_MS);
    world.windows.get_mut(&last).unwrap().split_at = Some(split_at);
    let plan = world.plan();
    assert!(plan.dispatch.iter().all(|moved| moved.seen.id.from != last));
    let split = &plan.splits[0];
    assert_eq!(
        split.right.span(),
        Span::new(split_at, world.windows[&last].to).unwrap()
    );
    // A stop in between: the overlap is known by the pending split and no gap is seen.
    world.windows.insert(split_at, split.right.clone());
    check_timeline(&world.progress, &world.open()).unwrap();
    let shrunk = world.windows[&last].apply(&split.left.event).unwrap();
    world.windows.insert(last, shrunk);
    check_coverage(&world.progress, &world.all()).unwrap();
}

#[test]
fn width_narrows_at_once_in_a_burst_and_widens_step_by_step_when_quiet() {
    let policy = policy();
    let burst = adapt_width(&policy, HOUR_MS, Some(100 * limits::WINDOW_RECORDS_TARGET));
    assert_eq!(burst, policy.min_ms);
    let quiet = adapt_width(&policy, HOUR_MS, Some(0));
    assert_eq!(quiet, HOUR_MS * limits::WIDTH_GROWTH_MAX);
    assert_eq!(adapt_width(&policy, policy.max_ms, Some(0)), policy.max_ms);
}

/// One thing that happens to a timeline.
#[derive(Debug, Clone)]
enum Op {
    Tick,
    TickThatStops(usize),
    TwoTicks(i64),
    Clock(i64),
    Finish(usize, u64),
    Park(usize),
    Retry(usize),
    Vanish(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => Just(Op::Tick),
        2 => (0usize..9).prop_map(Op::TickThatStops),
        2 => (1i64..120).prop_map(Op::TwoTicks),
        3 => (-2 * HOUR_MS..6 * HOUR_MS).prop_map(Op::Clock),
        6 => (0usize..12, 0u64..50_000).prop_map(|(which, records)| Op::Finish(which, records)),
        1 => (0usize..12).prop_map(Op::Park),
        1 => (0usize..12).prop_map(Op::Retry),
        1 => (0usize..12).prop_map(Op::Vanish),
    ]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    (
        prop_oneof![Just(1i64), Just(1_000), Just(HOUR_MS)],
        1i64..30,
        1i64..10,
        1i64..50,
        0i64..12 * HOUR_MS,
        1u32..12,
        prop_oneof![3 => Just(None), 1 => (1i64..96).prop_map(|hours| Some(hours * HOUR_MS))],
    )
        .prop_map(
            |(unit_ms, min, grow, grow_more, settle_ms, open, max_lookback_ms)| {
                let min_ms = unit_ms.max(MINUTE_MS) * min;
                Policy {
                    unit_ms,
                    min_ms,
                    initial_ms: min_ms * grow,
                    max_ms: min_ms * grow * grow_more,
                    every_ms: min_ms * 2,
                    settle_ms,
                    max_lookback_ms,
                    max_open_windows: open,
                    ..policy()
                }
            },
        )
}

fn step(world: &mut World, op: &Op) {
    let pick = |world: &World, which: usize| {
        world
            .windows
            .range(world.progress.open_from..)
            .nth(which)
            .map(|(from, _)| from.as_ms())
    };
    let created = |world: &World, plan: &Plan| {
        check_settled(&plan.create, &world.policy, world.now)
            .or_else(|e| {
                // Mending may re-make what an earlier, later clock had carved.
                let mark = world.progress.scheduled_through;
                if plan.create.iter().all(|window| window.to <= mark) {
                    Ok(())
                } else {
                    Err(e)
                }
            })
            .unwrap();
    };
    match *op {
        Op::Tick => {
            let plan = world.plan();
            created(world, &plan);
            world.carry_out(&plan, Reach::Everything);
        }
        Op::TickThatStops(after) => {
            let plan = world.plan();
            world.carry_out(&plan, Reach::Creates(after));
        }
        Op::TwoTicks(other_width) => {
            let mine = world.plan();
            let width_ms = world.progress.width_ms;
            world.progress.width_ms = world.policy.unit_ms * other_width;
            let theirs = world.plan();
            world.progress.width_ms = width_ms;
            world.carry_out(&theirs, Reach::Creates(2));
            world.carry_out(&mine, Reach::Everything);
        }
        Op::Clock(ms) => world.now = world.now.plus_ms(ms),
        Op::Finish(which, records) => {
            if let Some(from) = pick(world, which) {
                world.set(from, Status::Done);
                world
                    .windows
                    .get_mut(&Timestamp::from_ms(from))
                    .unwrap()
                    .records = records;
            }
        }
        Op::Park(which) => {
            if let Some(from) = pick(world, which) {
                world.set(from, Status::Parked);
            }
        }
        Op::Retry(which) => {
            if let Some(from) = world.progress.behind.get(which).copied() {
                world.set(from.as_ms(), Status::Ready);
            }
        }
        Op::Vanish(which) => {
            if let Some(from) = pick(world, which) {
                world.windows.remove(&Timestamp::from_ms(from));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// P1: planning never leaves a gap or an overlap, never passes `now - settle`, keeps every bound
    /// a multiple of the unit, and `complete_through` never passes an unfinished window, over random
    /// policies, clocks that jump both ways, ticks that stop anywhere, two planners at once, and
    /// items that vanish.
    #[test]
    fn planning_never_leaves_a_gap_or_an_overlap_and_never_passes_settled_time(
        policy in any_policy(),
        end in proptest::option::of(1i64..2_000),
        ops in proptest::collection::vec(op(), 1..60),
    ) {
        policy.check().unwrap();
        let end = end.map(|minutes| Timestamp::from_ms(minutes * MINUTE_MS));
        let mut world = World::new(policy, end, hours(30));
        for op in &ops {
            let before = world.progress.scheduled_through;
            step(&mut world, op);
            prop_assert!(world.progress.scheduled_through >= before, "the mark moved back");
            for pair in world.all().windows(2) {
                prop_assert!(pair[0].to <= pair[1].id.from, "{} overlaps {}", pair[0].id, pair[1].id);
            }
            let through = world.complete_through();
            for window in world.all() {
                check_window(&Window { owner: None, ..window.clone() }, &world.policy)
                    .or_else(|e| if e.id == "INV-7" { Ok(()) } else { Err(e) }).unwrap();
                let unfinished = window.is_unfinished() && window.id.from < world.progress.scheduled_through;
                prop_assert!(!unfinished || through <= window.id.from, "{through} passed {}", window.id);
            }
        }
        // Whatever happened, one undisturbed tick mends the chain.
        world.tick();
        world.tick();
        check_timeline(&world.progress, &world.open()).unwrap();
    }

    /// Once everything settles, ticking and finishing always covers the whole bounded timeline.
    #[test]
    fn a_bounded_timeline_is_always_finished(
        policy in any_policy(),
        ops in proptest::collection::vec(op(), 0..20),
    ) {
        let policy = Policy { max_lookback_ms: None, ..policy };
        let end = Timestamp::from_ms(100 * policy.min_ms);
        let far = end.plus_ms(policy.settle_ms).plus_ms(DAY_MS);
        let mut world = World::new(policy, Some(end), hours(72));
        for op in &ops {
            step(&mut world, op);
        }
        world.now = world.now.max(far);
        for _ in 0..2_000 {
            world.tick();
            if world.complete_through() >= end {
                break;
            }
            for from in world.open().iter().chain(&world.behind()).map(|w| w.id.from.as_ms()).collect::<Vec<_>>() {
                world.set(from, Status::Done);
            }
        }
        prop_assert!(world.complete_through() >= end);
        check_coverage(&world.progress, &world.all()).unwrap();
    }
}
