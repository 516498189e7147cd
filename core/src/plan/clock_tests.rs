//! The planner while the clocks differ, or while the vendor clock is unknown.

use super::world::{World, hours, policy};
use super::{Situation, Suspects, plan};
use crate::block::Work;
use crate::ids::{Lane, Timeline};
use crate::limits;
use crate::progress::Progress;
use crate::source::Policy;
use crate::sweep::Ledger;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use crate::trust::{ClockOffset, Jury, PlanTime, WhoseClock};
use crate::window::{Status, Window};

/// The planner's time when the machine clock shows `ours` and the last response came at `observed`,
/// with the vendor clock `offset_ms` ahead.
fn time(ours: Timestamp, observed: Option<(Timestamp, i64)>) -> PlanTime {
    let seen = observed.map(|(observed_at, offset_ms)| ClockOffset {
        offset_ms: Some(offset_ms),
        observed_at,
    });
    let jury = Jury {
        choice: None,
        witnesses: &[],
    };
    PlanTime::of(ours, seen.as_ref(), &jury)
}

/// A timeline of 100 days, of a vendor with 90 days of retention.
fn world(ours: Timestamp) -> World {
    let policy = Policy {
        max_lookback_ms: Some(90 * DAY_MS),
        ..policy()
    };
    World::new(policy, None, ours)
}

fn finish_all(world: &mut World) {
    let froms: Vec<_> = world.windows.keys().map(|from| from.as_ms()).collect();
    for from in froms {
        world.set(from, Status::Done);
    }
}

#[test]
fn no_time_is_skipped_before_first_response() {
    let mut world = world(hours(24 * 290));
    world.time = Some(time(world.now, None));
    for _ in 0..3 {
        world.tick();
        assert_eq!(world.windows.len(), 1);
        assert!(world.progress.unavailable.is_empty());
    }
    // The response shows that the machine clock was 200 days ahead: no time is unavailable.
    let right = hours(24 * 90);
    world.time = Some(time(
        world.now,
        Some((world.now, right.ms_since(world.now))),
    ));
    world.tick();
    assert!(world.progress.unavailable.is_empty());
    // The response shows that the machine clock is right: 200 days are unavailable, including the
    // window that fetched it.
    world.time = Some(time(world.now, Some((world.now, 0))));
    world.tick();
    assert_eq!(world.progress.unavailable[0].to(), hours(24 * 200));
}

#[test]
fn unconfirmed_clock_jump_skips_nothing() {
    let mut world = world(hours(24));
    world.tick();
    finish_all(&mut world);
    let last = world.now;
    world.now = world.now.plus_ms(200 * DAY_MS);
    world.time = Some(time(world.now, Some((last, 0))));
    let before = world.windows.len();
    world.tick();
    assert!(world.progress.unavailable.is_empty());
    assert_eq!(world.windows.len(), before + 1, "one window asks");
    let cut = world.windows.values().last().unwrap();
    assert_eq!(cut.span().width_ms(), world.policy.every_ms);
}

#[test]
fn ready_window_lapses_by_last_response() {
    let mut world = world(hours(24));
    world.tick();
    let last = world.now;
    world.now = world.now.plus_ms(200 * DAY_MS);
    world.time = Some(time(world.now, Some((last, 0))));
    assert!(world.plan().moves("lapse").is_empty());
    world.time = Some(time(world.now, Some((world.now, 0))));
    assert!(!world.plan().moves("lapse").is_empty());
}

#[test]
fn no_window_ends_past_slow_vendor_clock() {
    let mut world = world(hours(24));
    let offset_ms = -3 * HOUR_MS;
    world.time = Some(time(world.now, Some((world.now, offset_ms))));
    for _ in 0..20 {
        world.tick();
        finish_all(&mut world);
    }
    let settled = world.now.plus_ms(offset_ms - world.policy.settle_ms);
    assert!(world.progress.scheduled_through <= settled);
    assert!(world.progress.scheduled_through > settled.minus_ms(HOUR_MS));
}

