//! Windows that lapse while they wait, and the unavailable spans that they leave.

use super::super::world::{World, hours, policy};
use super::super::{Situation, Suspects, plan};
use crate::block::Work;
use crate::source::Policy;
use crate::span::Span;
use crate::time::{DAY_MS, HOUR_MS};
use crate::trust::PlanTime;
use crate::window::Status;

/// Ready windows of an hour, from a vendor with two days of retention.
fn world() -> World {
    let policy = Policy {
        initial_ms: HOUR_MS,
        max_ms: HOUR_MS,
        max_lookback_ms: Some(2 * DAY_MS),
        ..policy()
    };
    let mut world = World::new(policy, None, hours(40));
    world.tick();
    for window in world.windows.values_mut() {
        window.edit(|form| {
            form.status = Status::Ready;
            form.lease_until = None;
        });
    }
    world
}

#[test]
fn dropped_unread_windows_lapse_as_unavailable() {
    let mut world = world();
    world.now = hours(51);
    let plan = world.plan();
    let lapsed = plan.moves("lapse");
    let lapsed: Vec<_> = lapsed.iter().map(|it| it.seen.id().from).collect();
    assert_eq!(lapsed, [hours(0), hours(1), hours(2)]);
    let next = plan.marks().unwrap();
    assert_eq!(next.unavailable, [Span::new(hours(0), hours(3)).unwrap()]);
    // A lapsing window is not dispatched, and the marks that list its span are stored first.
    let sent = plan.moves("dispatch");
    let sent: Vec<_> = sent.iter().map(|it| it.seen.id().from).collect();
    assert_eq!(sent, [hours(3), hours(4)]);
}

#[test]
fn next_tick_completes_interrupted_lapse() {
    let mut world = world();
    world.now = hours(51);
    world.progress = world.plan().marks().unwrap();
    let again = world.plan().moves("lapse");
    assert_eq!(again.len(), 3);
    for moved in &again {
        let done = world.windows[&moved.seen.id().from]
            .apply(&moved.event)
            .unwrap();
        world.windows.insert(done.id().from, done);
    }
    assert!(world.plan().moves("lapse").is_empty());
    assert_eq!(world.complete_through(), hours(3));
}

#[test]
fn begun_or_splitting_windows_do_not_lapse() {
    let mut world = world();
    world
        .windows
        .get_mut(&hours(0))
        .unwrap()
        .edit(|form| form.page = 1);
    world
        .windows
        .get_mut(&hours(1))
        .unwrap()
        .edit(|form| form.split_at = Some(hours(1).plus_ms(HOUR_MS / 2)));
    world
        .windows
        .get_mut(&hours(2))
        .unwrap()
        .edit(|form| form.status = Status::Parked);
    world.now = hours(52);
    let lapsed: Vec<_> = world
        .plan()
        .moves("lapse")
        .iter()
        .map(|it| it.seen.id().from)
        .collect();
    assert_eq!(lapsed, [hours(3)]);
}

#[test]
fn gap_behind_retried_too_late_lapses() {
    let mut world = world();
    world.set(0, Status::Parked);
    world.tick();
    assert_eq!(world.progress.behind, [hours(0)]);
    world.set(0, Status::Ready);
    world.now = hours(49);
    let plan = world.plan();
    assert_eq!(plan.moves("lapse")[0].seen.id().from, hours(0));
    let sent = plan.moves("dispatch");
    assert!(sent.iter().all(|it| it.seen.id().from != hours(0)));
}

#[test]
fn inactive_source_lapses_nothing() {
    let mut world = world();
    world.now = hours(60);
    let (open, behind) = (world.open(), world.behind());
    let plan = plan(&Situation {
        progress: &world.progress,
        policy: &world.policy,
        end: None,
        open: &open,
        behind: &behind,
        ledger: None,
        work: Work::Nothing,
        slots: 2,
        suspects: Suspects::Apart,
        dispatch_until: world.now,
        now: world.now,
        time: PlanTime::agreed(world.now),
    });
    assert!(plan.moves("lapse").is_empty() && plan.marks().is_none());
}

