//! Planning under random histories.

use proptest::prelude::*;

use super::world::{Reach, World, hours, policy};
use super::*;
use crate::invariant::{check_coverage, check_settled, check_timeline, check_window};
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use crate::window::Delivered;

/// One event of a timeline.
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
    /// A worker releases a window for a split: at this many per mille of its width, with this part
    /// delivered, after this many runs.
    Wait(usize, i64, Delivered, u32),
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
        2 => (0usize..12, 1i64..1_000, delivered(), 3u32..9)
            .prop_map(|(which, per_mille, delivered, runs)| Op::Wait(which, per_mille, delivered, runs)),
    ]
}

fn delivered() -> impl Strategy<Value = Delivered> {
    prop::sample::select(vec![
        Delivered::Nothing,
        Delivered::Before,
        Delivered::After,
    ])
}

/// Returns whether the window that starts at `from` waits for a split, so that no worker can claim
/// it.
fn waits(world: &World, from: i64) -> bool {
    world.windows[&Timestamp::from_ms(from)].split().is_some()
}

/// Makes the window that starts at `from` wait for its split, where one is possible.
fn wait(world: &mut World, from: i64, per_mille: i64, delivered: Delivered, overruns: u32) {
    let unit_ms = world.policy.unit_ms;
    let window = world.windows.get_mut(&Timestamp::from_ms(from)).unwrap();
    let offset_ms = window.span().width_ms() * per_mille / 1_000;
    let at = window.id().from.plus_ms(offset_ms).floor_to(unit_ms);
    let inside = window.id().from < at && at < window.to();
    let idle = !matches!(window.status(), Status::Done | Status::Parked);
    if inside && idle && window.split().is_none() {
        window.edit(|form| {
            form.status = Status::Ready;
            form.lease_until = None;
            form.page += 1;
            form.epoch += 1;
            form.overruns = overruns;
            form.runs = form.runs.max(overruns);
            form.split_at = Some(at);
            form.split_delivered = delivered;
        });
    }
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
                    max_lookback_ms: max_lookback_ms.filter(|ms| *ms > settle_ms),
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
        check_settled(&plan.created(), &world.policy, world.now)
            .or_else(|e| {
                // Closing gaps may recreate windows that an earlier, later clock had created.
                let mark = world.progress.scheduled_through;
                if plan.created().iter().all(|window| window.to() <= mark) {
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
            if let Some(from) = pick(world, which).filter(|from| !waits(world, *from)) {
                world.set(from, Status::Done);
                world
                    .windows
                    .get_mut(&Timestamp::from_ms(from))
                    .unwrap()
                    .edit(|form| form.records = records);
            }
        }
        Op::Park(which) => {
            let from = pick(world, which).filter(|from| {
                let window = &world.windows[&Timestamp::from_ms(*from)];
                window.is_unfinished()
            });
            if let Some(from) = from {
                world.set(from, Status::Parked);
            }
        }
        Op::Retry(which) => {
            if let Some(from) = world.progress.behind.get(which).copied() {
                world.set(from.as_ms(), Status::Ready);
            }
        }
        Op::Wait(which, per_mille, delivered, overruns) => {
            if let Some(from) = pick(world, which) {
                wait(world, from, per_mille, delivered, overruns);
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
    fn planning_never_gaps_overlaps_or_passes_settled_time(
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
                prop_assert!(pair[0].to() <= pair[1].id().from, "{} overlaps {}", pair[0].id(), pair[1].id());
            }
            let through = world.complete_through();
            prop_assert!(world.progress.watermark() <= through, "{:?}", world.progress);
            for window in world.all() {
                check_window(&window.clone().with(|form| form.owner = None), &world.policy)
                    .or_else(|e| if e.id == "INV-7" { Ok(()) } else { Err(e) }).unwrap();
                let unfinished = window.is_unfinished() && window.id().from < world.progress.scheduled_through;
                prop_assert!(!unfinished || through <= window.id().from, "{through} passed {}", window.id());
            }
        }
        // After any history, an undisturbed tick closes the chain. A plan that splits leaves the
        // rest to the next plan.
        while !world.plan().splits().is_empty() {
            world.tick();
        }
        world.tick();
        world.tick();
        check_timeline(&world.progress, &world.open()).unwrap();
    }

    /// Once all time has settled, ticking and finishing covers the whole bounded timeline.
    #[test]
    fn bounded_timeline_always_finishes(
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
            for from in world.open().iter().chain(&world.behind()).map(|w| w.id().from.as_ms()).collect::<Vec<_>>() {
                let hole = world.windows[&Timestamp::from_ms(from)].status() == Status::Parked;
                match (waits(&world, from), hole) {
                    (false, _) => world.set(from, Status::Done),
                    (true, true) => world.set(from, Status::Ready),
                    (true, false) => {}
                }
            }
        }
        prop_assert!(world.complete_through() >= end);
        check_coverage(&world.progress, &world.all()).unwrap();
    }
}
