//! The order of a page within its window.

use super::*;
use crate::window::Window;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

#[test]
fn page_follows_at_or_past_previous_bound() {
    let id = "okta/0123456789ab/live/1970-01-01T00:00:00Z"
        .parse()
        .unwrap();
    let fresh = Window::new(id, Timestamp::MAX, Timestamp::from_ms(0)).unwrap();
    let begun = fresh.clone().with(|form| {
        form.oldest = Some(at(20));
        form.newest = Some(at(30));
    });
    let page = |oldest, newest| PageTotals {
        oldest,
        newest,
        ..PageTotals::default()
    };
    let follows_begun =
        |oldest, newest, order| page(oldest, newest).follows(begun.oldest(), begun.newest(), order);
    assert!(follows_begun(
        Some(at(30)),
        Some(at(40)),
        Order::OldestFirst
    ));
    assert!(!follows_begun(
        Some(at(29)),
        Some(at(40)),
        Order::OldestFirst
    ));
    assert!(follows_begun(
        Some(at(10)),
        Some(at(20)),
        Order::NewestFirst
    ));
    assert!(!follows_begun(
        Some(at(10)),
        Some(at(21)),
        Order::NewestFirst
    ));
    for order in [Order::OldestFirst, Order::NewestFirst] {
        assert!(page(Some(at(1)), Some(at(2))).follows(fresh.oldest(), fresh.newest(), order));
        assert!(follows_begun(None, None, order), "an empty page");
    }
}

#[test]
fn rejected_lines_move_out_of_records() {
    let mut totals = PageTotals {
        records: 5,
        rejected: 1,
        ..PageTotals::default()
    };
    totals.reject(2);
    assert_eq!((totals.records, totals.rejected), (3, 3));
    totals.reject(9);
    assert_eq!((totals.records, totals.rejected), (0, 6));
}
