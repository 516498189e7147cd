//! Splits by the planner: the created windows, and their place in the marks.

use super::super::world::{Reach, World, hours, policy};
use crate::checkpoint::Cursor;
use crate::invariant::{check_coverage, check_window};
use crate::limits;
use crate::source::Policy;
use crate::time::{MINUTE_MS, Timestamp};
use crate::transition::Event;
use crate::window::{Delivered, Status, Window};

fn minute(minute: i64) -> Timestamp {
    Timestamp::from_ms(minute * MINUTE_MS)
}

/// A timeline of eight windows of ten minutes. The one at `from` waits for its split, with one
/// minute delivered in three runs.
fn waiting(from: i64, delivered: Delivered) -> World {
    let unit = Policy {
        unit_ms: MINUTE_MS,
        ..policy()
    };
    let mut world = World::new(unit, Some(minute(80)), hours(24));
    world.tick();
    for window in world.windows.values_mut() {
        window.edit(|form| {
            form.status = Status::Ready;
            form.lease_until = None;
        });
    }
    world.policy.max_open_windows = 64;
    make_wait(&mut world, from, delivered);
    world
}

fn make_wait(world: &mut World, from: i64, delivered: Delivered) {
    let at = match delivered {
        Delivered::Before => from + 1,
        Delivered::After => from + 9,
        Delivered::Nothing => from + 5,
    };
    let window = world.windows.get_mut(&minute(from)).unwrap();
    window.edit(|form| {
        form.page = 7;
        form.records = 700;
        (form.bytes, form.rejected, form.known) = (70_000, 7, 77);
        (form.oldest, form.newest) = (Some(minute(from)), Some(minute(from + 10)));
        form.remembered = false;
        form.created_at = minute(from + 11);
        form.overruns = 3;
        form.set_cursor(Some(Cursor {
            token: "next".to_owned(),
            request: "hash".to_owned(),
        }));
        form.split_at = Some(minute(at));
        form.split_delivered = delivered;
    });
}

fn starts(windows: &[Window]) -> Vec<i64> {
    let minutes = windows
        .iter()
        .map(|window| window.id().from.as_ms() / MINUTE_MS);
    minutes.collect()
}

#[test]
fn oldest_first_split_closes_delivered_part() {
    let mut world = waiting(70, Delivered::Before);
    let splits = world.plan().splits();
    let [split] = &splits[..] else { panic!() };
    assert_eq!(starts(&split.parts), [71, 72, 73, 74, 75, 76, 77, 78]);
    assert!(
        split
            .parts
            .iter()
            .all(|window| window.status() == Status::Ready)
    );
    assert!(matches!(split.parent.event, Event::Close { to, .. } if to == minute(71)));
    assert_eq!(split.items(), limits::SPLIT_ITEMS_MAX);
    world.tick();
    check_coverage(&world.progress, &world.all()).unwrap();
    let closed = &world.windows[&minute(70)];
    assert_eq!((closed.status(), closed.records()), (Status::Done, 700));
    for window in world.all() {
        check_window(&window, &world.policy).unwrap();
    }
}

#[test]
fn newest_first_split_shrinks_and_adds_done_part() {
    let mut world = waiting(70, Delivered::After);
    let splits = world.plan().splits();
    let [split] = &splits[..] else { panic!() };
    assert_eq!(starts(&split.parts), [71, 72, 73, 74, 75, 76, 77, 79]);
    assert_eq!(split.items(), limits::SPLIT_ITEMS_MAX);
    let done = split.parts.last().unwrap();
    assert_eq!(
        (done.status(), done.to(), done.records()),
        (Status::Done, minute(80), 700)
    );
    // The attributes that a sweep reads of a done window are those of the window that read it.
    let read = &world.windows[&minute(70)];
    let expected = done.clone().with(|form| {
        form.bytes = read.bytes();
        form.rejected = read.rejected();
        form.known = read.known();
        form.oldest = read.oldest();
        form.newest = read.newest();
        form.remembered = read.remembered();
        form.created_at = read.created_at();
    });
    assert_eq!(*done, expected);
    assert_eq!(split.parent.event.name(), "shrink");
    world.tick();
    check_coverage(&world.progress, &world.all()).unwrap();
    let shrunk = &world.windows[&minute(70)];
    assert_eq!((shrunk.to(), shrunk.status()), (minute(71), Status::Ready));
    assert_eq!((shrunk.records(), &shrunk.cursor()), (0, &None));
}

#[test]
fn splitting_plan_does_nothing_else() {
    for delivered in [Delivered::Before, Delivered::After, Delivered::Nothing] {
        let mut world = waiting(70, delivered);
        make_wait(&mut world, 60, delivered);
        let plan = world.plan();
        let splits = plan.splits();
        assert_eq!((splits.len(), plan.writes().len()), (2, 2), "{delivered:?}");
        let version = world.progress.version;
        let versions: Vec<_> = splits.iter().map(|split| split.marks.version).collect();
        assert_eq!(versions, [version, version + 1], "each follows the other");
        world.carry_out(&plan, Reach::Creates(1));
        check_coverage(&world.progress, &world.all()).unwrap();
        world.tick();
        check_coverage(&world.progress, &world.all()).unwrap();
        let open = world.open();
        let open = open.iter().filter(|window| window.is_unfinished()).count();
        let summary = world.progress.summary.unwrap();
        assert_eq!(usize::try_from(summary.open).unwrap(), open);
        assert!(world.plan().splits().is_empty());
    }
}

