//! Splits: the parent, its parts and the marks in one step, or none of them.

use futures_util::future::join_all;
use windlass_core::ids::WindowId;
use windlass_core::moves::Decision;
use windlass_core::progress::Progress;
use windlass_core::split::WindowSplit;
use windlass_core::transition::{Cause, Event};
use windlass_core::window::Window;

use super::fixtures::{at, current, okta, progress, ready, running, shard, yielded};
use crate::error::{SplitError, StateError};
use crate::store::StateStore;

/// A stored window of ten minutes that waits for its split in two, and the split.
async fn waiting<S: StateStore>(store: &S) -> WindowSplit {
    let stored = progress(&okta(), 0, 0);
    let marks = store.save_progress(shard(), &stored).await.expect("first");
    let lease = running(store, &okta(), 0).await;
    let mut release = yielded();
    release.cause = Cause::Split(at(5));
    let seen = store.release(&lease, &release).await.expect("inside");
    let id = WindowId {
        timeline: okta(),
        from: at(5),
    };
    let part = Window::new(id, seen.to(), at(4)).expect("five minutes");
    let event = Event::Shrink {
        to: at(5),
        now: at(4),
    };
    WindowSplit {
        parent: Decision { seen, event },
        parts: vec![part],
        marks: Progress {
            updated_at: at(4),
            ..marks
        },
    }
}

async fn marks<S: StateStore>(store: &S) -> Progress {
    let source = okta().source;
    let mut stored = store.progress_of(shard(), &source).await.expect("readable");
    stored.remove(0)
}

pub async fn split_leaves_touching_windows_and_marks<S: StateStore>(store: S) {
    let split = waiting(&store).await;
    let kept = store.split(shard(), &split).await.expect("as read");
    assert_eq!((kept.to(), kept.split()), (at(5), None));
    let parts = split.parts.clone();
    let expected: Vec<_> = [kept].into_iter().chain(parts).collect();
    assert_eq!(store.open_windows(&okta(), at(0)).await, Ok(expected));
    let expected = Progress {
        version: split.marks.version + 1,
        ..split.marks
    };
    assert_eq!(marks(&store).await, expected);
}

/// A changed item voids the whole split.
pub async fn split_of_changed_item_conflicts<S: StateStore>(store: S) {
    let split = waiting(&store).await;
    let mut moved = split.clone();
    moved.parent.seen.edit(|form| form.epoch += 1);
    let mut late = split.clone();
    late.marks.version -= 1;
    let mut missing = split.clone();
    missing.parent.seen.edit(|form| {
        (form.from, form.to) = (at(70), at(80));
        form.split_at = Some(at(75));
    });
    let mut taken = split.clone();
    store.create(&ready(&okta(), 10)).await.expect("new");
    taken.parts.push(ready(&okta(), 10));
    let before = store.open_windows(&okta(), at(0)).await;
    for other in [moved, late, missing, taken] {
        let refused = store.split(shard(), &other).await;
        assert!(
            matches!(refused, Err(SplitError::Conflict(_))),
            "{refused:?}"
        );
        assert_eq!(store.open_windows(&okta(), at(0)).await, before);
        assert_eq!(marks(&store).await.version, split.marks.version);
    }
}

pub async fn repeated_split_recognizes_first_by_parent<S: StateStore>(store: S) {
    let split = waiting(&store).await;
    store.split(shard(), &split).await.expect("as read");
    let again = store.split(shard(), &split).await;
    assert!(matches!(again, Err(SplitError::Conflict(_))), "{again:?}");
    let parent = current(&store, &split.parent.seen).await;
    assert!(split.was_made(&parent));
}

pub async fn split_with_contradictory_marks_is_refused<S: StateStore>(store: S) {
    let split = waiting(&store).await;
    let mut wrong = split.clone();
    wrong.marks.width_ms = 0;
    let refused = store.split(shard(), &wrong).await;
    let is_refused = matches!(refused, Err(SplitError::Store(StateError::Refused(_))));
    assert!(is_refused, "{refused:?}");
    assert_eq!(current(&store, &split.parent.seen).await, split.parent.seen);
    assert_eq!(marks(&store).await.version, split.marks.version);
}

pub async fn planner_shrinks_or_closes_only_by_split<S: StateStore>(store: S) {
    let split = waiting(&store).await;
    let seen = &split.parent.seen;
    let close = Event::Close {
        to: at(5),
        history_ms: 1,
        now: at(4),
    };
    for event in [&split.parent.event, &close] {
        assert!(store.decide(seen, event).await.is_err());
    }
    assert_eq!(current(&store, seen).await, *seen);
}

pub async fn one_of_concurrent_splits_wins<S: StateStore>(store: S) {
    let split = waiting(&store).await;
    let rivals = (0..16).map(|_| store.split(shard(), &split));
    let made = join_all(rivals).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    let is_conflict = |it: &Result<_, _>| matches!(it, Err(SplitError::Conflict(_)));
    assert!(
        made.iter().all(|it| it.is_ok() || is_conflict(it)),
        "{made:?}"
    );
    assert_eq!(marks(&store).await.version, split.marks.version + 1);
}