#[test]
fn window_claimed_before_lapse_stays_in_sight() {
    let mut world = world();
    world.now = hours(49);
    let plan = world.plan();
    assert_eq!(plan.moves("lapse")[0].seen.id().from, hours(0));
    world.progress = plan.marks().unwrap();
    world.set(0, Status::Running);
    world
        .windows
        .get_mut(&hours(0))
        .unwrap()
        .edit(|form| form.lease_until = Some(hours(1_000)));
    for _ in 0..3 {
        world.tick();
        let open = world.progress.open_from <= hours(0);
        assert!(open || world.progress.behind.contains(&hours(0)));
    }
    assert_eq!(world.complete_through(), hours(0));
}

#[test]
fn span_dropped_during_read_is_unavailable() {
    let mut world = world();
    let half_past = hours(50).plus_ms(HOUR_MS / 2);
    // Two windows done long before their time was dropped, and one half an hour after its first
    // half was dropped.
    for (hour, done_at) in [(0, hours(47)), (1, hours(47)), (2, half_past)] {
        world.set(hours(hour).as_ms(), Status::Done);
        let window = world.windows.get_mut(&hours(hour)).unwrap();
        window.edit(|form| form.done_at = Some(done_at));
    }
    world.now = half_past.plus_ms(1);
    let next = world.plan().marks().unwrap();
    assert_eq!(next.open_from, hours(3));
    let gone = Span::new(hours(2), hours(2).plus_ms(HOUR_MS / 2)).unwrap();
    assert_eq!(next.unavailable, [gone]);
    world.progress = next;
    world.tick();
    assert_eq!(world.progress.unavailable, [gone]);
}

#[test]
fn gap_filled_partly_late_is_partly_unavailable() {
    let mut world = world();
    world.set(0, Status::Parked);
    world.tick();
    assert_eq!(world.progress.behind, [hours(0)]);
    world.set(0, Status::Done);
    let at = hours(48).plus_ms(1);
    world
        .windows
        .get_mut(&hours(0))
        .unwrap()
        .edit(|form| form.done_at = Some(at));
    world.now = at;
    let next = world.plan().marks().unwrap();
    assert!(next.behind.is_empty());
    let gone = Span::new(hours(0), hours(0).plus_ms(1)).unwrap();
    assert_eq!(next.unavailable, [gone]);
}

/// A source that is read about as fast as its vendor drops loses a piece of each window.
#[test]
fn every_lost_piece_is_recorded() {
    let mut world = world();
    let gone = |hour: i64| Span::new(hours(hour), hours(hour).plus_ms(1)).unwrap();
    for hour in 0..100 {
        world.now = hours(hour + 48).plus_ms(1);
        world.tick();
        world.set(hours(hour).as_ms(), Status::Done);
        world.tick();
        let listed = |gone: Span| {
            let holds = |it: &Span| it.from() <= gone.from() && gone.to() <= it.to();
            world.progress.unavailable.iter().any(holds)
        };
        assert!((0..=hour).all(|hour| listed(gone(hour))), "hour {hour}");
    }
}

/// The one loss that a wrong clock can cause: no other clock is known here.
#[test]
fn clock_ahead_of_retention_records_skipped_time() {
    let mut world = world();
    world.now = hours(40 + 24 * 30);
    for _ in 0..3 {
        world.tick();
    }
    world.now = hours(41);
    let passed = world.progress.scheduled_through;
    assert!(passed > world.now, "{passed}");
    let listed = Span::new(hours(2), hours(24 * 28)).unwrap();
    let holds = |it: &Span| it.from() <= listed.from() && listed.to() <= it.to();
    assert!(world.progress.unavailable.iter().any(holds));
}
