use super::*;
use crate::ids::WindowId;
use crate::transition::{Cause, Claim, Event, Release};
use crate::{Lane, Owner, Timeline};

fn at(minute: i64) -> Timestamp {
    Timestamp::from_ms(minute * 60_000)
}

/// A ready window of ten minutes.
fn ready(minute: i64) -> Window {
    let timeline = Timeline {
        source: "okta".parse().unwrap(),
        generation: "0123456789ab".parse().unwrap(),
        lane: Lane::Live,
    };
    let from = at(minute);
    Window::new(WindowId { timeline, from }, at(minute + 10), at(0)).unwrap()
}

fn running(window: &Window, now: Timestamp) -> Window {
    let claim = Claim {
        epoch: window.epoch(),
        owner: Owner::from_random(1),
        lease_until: now.plus_ms(1),
        now,
    };
    window.apply(&Event::Claim(claim)).unwrap()
}

/// `window` after a run that ended at `minute`.
fn given_back(window: &Window, cause: Cause, minute: i64) -> Window {
    let release = Release {
        cause,
        not_before: None,
        error: Some("HTTP 500".to_owned()),
        now: at(minute),
    };
    let run = running(window, at(minute));
    run.apply(&Event::Release(release)).unwrap()
}

fn parked(minute: i64, when: i64) -> Window {
    let park = Event::Park {
        reason: "gave up".to_owned(),
        now: at(when),
    };
    ready(minute).apply(&park).unwrap()
}

#[test]
fn only_open_and_parked_windows_are_counted() {
    let done = Window::done(ready(0).id().clone(), at(10), 1, at(0)).unwrap();
    let windows = [done, ready(10), running(&ready(20), at(1)), parked(30, 3)];
    let expected = Summary {
        open: 2,
        parked: 1,
        parked_since: Some(at(3)),
        failing_since: None,
    };
    assert_eq!(Summary::of(&windows, None), expected);
    let two = [parked(30, 3), parked(40, 2)];
    assert_eq!(Summary::of(&two, None).parked_since, Some(at(2)));
    assert_eq!(Summary::of([], Some(&expected)), Summary::default());
}

#[test]
fn failing_since_stays_while_any_window_fails() {
    let first = given_back(&ready(0), Cause::Outage, 5);
    let began = Summary::of([&first], None);
    assert_eq!(began.failing_since, Some(at(5)));
    let again = given_back(&first, Cause::Outage, 7);
    let later = Summary::of([&running(&again, at(9))], Some(&began));
    assert_eq!(later, began);
    let other = given_back(&ready(10), Cause::Failed, 8);
    assert_eq!(Summary::of([&other], Some(&began)), began);
    assert_eq!(Summary::of([&ready(0)], Some(&began)).failing_since, None);
}

#[test]
fn only_setbacks_make_window_failing() {
    for (cause, fails) in [
        (Cause::Outage, true),
        (Cause::Failed, true),
        (Cause::Restart, true),
        (Cause::Yielded, false),
        (Cause::OutOfTime(None), false),
    ] {
        let window = given_back(&ready(0), cause, 1);
        assert_eq!(window.is_failing(), fails, "{cause:?}");
    }
    let suspect = ready(0).with(|form| form.deaths = 1);
    assert!(suspect.is_failing());
    assert!(!parked(0, 1).is_failing());
}

#[test]
fn trouble_is_news_at_once_counts_only_later() {
    let stored = Summary {
        open: 2,
        ..Summary::default()
    };
    let fewer = Summary { open: 1, ..stored };
    let failing = Summary {
        failing_since: Some(at(1)),
        ..stored
    };
    let is_news = |summary: Summary, age_ms: i64| {
        summary.is_news(Some(&stored), at(0), at(0).plus_ms(age_ms))
    };
    let age_ms = limits::SUMMARY_AGE_MS;
    assert!(!is_news(stored, age_ms));
    assert!(is_news(failing, 0));
    assert!(failing.is_news(None, at(0), at(0)));
    assert!(!is_news(fewer, age_ms - 1) && is_news(fewer, age_ms));
    assert!(is_news(fewer, -age_ms), "written by a clock that was ahead");
    assert!(!Summary::default().is_news(None, at(0), at(0).plus_ms(age_ms)));
}
