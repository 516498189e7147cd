use proptest::prelude::*;

use super::*;
use crate::Timeline;
use crate::block::Work;
use crate::creation::WindowCreator;
use crate::plan::Suspects;
use crate::progress::Progress;
use crate::source::Policy;
use crate::source::tests::policy as any_policy;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::trust::{ClockOffset, Jury, PlanTime};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn progress(lane: Lane, mark: Timestamp, policy: &Policy) -> Progress {
    let timeline = Timeline {
        source: "okta".parse().unwrap(),
        generation: "0123456789ab".parse().unwrap(),
        lane,
    };
    Progress::begin(timeline, mark, None, policy, at(0))
}

fn situation<'a>(
    progress: &'a Progress,
    policy: &'a Policy,
    open: &'a [Window],
    now: Timestamp,
) -> Situation<'a> {
    Situation {
        progress,
        policy,
        end: None,
        open,
        behind: &[],
        ledger: None,
        work: Work::Everything,
        slots: 0,
        suspects: Suspects::Apart,
        dispatch_until: Timestamp::MAX,
        now,
        time: PlanTime::agreed(now),
    }
}

fn window(minute: i64, status: Status) -> Window {
    let id = format!("okta/0123456789ab/live/{}", at(minute * MINUTE_MS));
    let to = at((minute + 1) * MINUTE_MS);
    let window = Window::new(id.parse().unwrap(), to, at(0)).unwrap();
    window.with(|form| form.status = status)
}

fn policies() -> impl Strategy<Value = Policy> {
    let unit = prop::sample::select(vec![1, SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS]);
    (unit, 1i64..30, 1i64..30, 0..3 * DAY_MS).prop_map(|(unit_ms, width, every, settle_ms)| {
        Policy {
            unit_ms,
            initial_ms: width * unit_ms,
            min_ms: unit_ms,
            max_ms: 30 * unit_ms,
            every_ms: every * unit_ms,
            settle_ms,
            ..any_policy()
        }
    })
}

proptest! {
    #[test]
    fn window_is_cut_exactly_at_due_instant(
        policy in policies(),
        units in -50i64..50,
        end_ms in prop::option::of(1..40 * DAY_MS),
    ) {
        let mark = at(units * policy.unit_ms);
        let end = end_ms.map(|ms| mark.plus_ms(ms));
        let width_ms = policy.initial_ms;
        let finds = |now| WindowCreator::new(&policy, end, now, width_ms).next(mark).is_some();
        let due = creation::due_at(&policy, end, width_ms, mark).unwrap();
        prop_assert!(finds(due));
        prop_assert!(!finds(due.minus_ms(1)));
    }

    #[test]
    fn sweep_reads_exactly_at_due_instant(
        policy in policies(),
        units in -50i64..50,
        after in 1i64..40,
        end_ms in prop::option::of(1..40 * DAY_MS),
    ) {
        let after_ms = policy.settle_ms + after * HOUR_MS;
        let mark = at(units * policy.unit_ms);
        let end = end_ms.map(|ms| mark.plus_ms(ms).ceil_to(policy.unit_ms));
        let through = Timestamp::MAX;
        let is_due = |now| {
            let edge = sweep::edge(&policy, through, after_ms, now);
            sweep::is_due(&policy, mark, edge, after_ms, end)
        };
        let due = sweep::due_at(&policy, mark, through, after_ms, end).unwrap();
        prop_assert!(is_due(due));
        prop_assert!(!is_due(due.minus_ms(1)));
    }
}

#[test]
fn ended_timeline_is_never_due() {
    let policy = any_policy();
    let progress = progress(Lane::Live, at(HOUR_MS), &policy);
    let ended = Situation {
        end: Some(at(HOUR_MS)),
        ..situation(&progress, &policy, &[], at(2 * HOUR_MS))
    };
    assert_eq!(due_at(&ended, None), None);
}

#[test]
fn paused_source_is_due_only_for_leases() {
    let policy = any_policy();
    let progress = progress(Lane::Live, at(0), &policy);
    let running = window(0, Status::Running).with(|form| form.lease_until = Some(at(MINUTE_MS)));
    let open = [running];
    let paused = Situation {
        work: Work::Nothing,
        ..situation(&progress, &policy, &open, at(0))
    };
    assert_eq!(due_at(&paused, None), Some(at(MINUTE_MS + 1)));
    let without_lease = Situation {
        open: &[],
        ..paused
    };
    assert_eq!(due_at(&without_lease, None), None);
}

#[test]
fn process_long_lease_wakes_no_planner() {
    let policy = any_policy();
    let mut progress = progress(Lane::Live, at(0), &policy);
    progress.scheduled_through = at(MINUTE_MS);
    let running = window(0, Status::Running).with(|form| form.lease_until = Some(Timestamp::MAX));
    let open = [running];
    // The timeline may have one open window, and has one.
    assert_eq!(
        due_at(&situation(&progress, &policy, &open, at(0)), None),
        None
    );
}

#[test]
fn earliest_window_wait_precedes_later_cut() {
    let policy = Policy {
        max_open_windows: 8,
        every_ms: HOUR_MS,
        ..any_policy()
    };
    let mut progress = progress(Lane::Live, at(0), &policy);
    progress.scheduled_through = at(2 * MINUTE_MS);
    let waiting = |minute, until| {
        window(minute, Status::Ready).with(|form| form.not_before = Some(at(until)))
    };
    let open = [waiting(0, 50_000), waiting(1, 40_000)];
    let situation = situation(&progress, &policy, &open, at(30_000));
    assert_eq!(due_at(&situation, None), Some(at(40_000)));
}

#[test]
fn sweep_waits_for_followed_lane() {
    let policy = any_policy();
    let progress = progress(Lane::Sweep(1), at(0), &policy);
    let situation = situation(&progress, &policy, &[], at(0));
    let follows = |through| {
        Some(Follows {
            through,
            after_ms: DAY_MS,
        })
    };
    assert_eq!(due_at(&situation, None), None);
    assert_eq!(due_at(&situation, follows(at(MINUTE_MS))), None);
    assert!(due_at(&situation, follows(at(DAY_MS))).is_some());
}

#[test]
fn cut_is_due_by_earlier_clock() {
    let policy = any_policy();
    let now = at(10 * DAY_MS);
    let live = progress(Lane::Live, at(10 * DAY_MS), &policy);
    let agreed = situation(&live, &policy, &[], now);
    let due = due_at(&agreed, None).unwrap();
    for offset_ms in [-3 * HOUR_MS, -90 * SECOND_MS] {
        let seen = ClockOffset {
            offset_ms: Some(offset_ms),
            observed_at: now,
        };
        let jury = Jury {
            choice: None,
            witnesses: &[],
        };
        let behind = Situation {
            time: PlanTime::of(now, Some(&seen), &jury),
            ..agreed
        };
        assert_eq!(due_at(&behind, None), Some(due.minus_ms(offset_ms)));
    }
}

#[test]
fn sweep_awaiting_response_is_due_once() {
    let policy = any_policy();
    let sweep = progress(Lane::Sweep(1), at(0), &policy);
    let now = at(100 * DAY_MS);
    let follows = Some(Follows {
        through: Timestamp::MAX,
        after_ms: DAY_MS,
    });
    let without_clock = Situation {
        time: PlanTime::assumed(now),
        ..situation(&sweep, &policy, &[], now)
    };
    assert_eq!(due_at(&without_clock, follows), None);
    let early = Situation {
        now: at(0),
        time: PlanTime::assumed(at(0)),
        ..without_clock
    };
    assert!(due_at(&early, follows).is_some());
}
