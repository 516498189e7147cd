//! Seen pages that count, and the places of the ids that a sweep delivers.

use super::*;
use crate::seen::SeenBy;

const UNIT_MS: i64 = 1_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_ms(seconds * UNIT_MS)
}

/// A live window from second `from` to second `to`, with `page` pages checkpointed.
fn window(from: i64, to: i64, page: u64) -> Window {
    let mut window = format!("okta/0123456789ab/live/{}", at(from))
        .parse()
        .map(|id| Window::new(id, at(to), at(0)))
        .unwrap()
        .unwrap();
    window.edit(|form| form.page = page);
    window
}

/// Page `number` after `pass` restarts of the window that starts at 0, whose records begin at
/// second `at`.
fn page(number: u64, pass: u32, at_second: i64) -> SeenPage {
    let timeline = window(0, 1, 0).id().timeline.clone();
    SeenPage {
        by: SeenBy {
            source: timeline.source,
            generation: timeline.generation,
        },
        at: at(at_second),
        from: at(0),
        lane: timeline.lane,
        page: number,
        pass,
        digests: Vec::new(),
        expires_at: at(1_000),
    }
}

#[test]
fn only_checkpointed_pages_since_last_restart_count() {
    let writer = window(0, 100, 3).with(|form| form.restarts = 1);
    let ledger = [writer.clone()];
    let counts = |page: SeenPage| page.counts(&writer, &ledger);
    assert!(counts(page(2, 1, 50)));
    assert!(!counts(page(3, 1, 50)), "not checkpointed");
    assert!(!counts(page(2, 0, 50)), "of the pass before");
}

#[test]
fn delivered_split_part_counts_after_restart() {
    // Delivered from 60 on, and split there; the rest has restarted since.
    let writer = window(0, 60, 7).with(|form| form.restarts = 1);
    let delivered = window(60, 100, 0);
    let counts = |page: SeenPage, ledger: &[Window]| page.counts(&writer, ledger);
    assert!(counts(page(2, 0, 60), std::slice::from_ref(&delivered)));
    assert!(counts(page(2, 0, 99), &[writer.clone(), delivered.clone()]));
    assert!(!counts(page(2, 0, 59), std::slice::from_ref(&delivered)));
    // The part that was split off has been read again, and that reading counts.
    let read = window(60, 100, 1);
    assert!(!counts(page(2, 0, 60), &[read]));
    assert!(!counts(page(2, 0, 100), &[delivered]));
    assert!(!counts(page(2, 0, 60), &[]));
}

#[test]
fn sweep_finds_are_placed_at_live_window() {
    let known = Known {
        starts: vec![at(0), at(60), at(90)],
        ..Known::default()
    };
    let place = |second| known.place(Some(at(second)));
    assert_eq!(place(59), Some(at(0)));
    assert_eq!(place(60), Some(at(60)));
    assert_eq!(place(1_000), Some(at(90)));
    assert_eq!(place(-1), Some(at(0)));
    assert_eq!(known.place(None), Some(at(0)));
    assert_eq!(Known::default().place(Some(at(5))), None);
}
