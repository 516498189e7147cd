use super::*;
use crate::source::tests::policy as any_policy;
use crate::time::MINUTE_MS;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn hourly() -> Policy {
    Policy {
        unit_ms: HOUR_MS,
        settle_ms: 10 * MINUTE_MS,
        ..any_policy()
    }
}

fn done(from_ms: i64, to_ms: i64, records: u64) -> Window {
    let id = format!("okta/0123456789ab/live/{}", at(from_ms));
    let window = Window::done(id.parse().unwrap(), at(to_ms), HOUR_MS, at(to_ms)).unwrap();
    window.with(|form| form.records = records)
}

#[test]
fn unit_settles_only_whole() {
    let policy = hourly();
    let late_ms = policy.settle_ms + limits::EDGE_ALLOWANCE_MS;
    let edge = |ms| settled_edge(&policy, at(ms)).as_ms();
    assert_eq!(edge(5 * HOUR_MS + late_ms), 5 * HOUR_MS);
    assert_eq!(edge(5 * HOUR_MS + late_ms - 1), 4 * HOUR_MS);
    assert_eq!(edge(6 * HOUR_MS + late_ms - 1), 5 * HOUR_MS);
}

#[test]
fn end_inside_unit_rounds_up_and_cuts_once_settled() {
    let policy = Policy {
        every_ms: 4 * HOUR_MS,
        ..hourly()
    };
    let end = Some(at(2 * HOUR_MS + 1));
    let settled = |ms| at(ms + policy.settle_ms + limits::EDGE_ALLOWANCE_MS);
    let next = |now| {
        let creator = WindowCreator::new(&policy, end, now, 24 * HOUR_MS);
        creator.next(at(0)).map(|span| span.to().as_ms())
    };
    assert_eq!(next(settled(3 * HOUR_MS)), Some(3 * HOUR_MS));
    assert_eq!(next(settled(3 * HOUR_MS - 1)), None);
}

#[test]
fn full_live_window_does_not_wait_for_every() {
    let policy = Policy {
        every_ms: 24 * HOUR_MS,
        ..any_policy()
    };
    let now = at(HOUR_MS + limits::EDGE_ALLOWANCE_MS);
    let creator = WindowCreator::new(&policy, None, now, HOUR_MS);
    assert_eq!(creator.next(at(0)), Span::new(at(0), at(HOUR_MS)).ok());
    assert_eq!(creator.next(at(1)), None);
}

#[test]
fn day_wide_window_ends_at_midnight() {
    let policy = any_policy();
    let day = 24 * HOUR_MS;
    let to = |width_ms, from_ms, now_ms| {
        let now = at(now_ms + policy.settle_ms + limits::EDGE_ALLOWANCE_MS);
        let creator = WindowCreator::new(&policy, None, now, width_ms);
        creator.next(at(from_ms)).map(|span| span.to().as_ms())
    };
    assert_eq!(to(4 * HOUR_MS, 22 * HOUR_MS, 9 * day), Some(day));
    assert_eq!(to(day, 22 * HOUR_MS, 9 * day), Some(day));
    assert_eq!(to(day, day, 9 * day), Some(2 * day));
    assert_eq!(
        to(day + HOUR_MS, 22 * HOUR_MS, 9 * day),
        Some(22 * HOUR_MS + day + HOUR_MS),
        "a wider one belongs to its first day"
    );
    // Settled time ends soon after midnight: the rest of the day does not wait for more.
    assert_eq!(to(9 * day, day - 1, day + HOUR_MS), Some(day));
    // A day is not a multiple of this unit.
    assert_eq!(within_day(at(0), at(day), 7 * HOUR_MS), at(21 * HOUR_MS));
    assert_eq!(
        within_day(at(21 * HOUR_MS), at(28 * HOUR_MS), 7 * HOUR_MS),
        at(28 * HOUR_MS)
    );
}

#[test]
fn density_averages_observed_and_previous() {
    assert_eq!(observe(None, &[]), None);
    assert_eq!(observe(Some(7), &[]), Some(7));
    let windows = [done(0, HOUR_MS, 100), done(HOUR_MS, 4 * HOUR_MS, 500)];
    let windows: Vec<_> = windows.iter().collect();
    assert_eq!(observe(None, &windows), Some(150));
    assert_eq!(observe(Some(50), &windows), Some(100));
}

#[test]
fn width_targets_record_count_within_unit() {
    let fine = Policy {
        max_ms: 6 * HOUR_MS,
        ..any_policy()
    };
    let width = |policy, per_hour| adapt_width(policy, 4 * HOUR_MS, Some(per_hour));
    assert_eq!(width(&fine, limits::WINDOW_RECORDS_TARGET), HOUR_MS);
    assert_eq!(width(&fine, limits::WINDOW_RECORDS_TARGET / 2), 2 * HOUR_MS);
    assert_eq!(adapt_width(&fine, 4 * HOUR_MS, None), 4 * HOUR_MS);
    let coarse = hourly();
    assert!(coarse.min_ms < coarse.unit_ms);
    assert_eq!(width(&coarse, u64::MAX), HOUR_MS);
}
