//! Parked windows, splits and unavailable time: a tick's treatment of windows that do not complete.

use windlass_core::Status;
use windlass_core::source::SourceDefinition;
use windlass_core::time::{DAY_MS, HOUR_MS};
use windlass_core::transition::{Cause, Event};

use crate::testing::*;

use super::*;

#[tokio::test]
async fn parked_window_lets_later_windows_finish() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    exhaust(&store, &window(&store, &live(&source), 0).await, NOW).await;
    finish(&store, &window(&store, &live(&source), 10).await, NOW).await;
    let report = tick_one(&store, &sent, NOW).await;
    assert_eq!((report.parked, report.holes), (1, 1));
    assert_eq!(report.complete_through, at(0), "a hole is never passed");
    let hole = window(&store, &live(&source), 0).await;
    assert_eq!(hole.status(), Status::Parked);
    assert!(hole.last_error().unwrap().contains("a page made no sense"));
    let report = tick_one(&store, &sent, NOW).await;
    let progress = &store
        .progress_of(source.shard(), &source.name)
        .await
        .unwrap()[0];
    assert_eq!(
        (&*progress.behind, progress.open_from),
        (&[at(0)][..], at(20))
    );
    assert_eq!(
        (report.parked, report.holes, report.complete_through),
        (0, 1, at(0))
    );
}

#[tokio::test]
async fn retried_gap_advances_watermark() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    park_first(&store, &source, &sent).await;
    let hole = window(&store, &live(&source), 0).await;
    store
        .decide(&hole, &Event::Retry { now: NOW })
        .await
        .unwrap();
    sent.take();
    tick(&store, &sent, after_the_leases()).await;
    assert_eq!(sent.take_names()[0], "okta@0");
    finish(&store, &window(&store, &live(&source), 0).await, NOW).await;
    let report = tick_one(&store, &sent, after_the_leases()).await;
    assert_eq!((report.holes, report.complete_through), (0, at(10)));
    assert!(
        store
            .progress_of(source.shard(), &source.name)
            .await
            .unwrap()[0]
            .behind
            .is_empty()
    );
}

/// Leaves the window at minute 0 parked behind `open_from`.
async fn park_first(store: &windlass_state::MemoryStore, source: &SourceDefinition, sent: &Sent) {
    tick(store, sent, NOW).await;
    exhaust(store, &window(store, &live(source), 0).await, NOW).await;
    tick(store, sent, NOW).await;
    tick(store, sent, NOW).await;
    assert_eq!(
        store
            .progress_of(source.shard(), &source.name)
            .await
            .unwrap()[0]
            .open_from,
        at(10)
    );
}

#[tokio::test]
async fn split_leaves_two_adjacent_windows() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let first = window(&store, &live(&source), 0).await;
    give_back(&store, &first, Cause::Split(at(4)), NOW).await;
    let report = tick_one(&store, &sent, NOW).await;
    assert_eq!(report.split, 1);
    assert_eq!(window(&store, &live(&source), 0).await.to(), at(4));
    assert_eq!(window(&store, &live(&source), 4).await.to(), at(10));
    assert_covered(&store, &source).await;
}

#[tokio::test]
async fn both_halves_of_split_gap_hold_watermark() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    park_first(&store, &source, &sent).await;
    let hole = window(&store, &live(&source), 0).await;
    let retried = store
        .decide(&hole, &Event::Retry { now: NOW })
        .await
        .unwrap();
    give_back(&store, &retried, Cause::Split(at(4)), NOW).await;
    tick(&store, &sent, NOW).await;
    let behind = &store
        .progress_of(source.shard(), &source.name)
        .await
        .unwrap()[0]
        .behind;
    assert_eq!(
        **behind,
        [at(0), at(4)],
        "the new half lies before open_from"
    );
    finish(&store, &window(&store, &live(&source), 0).await, NOW).await;
    let report = tick_one(&store, &sent, NOW).await;
    assert_eq!(report.complete_through, at(4));
    finish(&store, &window(&store, &live(&source), 4).await, NOW).await;
    assert_eq!(tick_one(&store, &sent, NOW).await.complete_through, at(10));
}

#[tokio::test]
async fn split_with_full_behind_stays_a_gap() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    for _ in 0..12 {
        tick(&store, &sent, NOW).await;
        for window in windows(&store, &live(&source)).await {
            if window.status() != Status::Parked {
                exhaust(&store, &window, NOW).await;
            }
        }
    }
    let progress = &store
        .progress_of(source.shard(), &source.name)
        .await
        .unwrap()[0];
    assert_eq!(progress.behind.len(), windlass_core::limits::BEHIND_MAX);
    tick(&store, &sent, NOW).await;
    let hole = window(&store, &live(&source), 0).await;
    let retried = store
        .decide(&hole, &Event::Retry { now: NOW })
        .await
        .unwrap();
    give_back(&store, &retried, Cause::Split(at(4)), NOW).await;
    assert_eq!(tick_one(&store, &sent, NOW).await.parked, 1);
    let hole = window(&store, &live(&source), 0).await;
    assert_eq!(
        (hole.status(), hole.split().map(|split| split.at)),
        (Status::Parked, Some(at(4)))
    );
    assert!(hole.last_error().unwrap().contains("retry it when"));
}

#[tokio::test]
async fn raised_settle_moves_no_mark_back() {
    let source = definition("okta");
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let raised = with_policy("okta", |policy| policy.settle_ms = 2 * DAY_MS);
    store.apply_source(&raised, NOW).await.unwrap();
    let report = tick_one(&store, &sent, NOW).await;
    assert_eq!((report.created, &report.error), (0, &None));
    assert_eq!(
        store
            .progress_of(source.shard(), &source.name)
            .await
            .unwrap()[0]
            .scheduled_through,
        at(80)
    );
}

#[tokio::test]
async fn time_beyond_retention_is_one_unread_unavailable_span() {
    let source = with_policy("okta", |policy| policy.max_lookback_ms = Some(HOUR_MS));
    let (store, sent) = (store_of([&source]).await, Sent::default());
    let report = tick_one(&store, &sent, NOW).await;
    let progress = &store
        .progress_of(source.shard(), &source.name)
        .await
        .unwrap()[0];
    assert_eq!(progress.unavailable.len(), 1);
    let stored = windows(&store, &live(&source)).await;
    let (gone, first) = (&stored[0], stored[1].id().from);
    assert_eq!((gone.status(), gone.runs()), (Status::Done, 0));
    assert_eq!((gone.to(), first), (first, NOW.minus_ms(HOUR_MS)));
    assert_eq!((report.complete_through, report.holes), (first, 0));
}
