//! Splits as transactions of the table: their costs, and the effects of conflicting requests.

use windlass_core::moves::Decision;
use windlass_core::split::WindowSplit;
use windlass_core::transition::{Cause, Event, Release};
use windlass_core::{Progress, Window, WindowId};
use windlass_state::{DynamoStore, SplitError, StateError, StateStore};
use windlass_tests::aws::state_proxy::{StateFault, StateFaults, Units};

use super::scene::{at, definition, marks, running, timeline};
use super::units::Counted;

/// A stored window that waits to be split at its fifth minute, with its split into this number of
/// parts.
async fn waiting(store: &DynamoStore, minute: i64, parts: i64) -> WindowSplit {
    let source = definition("okta");
    let stored = store.progress_of(source.shard(), &source.name).await;
    let marks = if let Some(stored) = stored.unwrap().pop() {
        stored
    } else {
        let first = marks(&source);
        store.save_progress(source.shard(), &first).await.unwrap()
    };
    let lease = running(store, minute).await;
    let release = Release {
        cause: Cause::Split(at(minute + 1)),
        not_before: None,
        error: None,
        now: at(3),
    };
    let seen = store.release(&lease, &release).await.unwrap();
    let bounds = (1..=parts).map(|part| (at(minute + part), at(minute + part + 1)));
    let part = |(from, to)| {
        let timeline = timeline();
        Window::new(WindowId { timeline, from }, to, at(4)).unwrap()
    };
    let mut parts: Vec<_> = bounds.map(part).collect();
    parts.last_mut().unwrap().edit(|form| form.to = seen.to());
    let event = Event::Shrink {
        to: parts[0].id().from,
        now: at(4),
    };
    WindowSplit {
        parent: Decision { seen, event },
        parts,
        marks,
    }
}

#[tokio::test]
async fn split_costs_two_units_per_item() {
    let counted = Counted::new().await;
    let shard = definition("okta").shard();
    for (minute, parts, write) in [(0, 1, 6.0), (10, 8, 20.0)] {
        let split = waiting(&counted.store, minute, parts).await;
        let units = Units { write, read: 0.0 };
        let made = counted.store.split(shard, &split);
        let kept = counted.bills("split", units, made).await.unwrap();
        assert_eq!(kept.to(), at(minute + 1));
    }
}

#[tokio::test]
async fn transaction_conflict_only_delays_split() {
    let counted = Counted::new().await;
    let shard = definition("okta").shard();
    let conflicts = StateFaults::new(3, 50, &[StateFault::Conflict]);
    counted.proxy.set_faults(conflicts);
    for minute in [0, 10, 20, 30] {
        let split = waiting(&counted.store, minute, 3).await;
        let kept = counted.store.split(shard, &split).await.unwrap();
        let expected: Vec<_> = [kept].into_iter().chain(split.parts).collect();
        let stored = counted.store.open_windows(&timeline(), at(minute)).await;
        assert_eq!(stored, Ok(expected));
    }
    let drawn = counted.proxy.faults().drawn()[&StateFault::Conflict];
    assert!(drawn > 3, "{drawn}");
}

#[tokio::test]
async fn endless_transaction_conflict_leaves_split_unwritten() {
    let counted = Counted::new().await;
    let store = &counted.store;
    let source = definition("okta");
    let split = waiting(store, 0, 3).await;
    let conflicts = StateFaults::new(3, 100, &[StateFault::Conflict]);
    counted.proxy.set_faults(conflicts);
    let failed = store.split(source.shard(), &split).await;
    let unavailable = matches!(&failed, Err(SplitError::Store(StateError::Unavailable(text)))
        if text.contains("TransactionConflict"));
    assert!(unavailable, "{failed:?}");
    counted.proxy.set_faults(StateFaults::none());
    let stored = store.open_windows(&timeline(), at(0)).await;
    assert_eq!(stored, Ok(vec![split.parent.seen]));
    let marks = store.progress_of(source.shard(), &source.name).await;
    let versions: Vec<_> = marks.unwrap().iter().map(version).collect();
    assert_eq!(versions, [split.marks.version]);
}

fn version(marks: &Progress) -> u64 {
    marks.version
}