#[test]
fn split_is_void_after_part_or_parent_changed() {
    let untouched = waiting(70, Delivered::Before);
    let plan = untouched.plan();
    let mut parted = waiting(70, Delivered::Before);
    let part = plan.splits()[0].parts[3].clone();
    parted.windows.insert(part.id().from, part);
    let mut moved = waiting(70, Delivered::Before);
    moved.set(70 * MINUTE_MS, Status::Parked);
    for mut world in [parted, moved] {
        let before = world.all();
        world.carry_out(&plan, Reach::Everything);
        assert_eq!(world.all(), before);
        assert_eq!(world.progress, untouched.progress);
    }
}

#[test]
fn split_needs_open_range_room_for_all_parts() {
    let mut world = waiting(70, Delivered::Before);
    world.policy.max_open_windows = 8 + 7;
    assert!(world.plan().splits().is_empty());
    world.policy.max_open_windows = 8 + 8;
    assert_eq!(world.plan().splits().len(), 1);
    // Finished windows at the front take no room.
    for from in [0, 10, 20] {
        world.set(from * MINUTE_MS, Status::Done);
    }
    world.policy.max_open_windows = 5 + 8;
    assert_eq!(world.plan().splits().len(), 1);
    world.policy.max_open_windows = 5 + 7;
    assert!(world.plan().splits().is_empty());
    world.set(0, Status::Ready);
    // The oldest unfinished window may always split.
    world.policy.max_open_windows = 8;
    make_wait(&mut world, 0, Delivered::Before);
    assert_eq!(starts(&[world.plan().splits()[0].parent.seen.clone()]), [0]);
}

/// The window at minute zero, stepped over and retried, waits for its split behind `open_from`.
fn waiting_behind(delivered: Delivered) -> World {
    let mut world = waiting(0, delivered);
    world.set(0, Status::Parked);
    world.tick();
    assert_eq!(world.progress.behind, [minute(0)]);
    world.set(0, Status::Ready);
    world
}

#[test]
fn split_lists_its_parts_in_behind() {
    for delivered in [Delivered::Before, Delivered::After] {
        let mut world = waiting_behind(delivered);
        let split = world.plan().splits().remove(0);
        let listed = split.marks.behind.clone();
        for part in &split.parts {
            let is_listed = listed.contains(&part.id().from);
            assert_eq!(is_listed, part.is_unfinished(), "{}", part.id());
        }
        assert!(listed.is_sorted());
        world.tick();
        let delivered_to = match delivered {
            Delivered::Before => minute(1),
            _ => minute(0),
        };
        assert_eq!(world.complete_through(), delivered_to);
        for from in listed {
            let done = world.windows.get_mut(&from).unwrap();
            done.edit(|form| form.status = Status::Done);
        }
        assert_eq!(world.complete_through(), minute(10));
    }
}

#[test]
fn split_exceeding_behind_parks_window() {
    let mut world = waiting_behind(Delivered::Before);
    let room = limits::BEHIND_MAX - 1 - 7;
    let before = (1..=room).map(|n| Timestamp::from_ms(-MINUTE_MS * i64::try_from(n).unwrap()));
    world.progress.behind.extend(before);
    world.progress.behind.sort_unstable();
    let plan = world.plan();
    assert!(plan.splits().is_empty());
    assert_eq!(plan.moves("park").len(), 1);
    // With room for exactly its parts, it is split.
    world.progress.behind.remove(0);
    let plan = world.plan();
    assert_eq!(plan.splits().len(), 1);
    let listed = plan.marks().unwrap().behind;
    assert_eq!(listed.len(), limits::BEHIND_MAX);
    assert_eq!(plan.writes().len(), 1);
}

#[test]
fn split_behind_needs_no_open_range_room() {
    let mut world = waiting_behind(Delivered::Before);
    let open = u32::try_from(world.open().len()).unwrap();
    world.policy.max_open_windows = open;
    assert_eq!(starts(&[world.plan().splits()[0].parent.seen.clone()]), [0]);
}

#[test]
fn split_keeps_behind_ascending() {
    let mut world = waiting_behind(Delivered::Before);
    world.set(10 * MINUTE_MS, Status::Parked);
    world.tick();
    let listed = &world.progress.behind;
    assert!(listed.contains(&minute(5)) && listed.contains(&minute(10)));
    assert!(listed.is_sorted(), "{listed:?}");
}

/// A planner that read before a window was retried and split must not store its marks afterwards:
/// they would step over the window as it was, and no list would hold the parts.
#[test]
fn marks_planned_before_split_are_void() {
    for delivered in [Delivered::Before, Delivered::After, Delivered::Nothing] {
        let mut world = waiting(0, delivered);
        world.set(0, Status::Parked);
        let stale = world.plan();
        assert!(stale.marks().is_some(), "it steps over the hole");
        world.set(0, Status::Ready);
        let split = world.plan();
        assert_eq!(split.splits().len(), 1);
        world.carry_out(&split, Reach::Everything);
        world.carry_out(&stale, Reach::Everything);
        let unread: Vec<_> = world.all();
        let mut unread = unread
            .iter()
            .filter(|it| it.is_unfinished() && it.id().from < minute(10));
        let in_sight = |window: &Window| {
            window.id().from >= world.progress.open_from
                || world.progress.behind.contains(&window.id().from)
        };
        assert!(
            unread.all(in_sight),
            "{delivered:?}: {:?} from {}",
            world.progress.behind,
            world.progress.open_from
        );
    }
}
