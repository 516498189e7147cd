use super::world::{Reach, World, hours, policy};
use super::*;
use crate::invariant::check_coverage;
use crate::limits;
use crate::span::Span;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

#[test]
fn first_tick_fills_open_limit_and_slots() {
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
        .filter(|w| w.status() == Status::Dispatched)
        .count();
    assert_eq!(dispatched, 2);
    world.tick();
    assert_eq!(
        world.windows.len(),
        8,
        "a full open range creates no more windows"
    );
}

#[test]
fn live_edge_is_cut_at_length_every() {
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
fn short_rest_before_end_is_cut() {
    let end = Some(Timestamp::from_ms(10 * MINUTE_MS + 7));
    let mut world = World::new(policy(), end, hours(24));
    world.tick();
    assert_eq!(Some(world.progress.scheduled_through), end);
    assert_eq!(world.windows.len(), 2);
}

#[test]
fn next_tick_adopts_windows_past_mark() {
    let mut world = World::new(policy(), None, hours(24));
    let plan = world.plan();
    world.carry_out(&plan, Reach::Creates(3));
    assert_eq!(world.progress.scheduled_through, Timestamp::from_ms(0));
    world.policy.initial_ms = 7 * MINUTE_MS;
    world.progress.width_ms = 7 * MINUTE_MS;
    world.tick();
    check_coverage(&world.progress, &world.all()).unwrap();
    assert_eq!(
        world.windows[&Timestamp::from_ms(0)].to(),
        Timestamp::from_ms(10 * MINUTE_MS)
    );
}

#[test]
fn planners_with_other_widths_leave_no_gap_or_overlap() {
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
fn vanished_window_is_recreated() {
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
fn parked_window_moves_behind_and_holds_watermark() {
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
fn retried_gap_is_dispatched_from_behind() {
    let mut world = World::new(policy(), None, hours(24));
    world.tick();
    world.set(0, Status::Parked);
    world.tick();
    world.set(0, Status::Ready);
    let plan = world.plan();
    assert_eq!(
        plan.moves("dispatch")[0].seen.id().from,
        Timestamp::from_ms(0)
    );
}

#[test]
fn straggler_moves_behind_when_open_range_fills() {
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
fn creation_stops_when_behind_is_full() {
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
fn time_before_retention_is_one_unavailable_span() {
    let policy = Policy {
        max_lookback_ms: Some(DAY_MS),
        ..policy()
    };
    let mut world = World::new(policy, None, hours(72));
    world.tick();
    assert_eq!(
        world.progress.unavailable,
        vec![Span::new(hours(0), hours(48)).unwrap()]
    );
    let mut windows = world.windows.values();
    let gone = windows.next().unwrap();
    assert_eq!((gone.id().from, gone.to()), (hours(0), hours(48)));
    assert_eq!((gone.status(), gone.runs()), (Status::Done, 0));
    assert_eq!(windows.next().unwrap().id().from, hours(48));
    assert_eq!(world.complete_through(), hours(48));
    check_coverage(&world.progress, &world.all()).unwrap();
    world.tick();
    assert_eq!(world.progress.records_per_hour, None, "nobody read it");
}

#[test]
fn planners_with_other_clocks_agree_on_retention_start() {
    let policy = Policy {
        max_lookback_ms: Some(DAY_MS),
        ..policy()
    };
    let mut world = World::new(policy, None, hours(72));
    let early = world.plan();
    world.now = world.now.plus_ms(23_000);
    let late = world.plan();
    assert_ne!(early.created()[0].to(), late.created()[0].to());
    world.carry_out(&early, Reach::Creates(2));
    world.carry_out(&late, Reach::Everything);
    world.tick();
    check_coverage(&world.progress, &world.all()).unwrap();
}

#[test]
fn raised_settle_moves_no_mark_back() {
    let mut world = World::new(policy(), None, hours(1));
    world.tick();
    let mark = world.progress.scheduled_through;
    world.policy.settle_ms = 6 * HOUR_MS;
    let plan = world.plan();
    assert!(!plan.creates());
    world.tick();
    assert_eq!(world.progress.scheduled_through, mark);
}

#[test]
fn inactive_source_is_only_scavenged() {
    let mut world = World::new(policy(), None, hours(24));
    world.tick();
    world
        .windows
        .values_mut()
        .for_each(|window| window.edit(|form| form.dispatched_until = Some(hours(1))));
    let plan = plan(&Situation {
        work: Work::Nothing,
        ..situation(&world, &world.open())
    });
    assert!(plan.writes().iter().all(|write| !write.dispatches()) && !plan.creates());
    assert_eq!(plan.moves("expire").len(), 2);
}

#[test]
fn probe_dispatches_one_window() {
    let mut world = World::new(policy(), None, hours(24));
    world.tick();
    let probe = |world: &World| {
        plan(&Situation {
            work: Work::Probe,
            slots: 4,
            ..situation(world, &world.open())
        })
    };
    let ready = world
        .open()
        .into_iter()
        .find(|it| it.status() == Status::Ready);
    let plan = probe(&world);
    assert!(!plan.creates());
    let dispatched = plan.moves("dispatch");
    let dispatched: Vec<_> = dispatched.iter().map(|it| &it.seen).collect();
    assert_eq!(dispatched, [&ready.unwrap()]);

    // Without a ready window, due time becomes windows, and the first one is the probe.
    for window in world.windows.values_mut() {
        window.edit(|form| form.status = Status::Done);
    }
    let plan = probe(&world);
    assert!(plan.moves("dispatch").is_empty());
    let created = plan.created();
    let born = |status| created.iter().filter(|it| it.status() == status).count();
    assert_eq!(born(Status::Dispatched), 1);
}

fn situation<'a>(world: &'a World, open: &'a [Window]) -> Situation<'a> {
    Situation {
        progress: &world.progress,
        policy: &world.policy,
        end: None,
        open,
        behind: &[],
        ledger: None,
        work: Work::Everything,
        slots: 2,
        suspects: Suspects::Apart,
        dispatch_until: Timestamp::MAX,
        now: world.now,
        time: PlanTime::agreed(world.now),
    }
}

#[test]
fn split_halves_window_in_one_write() {
    let mut world = World::new(policy(), None, hours(24));
    world.tick();
    world.policy.max_open_windows += 1;
    let split_at = Timestamp::from_ms(75 * MINUTE_MS);
    let last = Timestamp::from_ms(70 * MINUTE_MS);
    world
        .windows
        .get_mut(&last)
        .unwrap()
        .edit(|form| form.split_at = Some(split_at));
    let plan = world.plan();
    let [Write::Split(split)] = plan.writes() else {
        panic!("{plan:?}")
    };
    assert_eq!(
        split.parts[0].span(),
        Span::new(split_at, world.windows[&last].to()).unwrap()
    );
    world.tick();
    assert_eq!(world.windows[&last].to(), split_at);
    check_coverage(&world.progress, &world.all()).unwrap();
}

#[test]
fn full_open_range_splits_only_oldest_window() {
    let mut world = World::new(policy(), None, hours(24));
    world.tick();
    for window in world.windows.values_mut() {
        let middle = window.span().midpoint(1);
        window.edit(|form| {
            form.status = Status::Ready;
            form.split_at = middle;
        });
    }
    for (room, expected) in [(0, 1), (1, 1), (2, 2), (20, 8)] {
        world.policy.max_open_windows = 8 + room;
        let splits = world.plan().splits();
        assert_eq!(splits.len(), expected, "{room}");
        assert_eq!(splits[0].parent.seen.id().from, Timestamp::from_ms(0));
    }
}

#[test]
fn width_narrows_at_once_and_widens_stepwise() {
    let policy = policy();
    let burst = adapt_width(&policy, HOUR_MS, Some(100 * limits::WINDOW_RECORDS_TARGET));
    assert_eq!(burst, policy.min_ms);
    let quiet = adapt_width(&policy, HOUR_MS, Some(0));
    assert_eq!(quiet, HOUR_MS * limits::WIDTH_GROWTH_MAX);
    assert_eq!(adapt_width(&policy, policy.max_ms, Some(0)), policy.max_ms);
}

#[test]
fn only_read_windows_set_width() {
    let learnt = |runs, records| {
        let mut world = World::new(policy(), None, hours(24));
        world.tick();
        world.set(0, Status::Done);
        let window = world.windows.get_mut(&Timestamp::from_ms(0)).unwrap();
        window.edit(|form| (form.runs, form.records) = (runs, records));
        world.now = world.now.plus_ms(1);
        let next = world.plan().marks().unwrap();
        assert_eq!(next.updated_at, world.now);
        (next.records_per_hour, next.width_ms / MINUTE_MS)
    };
    assert_eq!(learnt(1, 600), (Some(3_600), 20));
    assert_eq!(learnt(1, 40_000), (Some(240_000), 5));
    assert_eq!(learnt(1, 0), (Some(0), 20));
    // The runs of another window have read a part that a split created.
    assert_eq!(learnt(0, 1), (Some(6), 20));
    assert_eq!(learnt(0, 0), (None, 10));
}

#[test]
fn writes_follow_crash_safe_order() {
    let retention = Policy {
        max_lookback_ms: Some(2 * DAY_MS),
        ..policy()
    };
    let mut world = World::new(retention, None, hours(40));
    world.tick();
    for window in world.windows.values_mut() {
        window.edit(|form| form.status = Status::Ready);
    }
    world.set(70 * MINUTE_MS, Status::Running);
    let running = world.windows.get_mut(&Timestamp::from_ms(70 * MINUTE_MS));
    running
        .unwrap()
        .edit(|form| form.lease_until = Some(hours(1)));
    world.policy.max_open_windows += 4;
    world.now = hours(48).plus_ms(15 * MINUTE_MS);
    let plan = world.plan();
    let name = |write: &Write| match write {
        Write::Move(moved) => moved.event.name(),
        Write::Split(_) => "split",
        Write::Create(_) => "create",
        Write::Save(_) => "save",
    };
    let mut names: Vec<_> = plan.writes().iter().map(name).collect();
    names.dedup();
    assert_eq!(names, ["expire", "create", "save", "lapse", "dispatch"]);
}

#[test]
fn lost_write_voids_rest_unless_move() {
    let mut world = World::new(policy(), None, hours(24));
    let first = world.plan();
    world.tick();
    let second = world.plan();
    let writes = first.writes().iter().chain(second.writes());
    for write in writes {
        let is_move = matches!(write, Write::Move(_));
        assert_eq!(write.carries_the_rest(), !is_move, "{write:?}");
    }
    let sent = |plan: &Plan| plan.writes().iter().filter(|it| it.dispatches()).count();
    assert_eq!((sent(&first), sent(&second)), (2, 2));
    assert!(!first.is_empty() && Plan::default().is_empty());
}
