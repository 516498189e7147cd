//! The summary that a tick stores in the marks, and the cost of its writes.

use windlass_core::progress::Progress;
use windlass_core::source::SourceDefinition;
use windlass_core::time::MINUTE_MS;
use windlass_core::transition::{Cause, Event};
use windlass_core::{Summary, limits};
use windlass_state::MemoryStore;

use crate::testing::*;
use crate::{Listed, overview};

use super::*;

/// A source with eight open windows, after the tick that created them.
async fn begun() -> (SourceDefinition, MemoryStore, Sent) {
    let source = SourceDefinition {
        end: Some(at(80)),
        ..definition("okta")
    };
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    (source, store, sent)
}

async fn marks(store: &MemoryStore, source: &SourceDefinition) -> Progress {
    let marks = store.progress_of(source.shard(), &source.name).await;
    marks.unwrap().remove(0)
}

fn after(minutes: i64) -> Timestamp {
    NOW.plus_ms(minutes * MINUTE_MS)
}

#[tokio::test]
async fn summary_costs_no_extra_write() {
    let (source, store, sent) = begun().await;
    let begun = marks(&store, &source).await;
    let open = |open| Summary {
        open,
        ..Summary::default()
    };
    assert_eq!(begun.summary, Some(open(8)));
    // The mark does not move, and a count alone is not written.
    finish(&store, &window(&store, &live(&source), 10).await, NOW).await;
    tick(&store, &sent, after(1)).await;
    assert_eq!(marks(&store, &source).await, begun);
    finish(&store, &window(&store, &live(&source), 0).await, NOW).await;
    tick(&store, &sent, after(1)).await;
    let moved = marks(&store, &source).await;
    assert_eq!((moved.open_from, moved.summary), (at(20), Some(open(6))));
    assert_eq!(moved.version, begun.version + 1);
}

#[tokio::test]
async fn stale_summary_count_is_written_once() {
    let (source, store, sent) = begun().await;
    let begun = marks(&store, &source).await;
    finish(&store, &window(&store, &live(&source), 10).await, NOW).await;
    let old = NOW.plus_ms(limits::SUMMARY_AGE_MS);
    for now in [old.minus_ms(1), old, old.plus_ms(limits::SUMMARY_AGE_MS)] {
        tick(&store, &sent, now).await;
    }
    let written = marks(&store, &source).await;
    assert_eq!(written.version, begun.version + 1);
    assert_eq!(written.summary.unwrap().open, 7);
    assert_eq!(written.updated_at, old);
}

#[tokio::test]
async fn failing_since_is_written_at_start_and_end() {
    let (source, store, sent) = begun().await;
    let begun = marks(&store, &source).await;
    let first = async || window(&store, &live(&source), 0).await;
    for minute in 1..4 {
        give_back(&store, &first().await, Cause::Outage, after(minute)).await;
        tick(&store, &sent, after(minute)).await;
    }
    let failing = marks(&store, &source).await;
    assert_eq!(failing.version, begun.version + 1);
    assert_eq!(failing.summary.unwrap().failing_since, Some(after(1)));
    let lease = claim(&store, &first().await, after(5)).await;
    let delivered = page(&lease, after(5), false);
    store.checkpoint(&lease, &delivered).await.unwrap();
    tick(&store, &sent, after(5)).await;
    let healed = marks(&store, &source).await;
    assert_eq!(healed.version, failing.version + 1);
    assert_eq!(healed.summary.unwrap().failing_since, None);
}

#[tokio::test]
async fn parked_since_stays_until_retry() {
    let (source, store, sent) = begun().await;
    exhaust(&store, &window(&store, &live(&source), 0).await, NOW).await;
    for minute in 1..5 {
        tick(&store, &sent, after(minute)).await;
    }
    let parked = marks(&store, &source).await.summary.unwrap();
    assert_eq!((parked.open, parked.parked), (7, 1));
    assert_eq!(parked.parked_since, Some(after(1)));
    assert_eq!(parked.failing_since, None);
    let hole = window(&store, &live(&source), 0).await;
    let retry = Event::Retry { now: after(6) };
    store.decide(&hole, &retry).await.unwrap();
    tick(&store, &sent, after(6)).await;
    let retried = marks(&store, &source).await.summary.unwrap();
    assert_eq!((retried.open, retried.parked_since), (8, None));
}

#[tokio::test]
async fn missing_summary_is_filled_at_next_change() {
    let (source, store, sent) = begun().await;
    let older = Progress {
        summary: None,
        ..marks(&store, &source).await
    };
    let older = store.save_progress(source.shard(), &older).await.unwrap();
    let open = async || match overview(&store, NOW).await.unwrap().sources.remove(0) {
        Listed::Open(view) => view.lanes[0].summary().map(|summary| summary.open),
        other => panic!("windows are open: {other:?}"),
    };
    tick(&store, &sent, after(1)).await;
    assert_eq!(marks(&store, &source).await, older);
    assert_eq!(open().await, None);
    finish(&store, &window(&store, &live(&source), 0).await, NOW).await;
    tick(&store, &sent, after(1)).await;
    assert_eq!(open().await, Some(7));
}

#[tokio::test]
async fn resting_source_has_no_open_window() {
    let (source, store, sent) = begun().await;
    for minute in (0..80).step_by(10) {
        finish(&store, &window(&store, &live(&source), minute).await, NOW).await;
    }
    tick(&store, &sent, after(1)).await;
    let rests = marks(&store, &source).await;
    assert_eq!(rests.summary, Some(Summary::default()));
    tick(&store, &sent, after(60)).await;
    assert_eq!(marks(&store, &source).await, rests);
    let Listed::Resting(view) = overview(&store, NOW).await.unwrap().sources.remove(0) else {
        panic!("every window is done")
    };
    assert!(view.is_exact());
}