#[test]
fn clock_behind_marks_cuts_one_asking_window() {
    let mut world = world(hours(24));
    for _ in 0..40 {
        world.tick();
        finish_all(&mut world);
    }
    let (mark, last) = (world.progress.scheduled_through, world.now);
    world.now = world.now.minus_ms(200 * DAY_MS);
    world.time = Some(time(world.now, Some((last, 0))));
    for _ in 0..3 {
        world.tick();
    }
    let cut: Vec<_> = world.windows.range(mark..).collect();
    assert_eq!(cut.len(), 1);
    assert_eq!(cut[0].1.to(), mark.plus_ms(5 * MINUTE_MS));
    // Within the clock skew, no window is created ahead of the machine clock.
    let mut other = World::new(policy(), None, Timestamp::from_ms(-limits::CLOCK_SKEW_MS));
    other.time = Some(time(other.now, None));
    assert!(!other.plan().creates());
}

#[test]
fn source_on_machine_clock_needs_no_response() {
    let mut world = world(hours(24 * 290));
    let jury = Jury {
        choice: Some(WhoseClock::Ours),
        witnesses: &[],
    };
    world.time = Some(PlanTime::of(world.now, None, &jury));
    world.tick();
    assert_eq!(world.progress.unavailable[0].to(), hours(24 * 200));
    assert!(world.windows.len() > 2);
}

#[test]
fn sweep_of_ended_timeline_asks_vendor_clock() {
    let after_ms = 2 * DAY_MS;
    let policy = Policy {
        sweeps_ms: vec![after_ms],
        ..policy()
    };
    let mut live = World::new(policy.clone(), Some(hours(1)), hours(3));
    live.tick();
    finish_all(&mut live);
    let read: Vec<_> = live.windows.values().cloned().map(remembered).collect();
    let ledger = Ledger {
        live: &read,
        whole: true,
        through: hours(1),
        after_ms,
    };
    let timeline = Timeline {
        lane: Lane::Sweep(1),
        ..live.progress.timeline.clone()
    };
    let sweep = Progress::begin(timeline, hours(0), Some(hours(1)), &policy, live.now);
    let cut = |now, observed| {
        let situation = Situation {
            progress: &sweep,
            policy: &policy,
            end: Some(hours(1)),
            open: &[],
            behind: &[],
            ledger: Some(&ledger),
            work: Work::Everything,
            slots: 1,
            suspects: Suspects::Apart,
            dispatch_until: Timestamp::MAX,
            now,
            time: time(now, observed),
        };
        plan(&situation).created()
    };
    // By the last response, long ago, it is not due; by the machine clock it is, and one window
    // fetches the vendor clock.
    let asks = cut(hours(24 * 4), Some((hours(3), 0)));
    assert_eq!(asks.len(), 1);
    // The machine clock alone skips no time, at any distance.
    assert!(cut(hours(24 * 4_000), Some((hours(3), 0))).is_empty());
    // A known vendor clock decides.
    assert!(cut(hours(24 * 4), Some((hours(24 * 4), -DAY_MS * 3))).is_empty());
}

fn remembered(window: Window) -> Window {
    window.with(|form| {
        form.remembered = true;
        form.records = 1;
        form.expires_at = Some(hours(24 * 100));
    })
}

#[test]
fn only_implausibly_late_lease_is_expired() {
    let mut world = world(hours(24 * 300));
    world.tick();
    let (from, right) = (*world.windows.keys().next().unwrap(), world.now);
    let mut takes_back = |ours: Timestamp, claimed: Timestamp| {
        let window = world.windows.get_mut(&from).unwrap();
        window.edit(|form| {
            form.status = Status::Running;
            form.lease_until = Some(claimed.plus_ms(limits::LEASE_MS_MAX));
        });
        world.now = ours;
        world.time = Some(time(ours, Some((right, 0))));
        let dispatch_until = ours.plus_ms(MINUTE_MS);
        !world.plan_to(dispatch_until).moves("expire").is_empty()
    };
    assert!(!takes_back(right, right.plus_ms(limits::CLOCK_SKEW_MS)));
    for ahead_ms in [limits::CLOCK_SKEW_MS + 1, HOUR_MS, 200 * DAY_MS] {
        assert!(takes_back(right, right.plus_ms(ahead_ms)), "{ahead_ms}");
    }
    // By a clock that was set back, all leases of other machines end far off.
    let later = right.plus_ms(limits::CLOCK_STORED_MS);
    assert!(!takes_back(right.minus_ms(200 * DAY_MS), later));
    assert!(takes_back(right.minus_ms(200 * DAY_MS), later.plus_ms(1)));
}
