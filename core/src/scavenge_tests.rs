use super::*;
use crate::checkpoint::Cursor;
use crate::source::Order;
use crate::source::tests::policy as any_policy;

const UNIT_MS: i64 = 1_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_ms(second * UNIT_MS)
}

/// Records come oldest first and are kept in that order.
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
    Window {
        status: Status::Running,
        lease_until: Some(at(2_000)),
        cursor: Some(Cursor {
            token: "next".to_owned(),
            request: "hash".to_owned(),
        }),
        page: 7,
        oldest: Some(at(0)),
        newest: Some(at(100)),
        overruns: limits::OVERRUNS_BEFORE_SPLIT - 1,
        ..Window::new(id.parse().unwrap(), at(1_000), at(0)).unwrap()
    }
}

fn split_of(window: &Window) -> Option<frontier::Split> {
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
fn a_lease_or_dispatch_is_taken_back_after_its_end_and_not_at_it() {
    for status in [Status::Running, Status::Dispatched] {
        let window = Window {
            status,
            ..running()
        };
        let event = |now| scavenge(&window, &policy(), now, Timestamp::MAX);
        assert_eq!(event(at(2_000)), None);
        assert!(matches!(
            event(at(2_000).plus_ms(1)),
            Some(Event::Expire { .. })
        ));
        let endless = Window {
            lease_until: None,
            ..window
        };
        assert!(scavenge(&endless, &policy(), at(0), Timestamp::MAX).is_some());
    }
    for status in [Status::Ready, Status::Done, Status::Parked] {
        let window = Window {
            status,
            ..running()
        };
        assert_eq!(
            scavenge(&window, &policy(), at(9_000), Timestamp::MAX),
            None
        );
    }
}

#[test]
fn a_window_whose_worker_was_stopped_again_and_again_is_split_where_it_had_got_to() {
    let split = split_of(&running()).unwrap();
    assert_eq!(split.at, at(100));
    let first_runs = Window {
        overruns: limits::OVERRUNS_BEFORE_SPLIT - 2,
        ..running()
    };
    assert_eq!(split_of(&first_runs), None);
}

#[test]
fn a_run_that_delivered_nothing_or_never_began_is_no_overrun() {
    let without_a_page = Window {
        attempts: 1,
        ..running()
    };
    assert_eq!(split_of(&without_a_page), None);
    let never_begun = Window {
        status: Status::Dispatched,
        ..running()
    };
    assert_eq!(split_of(&never_begun), None);
}

#[test]
fn a_window_that_has_used_up_its_tries_is_parked_with_what_went_wrong() {
    let ready = Window {
        status: Status::Ready,
        last_error: Some("502 from the vendor".to_owned()),
        ..running()
    };
    let crashed = Window {
        attempts: limits::ATTEMPTS_MAX,
        ..ready.clone()
    };
    assert_eq!(
        reason_of(&crashed),
        "gave up after 10 runs without a page: 502 from the vendor"
    );
    let circled = Window {
        attempts: limits::ATTEMPTS_MAX - 1,
        restarts: limits::RESTARTS_MAX + 1,
        last_error: None,
        ..ready.clone()
    };
    assert_eq!(
        reason_of(&circled),
        "gave up after 6 restarts from page one"
    );
    let not_yet = Window {
        restarts: limits::RESTARTS_MAX,
        ..circled
    };
    assert_eq!(
        scavenge(&not_yet, &policy(), at(2_001), Timestamp::MAX),
        None
    );
}

#[test]
fn a_new_process_takes_back_only_what_an_earlier_one_held() {
    for status in Status::ALL {
        let window = Window {
            status,
            ..running()
        };
        let held = matches!(status, Status::Running | Status::Dispatched);
        let event = held.then_some(Event::Recover { now: at(5) });
        assert_eq!(recover(&window, at(5)), event);
    }
}

#[test]
fn a_window_that_waits_to_be_split_is_split_before_it_is_given_up() {
    let exhausted = Window {
        status: Status::Ready,
        restarts: limits::RESTARTS_MAX + 1,
        split_at: Some(at(100)),
        ..running()
    };
    assert_eq!(
        scavenge(&exhausted, &policy(), at(2_001), Timestamp::MAX),
        None
    );
    let split = Window {
        split_at: None,
        ..exhausted
    };
    assert!(reason_of(&split).starts_with("gave up after 6 restarts"));
}

#[test]
fn lease_or_dispatch_that_ends_later_than_any_can_has_run_out() {
    for status in [Status::Running, Status::Dispatched] {
        let window = Window {
            status,
            ..running()
        };
        let event = |latest| scavenge(&window, &policy(), at(0), latest);
        assert_eq!(event(at(2_000)), None);
        assert!(matches!(event(at(1_999)), Some(Event::Expire { .. })));
        let own = Window {
            lease_until: Some(Timestamp::MAX),
            ..window
        };
        assert_eq!(scavenge(&own, &policy(), at(0), at(1_999)), None);
    }
}
