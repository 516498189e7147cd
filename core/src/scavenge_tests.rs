use super::*;
use crate::checkpoint::Cursor;
use crate::source::Order;
use crate::source::tests::policy as any_policy;

const UNIT_MS: i64 = 1_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_ms(second * UNIT_MS)
}

/// The vendor lists records oldest first and documents that order.
fn policy() -> Policy {
    Policy {
        unit_ms: UNIT_MS,
        strict_order: Some(Order::OldestFirst),
        ..any_policy()
    }
}

/// A window of 1,000 seconds that has delivered 100 of them in three runs, the last of which ran
/// until second 2,000.
fn running() -> Window {
    let id = "okta/0123456789ab/live/1970-01-01T00:00:00Z";
    Window::new(id.parse().unwrap(), at(1_000), at(0))
        .unwrap()
        .with(|form| {
            form.status = Status::Running;
            form.lease_until = Some(at(2_000));
            form.set_cursor(Some(Cursor {
                token: "next".to_owned(),
                request: "hash".to_owned(),
            }));
            form.page = 7;
            form.oldest = Some(at(0));
            form.newest = Some(at(100));
            form.overruns = limits::OVERRUNS_BEFORE_SPLIT - 1;
        })
}

/// The same window, running or dispatched until second 2,000.
fn in_flight(status: Status) -> Window {
    running().with(|form| {
        form.status = status;
        form.dispatched_until = Some(at(2_000));
    })
}

fn split_of(window: &Window) -> Option<frontier::SplitPoint> {
    match scavenge(window, &policy(), at(2_001), Timestamp::MAX) {
        Some(Event::Expire { split, .. }) => split,
        other => panic!("{other:?}"),
    }
}

fn reason_of(window: &Window) -> String {
    match scavenge(window, &policy(), at(2_001), Timestamp::MAX) {
        Some(Event::Park { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lease_or_dispatch_expires_only_after_end() {
    for status in [Status::Running, Status::Dispatched] {
        let window = in_flight(status);
        let event = |now| scavenge(&window, &policy(), now, Timestamp::MAX);
        assert_eq!(event(at(2_000)), None);
        assert!(matches!(
            event(at(2_000).plus_ms(1)),
            Some(Event::Expire { .. })
        ));
    }
    for status in [Status::Ready, Status::Done, Status::Parked] {
        let window = running().with(|form| form.status = status);
        assert_eq!(
            scavenge(&window, &policy(), at(9_000), Timestamp::MAX),
            None
        );
    }
}

#[test]
fn repeatedly_expired_window_splits_at_frontier() {
    let split = split_of(&running()).unwrap();
    assert_eq!(split.at, at(100));
    let first_runs = running().with(|form| form.overruns = limits::OVERRUNS_BEFORE_SPLIT - 2);
    assert_eq!(split_of(&first_runs), None);
}

#[test]
fn run_without_page_is_no_overrun() {
    let without_a_page = running().with(|form| form.attempts = 1);
    assert_eq!(split_of(&without_a_page), None);
    let never_begun = in_flight(Status::Dispatched);
    assert_eq!(split_of(&never_begun), None);
}

#[test]
fn exhausted_window_parks_with_reason() {
    let ready = running().with(|form| {
        form.status = Status::Ready;
        form.last_error = Some("502 from the vendor".to_owned());
    });
    let crashed = ready
        .clone()
        .with(|form| form.attempts = limits::ATTEMPTS_MAX);
    assert_eq!(
        reason_of(&crashed),
        "no page in 10 attempts: 502 from the vendor"
    );
    let circled = ready.clone().with(|form| {
        form.attempts = limits::ATTEMPTS_MAX - 1;
        form.restarts = limits::RESTARTS_MAX + 1;
        form.last_error = None;
    });
    assert_eq!(reason_of(&circled), "6 restarts from page one");
    let not_yet = circled.with(|form| form.restarts = limits::RESTARTS_MAX);
    assert_eq!(
        scavenge(&not_yet, &policy(), at(2_001), Timestamp::MAX),
        None
    );
}

#[test]
fn new_process_recovers_only_in_flight_windows() {
    for status in Status::ALL {
        let window = running().with(|form| form.status = status);
        let held = matches!(status, Status::Running | Status::Dispatched);
        let event = held.then_some(Event::Recover { now: at(5) });
        assert_eq!(recover(&window, at(5)), event);
    }
}

#[test]
fn exhausted_window_splits_before_parking() {
    let exhausted = running().with(|form| {
        form.status = Status::Ready;
        form.restarts = limits::RESTARTS_MAX + 1;
        form.split_at = Some(at(100));
    });
    assert_eq!(
        scavenge(&exhausted, &policy(), at(2_001), Timestamp::MAX),
        None
    );
    let split = exhausted.with(|form| form.split_at = None);
    assert!(reason_of(&split).starts_with("6 restarts"));
}

#[test]
fn implausibly_late_lease_or_dispatch_expires() {
    for status in [Status::Running, Status::Dispatched] {
        let window = in_flight(status);
        let event = |latest| scavenge(&window, &policy(), at(0), latest);
        assert_eq!(event(at(2_000)), None);
        assert!(matches!(event(at(1_999)), Some(Event::Expire { .. })));
        let own = window.with(|form| {
            form.lease_until = Some(Timestamp::MAX);
            form.dispatched_until = Some(Timestamp::MAX);
        });
        assert_eq!(scavenge(&own, &policy(), at(0), at(1_999)), None);
    }
}
