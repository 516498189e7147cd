use super::*;
use crate::frontier;
use crate::ids::{Lane, Timeline, WindowId};
use crate::source::tests::policy;
use crate::time::Timestamp;
use crate::window::{Delivered, Status};

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(ms)
}

fn window(from: i64, to: i64) -> Window {
    let id = WindowId {
        timeline: Timeline {
            source: "okta".parse().unwrap(),
            generation: "0123456789ab".parse().unwrap(),
            lane: Lane::Live,
        },
        from: at(from),
    };
    Window::new(id, at(to), at(1_000)).unwrap()
}

fn halved(event: Event) -> WindowSplit {
    let seen = window(0, 100).with(|form| {
        form.split_at = Some(at(50));
        form.split_delivered = Delivered::Before;
    });
    let marks = Progress::begin(
        seen.id().timeline.clone(),
        at(0),
        None,
        &policy(),
        at(1_000),
    );
    WindowSplit {
        parent: Decision { seen, event },
        parts: vec![window(50, 100)],
        marks,
    }
}

#[test]
fn split_applies_only_to_unchanged_parent() {
    let split = halved(Event::Shrink {
        to: at(50),
        now: at(1_000),
    });
    let seen = split.parent.seen.clone();
    let kept = split.apply(&seen).unwrap();
    assert_eq!((kept.to(), kept.status()), (at(50), Status::Ready));
    assert!(split.was_made(&kept) && !split.was_made(&seen));
    let moved = seen.with(|form| form.epoch += 1);
    assert!(split.apply(&moved).is_err());
}

#[test]
fn split_accepts_only_shrink_and_close() {
    let now = at(1_000);
    let close = Event::Close {
        to: at(50),
        history_ms: 1,
        now,
    };
    let split = halved(close);
    assert!(split.apply(&split.parent.seen).is_ok());
    let park = halved(Event::Park {
        reason: "gave up".to_owned(),
        now,
    });
    let refused = park.apply(&park.parent.seen);
    assert!(
        matches!(refused, Err(IllegalMove::Edge { .. })),
        "{refused:?}"
    );
}

/// The widest split fits one transaction, at every frontier.
#[test]
fn widest_split_fits_item_limit() {
    for delivered in [Delivered::Nothing, Delivered::Before, Delivered::After] {
        for at_ms in [1, 500_000, 999_999] {
            let waiting = window(0, 1_000_000).with(|form| {
                form.split_at = Some(at(at_ms));
                form.split_delivered = delivered;
                form.overruns = 50;
            });
            let parts = frontier::parts_of(&waiting, 1).unwrap();
            let items = parts.unread.len() + usize::from(parts.done.is_some()) + 2;
            assert!(items <= crate::limits::SPLIT_ITEMS_MAX, "{items}");
        }
    }
}
