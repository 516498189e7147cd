//! Splits as the planner carries them: what is created, in which order, and what stays in sight.

use super::super::world::{Reach, World, hours, policy};
use super::super::{Plan, Split};
use crate::checkpoint::Cursor;
use crate::invariant::{check_coverage, check_timeline, check_window};
use crate::limits;
use crate::source::Policy;
use crate::time::{MINUTE_MS, Timestamp};
use crate::transition::Event;
use crate::window::{Delivered, Status, Window};

fn minute(minute: i64) -> Timestamp {
    Timestamp::from_ms(minute * MINUTE_MS)
}

/// A timeline of eight windows of ten minutes, of which the one at `from` waits to be split where
/// it has delivered one minute of its ten in three runs.
fn waiting(from: i64, delivered: Delivered) -> World {
    let unit = Policy {
        unit_ms: MINUTE_MS,
        ..policy()
    };
    let mut world = World::new(unit, Some(minute(80)), hours(24));
    world.tick();
    for window in world.windows.values_mut() {
        window.status = Status::Ready;
        window.lease_until = None;
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
    window.page = 7;
    window.records = 700;
    (window.bytes, window.rejected, window.known) = (70_000, 7, 77);
    (window.oldest, window.newest) = (Some(minute(from)), Some(minute(from + 10)));
    window.remembered = false;
    window.created_at = minute(from + 11);
    window.overruns = 3;
    window.cursor = Some(Cursor {
        token: "next".to_owned(),
        request: "hash".to_owned(),
    });
    window.split_at = Some(minute(at));
    window.split_delivered = delivered;
}

fn starts(windows: &[Window]) -> Vec<i64> {
    let minutes = windows
        .iter()
        .map(|window| window.id.from.as_ms() / MINUTE_MS);
    minutes.collect()
}

/// Creates what `plan` splits off, stores its marks, and moves the window itself if `wholly`.
fn carry(world: &mut World, plan: &Plan, wholly: bool) {
    for window in plan.splits.iter().flat_map(|split| &split.right) {
        let new = world.windows.entry(window.id.from);
        let kept = new.or_insert_with(|| window.clone());
        assert_eq!(kept.to, window.to);
    }
    if let Some(next) = &plan.progress {
        world.progress = next.clone();
    }
    for Split { left, .. } in plan.splits.iter().filter(|_| wholly) {
        let moved = world.windows[&left.seen.id.from]
            .apply(&left.event)
            .unwrap();
        world.windows.insert(moved.id.from, moved);
    }
}

#[test]
fn an_oldest_first_window_closes_with_what_it_delivered_and_the_rest_gets_several_windows() {
    let mut world = waiting(70, Delivered::Before);
    let plan = world.plan();
    let [split] = &plan.splits[..] else { panic!() };
    assert_eq!(starts(&split.right), [71, 72, 73, 74, 75, 76, 77, 78]);
    assert!(
        split
            .right
            .iter()
            .all(|window| window.status == Status::Ready)
    );
    assert!(matches!(split.left.event, Event::Close { to, .. } if to == minute(71)));
    carry(&mut world, &plan, true);
    check_coverage(&world.progress, &world.all()).unwrap();
    let closed = &world.windows[&minute(70)];
    assert_eq!((closed.status, closed.records), (Status::Done, 700));
    for window in world.all() {
        check_window(&window, &world.policy).unwrap();
    }
}

#[test]
fn a_newest_first_window_keeps_its_first_piece_and_what_it_delivered_is_done_beside_it() {
    let mut world = waiting(70, Delivered::After);
    let plan = world.plan();
    let [split] = &plan.splits[..] else { panic!() };
    assert_eq!(starts(&split.right), [71, 72, 73, 74, 75, 76, 77, 79]);
    let done = split.right.last().unwrap();
    assert_eq!(
        (done.status, done.to, done.records),
        (Status::Done, minute(80), 700)
    );
    // All that a sweep asks of a done window is that of the window that read it.
    let read = &world.windows[&minute(70)];
    let expected = Window {
        bytes: read.bytes,
        rejected: read.rejected,
        known: read.known,
        oldest: read.oldest,
        newest: read.newest,
        remembered: read.remembered,
        created_at: read.created_at,
        ..done.clone()
    };
    assert_eq!(*done, expected);
    assert_eq!(split.left.event.name(), "shrink");
    carry(&mut world, &plan, true);
    check_coverage(&world.progress, &world.all()).unwrap();
    let shrunk = &world.windows[&minute(70)];
    assert_eq!((shrunk.to, shrunk.status), (minute(71), Status::Ready));
    assert_eq!((shrunk.records, &shrunk.cursor), (0, &None));
}

#[test]
fn a_split_that_stopped_after_any_create_is_made_again_the_same() {
    for delivered in [Delivered::Before, Delivered::After, Delivered::Nothing] {
        let mut world = waiting(70, delivered);
        let first = world.plan();
        for made in 0..=first.splits[0].right.len() {
            for window in &first.splits[0].right[..made] {
                world.windows.insert(window.id.from, window.clone());
            }
            check_timeline(&world.progress, &world.open()).unwrap();
            let again = world.plan();
            assert_eq!(again.splits, first.splits, "{delivered:?} after {made}");
        }
        let last = world.plan();
        carry(&mut world, &last, true);
        check_coverage(&world.progress, &world.all()).unwrap();
        assert!(world.plan().splits.is_empty());
    }
}

#[test]
fn a_split_made_again_later_takes_no_account_of_what_its_parts_did_meanwhile() {
    let mut world = waiting(70, Delivered::After);
    let first = world.plan();
    carry(&mut world, &first, false);
    world.set(72 * MINUTE_MS, Status::Done);
    world.now = world.now.plus_ms(5 * MINUTE_MS);
    let again = world.plan();
    assert_eq!(
        starts(&again.splits[0].right),
        starts(&first.splits[0].right)
    );
    carry(&mut world, &again, true);
    assert_eq!(world.windows[&minute(72)].status, Status::Done);
    check_coverage(&world.progress, &world.all()).unwrap();
}

#[test]
fn a_window_splits_into_several_only_where_the_open_range_has_room_for_all() {
    let mut world = waiting(70, Delivered::Before);
    world.policy.max_open_windows = 8 + 7;
    assert!(world.plan().splits.is_empty());
    world.policy.max_open_windows = 8 + 8;
    assert_eq!(world.plan().splits.len(), 1);
    // Windows that are finished at the front take no room.
    for from in [0, 10, 20] {
        world.set(from * MINUTE_MS, Status::Done);
    }
    world.policy.max_open_windows = 5 + 8;
    assert_eq!(world.plan().splits.len(), 1);
    world.policy.max_open_windows = 5 + 7;
    assert!(world.plan().splits.is_empty());
    world.set(0, Status::Ready);
    // The oldest unfinished window may always split.
    world.policy.max_open_windows = 8;
    make_wait(&mut world, 0, Delivered::Before);
    assert_eq!(starts(&[world.plan().splits[0].left.seen.clone()]), [0]);
}

/// The window at minute zero, stepped over and tried again, waits to be split behind the marks.
fn waiting_behind(delivered: Delivered) -> World {
    let mut world = waiting(0, delivered);
    world.set(0, Status::Parked);
    world.tick();
    assert_eq!(world.progress.behind, [minute(0)]);
    world.set(0, Status::Ready);
    world
}

#[test]
fn parts_behind_the_marks_are_listed_before_the_window_gives_them_up() {
    for delivered in [Delivered::Before, Delivered::After] {
        let mut world = waiting_behind(delivered);
        let plan = world.plan();
        let listed = plan.progress.as_ref().unwrap().behind.clone();
        for part in plan.splits[0].right.iter().filter(|it| it.is_unfinished()) {
            assert!(listed.contains(&part.id.from), "{} is lost", part.id);
        }
        for part in plan.splits[0].right.iter().filter(|it| !it.is_unfinished()) {
            assert!(!listed.contains(&part.id.from), "{} takes room", part.id);
        }
        assert!(listed.is_sorted());
        carry(&mut world, &plan, false);
        assert_eq!(world.complete_through(), minute(0));
        carry(&mut world, &plan, true);
        let delivered_to = match delivered {
            Delivered::Before => minute(1),
            _ => minute(0),
        };
        assert_eq!(world.complete_through(), delivered_to);
        for from in listed {
            let done = world.windows.get_mut(&from).unwrap();
            done.status = Status::Done;
        }
        assert_eq!(world.complete_through(), minute(10));
    }
}

#[test]
fn a_split_behind_the_marks_for_which_the_list_has_no_room_becomes_a_hole() {
    let mut world = waiting_behind(Delivered::Before);
    let room = limits::BEHIND_MAX - 1 - 7;
    let before = (1..=room).map(|n| Timestamp::from_ms(-MINUTE_MS * i64::try_from(n).unwrap()));
    world.progress.behind.extend(before);
    world.progress.behind.sort_unstable();
    let plan = world.plan();
    assert!(plan.splits.is_empty());
    assert_eq!(plan.scavenge[0].event.name(), "park");
    // With room for exactly what it adds, it is split.
    world.progress.behind.remove(0);
    let plan = world.plan();
    assert_eq!(plan.splits.len(), 1);
    let listed = plan.progress.unwrap().behind;
    assert_eq!(listed.len(), limits::BEHIND_MAX);
    assert!(plan.scavenge.is_empty());
}

#[test]
fn a_split_behind_the_marks_needs_no_room_in_the_open_range() {
    let mut world = waiting_behind(Delivered::Before);
    let open = u32::try_from(world.open().len()).unwrap();
    world.policy.max_open_windows = open;
    assert_eq!(starts(&[world.plan().splits[0].left.seen.clone()]), [0]);
}

#[test]
fn the_list_of_windows_behind_stays_ascending_when_an_older_one_of_them_is_split() {
    let mut world = waiting_behind(Delivered::Before);
    world.set(10 * MINUTE_MS, Status::Parked);
    world.tick();
    let listed = &world.progress.behind;
    assert!(listed.contains(&minute(5)) && listed.contains(&minute(10)));
    assert!(listed.is_sorted(), "{listed:?}");
}

/// A planner that read before a window was tried again and split must not store its marks after
/// that: it would step over the window as it was, and the parts would be in nobody's sight.
#[test]
fn marks_that_were_planned_before_a_split_are_not_stored_after_it() {
    for delivered in [Delivered::Before, Delivered::After, Delivered::Nothing] {
        let mut world = waiting(0, delivered);
        world.set(0, Status::Parked);
        let stale = world.plan();
        assert!(stale.progress.is_some(), "it steps over the hole");
        world.set(0, Status::Ready);
        let split = world.plan();
        assert_eq!(split.splits.len(), 1);
        world.carry_out(&split, Reach::Everything);
        world.carry_out(&stale, Reach::Everything);
        let unread: Vec<_> = world.all();
        let mut unread = unread
            .iter()
            .filter(|it| it.is_unfinished() && it.id.from < minute(10));
        let in_sight = |window: &Window| {
            window.id.from >= world.progress.open_from
                || world.progress.behind.contains(&window.id.from)
        };
        assert!(
            unread.all(in_sight),
            "{delivered:?}: {:?} from {}",
            world.progress.behind,
            world.progress.open_from
        );
    }
}
