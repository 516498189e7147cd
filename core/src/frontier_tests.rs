use super::*;
use crate::checkpoint::Cursor;
use crate::source::tests::policy;

const UNIT_MS: i64 = 1_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_ms(second * UNIT_MS)
}

fn strict(order: Order) -> Policy {
    Policy {
        unit_ms: UNIT_MS,
        strict_order: Some(order),
        ..policy()
    }
}

/// A window of 1,000 seconds whose records from `oldest` to `newest` are delivered.
fn begun(oldest_ms: i64, newest_ms: i64) -> Window {
    let id = "okta/0123456789ab/live/1970-01-01T00:00:00Z"
        .parse()
        .unwrap();
    let mut window = Window::new(id, at(1_000), at(0)).unwrap();
    window.edit(|form| {
        form.set_cursor(Some(Cursor {
            token: "next".to_owned(),
            request: "hash".to_owned(),
        }));
        form.oldest = Some(Timestamp::from_ms(oldest_ms));
        form.newest = Some(Timestamp::from_ms(newest_ms));
    });
    window
}

fn waiting(split: SplitPoint, overruns: u32, window: Window) -> Window {
    window.with(|form| {
        form.split_at = Some(split.at);
        form.split_delivered = split.delivered;
        form.overruns = overruns;
    })
}

#[test]
fn last_records_unit_belongs_to_rest() {
    let oldest_first = frontier(&begun(0, 250_400), &strict(Order::OldestFirst)).unwrap();
    assert_eq!(
        (oldest_first.at, oldest_first.delivered),
        (at(250), Delivered::Before)
    );
    let newest_first = frontier(&begun(250_400, 999_000), &strict(Order::NewestFirst)).unwrap();
    assert_eq!(
        (newest_first.at, newest_first.delivered),
        (at(251), Delivered::After)
    );
}

#[test]
fn frontier_needs_documented_order_that_held() {
    let window = begun(0, 250_000);
    assert_eq!(frontier(&window, &policy()), None);
    let disordered = window.clone().with(|form| form.ordered = false);
    assert_eq!(frontier(&disordered, &strict(Order::OldestFirst)), None);
    let unread = window.with(|form| form.set_cursor(None));
    assert_eq!(frontier(&unread, &strict(Order::OldestFirst)), None);
}

#[test]
fn retractable_output_has_no_frontier() {
    let policy = strict(Order::OldestFirst);
    let in_files = begun(0, 250_000).with(|form| form.sink_position = Some("r0:100:0".to_owned()));
    assert_eq!(frontier(&in_files, &policy), None);
    assert_eq!(overdue(&in_files, 100, &policy), None);
}

#[test]
fn frontier_never_leaves_empty_part() {
    assert_eq!(frontier(&begun(0, 400), &strict(Order::OldestFirst)), None);
    assert_eq!(
        frontier(&begun(999_400, 999_900), &strict(Order::NewestFirst)),
        None
    );
}

#[test]
fn window_is_overdue_after_three_overruns() {
    let policy = strict(Order::OldestFirst);
    let early = begun(0, 100_000);
    assert_eq!(
        overdue(&early, limits::OVERRUNS_BEFORE_SPLIT - 1, &policy),
        None
    );
    assert!(overdue(&early, limits::OVERRUNS_BEFORE_SPLIT, &policy).is_some());
    let nearly_done = begun(0, 900_000);
    assert_eq!(
        overdue(&nearly_done, limits::OVERRUNS_BEFORE_SPLIT, &policy),
        None
    );
}

/// `window` during a run that has delivered no page yet, after `overruns`.
fn at_work(overruns: u32, window: Window) -> Window {
    window.with(|form| {
        form.status = Status::Running;
        form.attempts = 1;
        form.overruns = overruns;
    })
}

