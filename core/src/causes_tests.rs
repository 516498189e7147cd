//! Causes of unfinished windows, and their consequences.

use super::*;
use crate::checkpoint::Cursor;
use crate::source::Order;
use crate::source::tests::policy;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

/// A window of an hour, without a page.
fn fresh() -> Window {
    let id = "okta/0123456789ab/live/1970-01-01T00:00:00Z";
    Window::new(id.parse().unwrap(), at(60 * MINUTE_MS), at(0)).unwrap()
}

fn begun() -> Window {
    fresh().with(|form| {
        form.set_cursor(Some(Cursor {
            token: "next".to_owned(),
            request: "r".to_owned(),
        }));
        form.page = 1;
    })
}

#[test]
fn unordered_window_restarts_whole_or_halved() {
    let policy = policy();
    assert_eq!(begin_again(&fresh(), &policy), Cause::Restart);
    let left = begun().with(|form| form.attempts = 1);
    let half = at(30 * MINUTE_MS);
    assert_eq!(begin_again(&left, &policy), Cause::Halve(half));
}

#[test]
fn too_large_window_splits_only_before_first_page() {
    let policy = policy();
    let half = at(30 * MINUTE_MS);
    assert_eq!(too_large(&fresh(), &policy), Cause::Split(half));
    assert_eq!(too_large(&begun(), &policy), Cause::Failed);
    let one_unit = fresh().with(|form| form.to = at(policy.unit_ms));
    assert_eq!(too_large(&one_unit, &policy), Cause::Failed);
}

#[test]
fn sweep_window_is_never_split() {
    let mut policy = policy();
    policy.strict_order = Some(Order::OldestFirst);
    let id = "okta/0123456789ab/sweep-1/1970-01-01T00:00:00Z";
    let unread = Window::new(id.parse().unwrap(), at(60 * MINUTE_MS), at(0))
        .unwrap()
        .with(|form| {
            form.attempts = 1;
            form.overruns = 100;
        });
    let read = unread.clone().with(|form| {
        form.attempts = 0;
        form.newest = Some(at(20 * MINUTE_MS));
        form.set_cursor(begun().cursor().cloned());
        form.page = 1;
    });
    assert_eq!(too_large(&unread, &policy), Cause::Failed);
    let horizon = at(20 * MINUTE_MS);
    assert_eq!(dropped(&unread, &policy, horizon), Cause::Outage);
    assert_eq!(begin_again(&read, &policy), Cause::Restart);
    assert_eq!(out_of_time(&read, &policy), Cause::OutOfTime(None));
    // A live window would be split or halved each time.
    let live = read.with(|form| form.set_id(fresh().id().clone()));
    assert!(matches!(begin_again(&live, &policy), Cause::Reenter(_)));
    assert!(matches!(
        out_of_time(&live, &policy),
        Cause::OutOfTime(Some(_))
    ));
}

#[test]
fn run_without_page_causes_no_split() {
    let policy = policy();
    let waiting = begun().with(|form| {
        form.attempts = 1;
        form.overruns = 100;
    });
    assert_eq!(out_of_time(&waiting, &policy), Cause::OutOfTime(None));
}

#[test]
fn retained_part_of_dropped_window_splits_off() {
    let policy = policy();
    let horizon = at(20 * MINUTE_MS);
    let kept = at(25 * MINUTE_MS);
    assert_eq!(dropped(&fresh(), &policy, horizon), Cause::Split(kept));
    assert_eq!(dropped(&begun(), &policy, horizon), Cause::Outage);
    let end = at(55 * MINUTE_MS);
    assert_eq!(dropped(&fresh(), &policy, end), Cause::Outage);
}

#[test]
fn only_vendor_waits_are_taken_verbatim() {
    let (soon, now) = (at(1_000), at(0));
    let long_ms = limits::RETRY_DELAY_MAX_MS + 1;
    let window = fresh().with(|form| form.setbacks = 3);
    let asked = left_alone(&window, Some(long_ms), soon, now);
    assert_eq!(asked, (Cause::Yielded, soon));
    for short_ms in [None, Some(limits::RETRY_DELAY_MAX_MS)] {
        let (cause, until) = left_alone(&window, short_ms, soon, now);
        assert_eq!(cause, Cause::Outage);
        assert_eq!(until, now.plus_ms(stored_backoff_ms(3) / 2));
    }
}