#[test]
fn useless_earlier_run_halves_window() {
    assert_eq!(halved(&at_work(0, begun(0, 1_000)), UNIT_MS), Some(at(500)));
    let unread = begun(0, 1_000).with(|form| form.set_cursor(None));
    assert_eq!(halved(&at_work(0, unread.clone()), UNIT_MS), None);
    assert_eq!(
        halved(&at_work(1, unread), UNIT_MS),
        Some(at(500)),
        "it has run out of time"
    );
}

#[test]
fn failure_within_first_run_does_not_halve() {
    let advanced = at_work(0, begun(0, 1_000)).with(|form| form.attempts = 0);
    assert_eq!(halved(&advanced, UNIT_MS), None);
    let before = advanced.with(|form| form.overruns = 1);
    assert_eq!(halved(&before, UNIT_MS), Some(at(500)));
}

#[test]
fn one_unit_window_is_not_halved() {
    let narrow = begun(0, 0).with(|form| form.to = at(1));
    assert_eq!(halved(&at_work(3, narrow), UNIT_MS), None);
}

#[test]
fn rest_splits_into_estimated_runs() {
    let policy = strict(Order::OldestFirst);
    let split = frontier(&begun(0, 500_000), &policy).unwrap();
    let parts = parts_of(&waiting(split, 4, begun(0, 500_000)), UNIT_MS).unwrap();
    assert!(parts.kept_is_done && parts.done.is_none());
    assert_eq!(parts.kept.to(), at(500));
    let bounds: Vec<_> = parts.unread.iter().map(|span| span.from()).collect();
    assert_eq!(bounds, [at(500), at(625), at(750), at(875)]);
    let split = frontier(&begun(0, 1_000), &policy).unwrap();
    let many = parts_of(&waiting(split, 4, begun(0, 1_000)), UNIT_MS).unwrap();
    assert_eq!(many.unread.len(), 8);
}

#[test]
fn newest_first_split_keeps_first_piece() {
    let split = frontier(&begun(500_000, 999_000), &strict(Order::NewestFirst)).unwrap();
    let parts = parts_of(&waiting(split, 2, begun(500_000, 999_000)), UNIT_MS).unwrap();
    assert!(!parts.kept_is_done);
    assert_eq!(parts.done, Span::new(at(501), at(1_000)).ok());
    let mut covered = vec![parts.kept];
    covered.extend(&parts.unread);
    covered.extend(parts.done);
    assert_eq!(covered[0].from(), at(0));
    assert!(
        covered
            .windows(2)
            .all(|pair| pair[0].to() == pair[1].from())
    );
    assert_eq!(covered.last().unwrap().to(), at(1_000));
}

#[test]
fn one_unit_rest_becomes_one_window() {
    let split = SplitPoint {
        at: at(999),
        delivered: Delivered::Before,
    };
    let parts = parts_of(&waiting(split, 5_000, begun(0, 999_000)), UNIT_MS).unwrap();
    assert_eq!(parts.unread, [Span::new(at(999), at(1_000)).unwrap()]);
}

#[test]
fn only_window_needing_two_runs_is_overdue() {
    let policy = strict(Order::OldestFirst);
    let after = |newest_ms| overdue(&begun(0, newest_ms), limits::OVERRUNS_BEFORE_SPLIT, &policy);
    // Three runs have covered three quarters, so one more covers the rest.
    assert_eq!(after(750_000), None);
    assert!(after(749_000).is_some());
}

#[test]
fn one_run_rest_stays_whole_without_overruns() {
    let pieces = |newest_ms, overruns| {
        let window = begun(0, newest_ms);
        let split = frontier(&window, &strict(Order::OldestFirst)).unwrap();
        let parts = parts_of(&waiting(split, overruns, window), UNIT_MS).unwrap();
        parts.unread.len()
    };
    assert_eq!(pieces(900_000, 1), 1);
    assert_eq!(pieces(900_000, 0), 1);
    // A token that is rejected in the first run causes a split before any run has ended.
    assert_eq!(pieces(250_000, 0), pieces(250_000, 1));
    assert_eq!(pieces(250_000, 0), 3);
}
