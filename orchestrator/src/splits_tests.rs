//! Windows too large to finish: split at their frontier, read by several workers, and repaired
//! after a stop midway.

use windlass_core::Status;
use windlass_core::checkpoint::PageMove;
use windlass_core::progress::Progress;
use windlass_core::source::{Order, SourceDefinition};
use windlass_core::transition::Event;
use windlass_core::window::Window;
use windlass_state::{MemoryStore, StateStore};

use crate::testing::*;
use crate::view::read_lane;

/// A source of one window of ten minutes, which many workers may read.
fn burst(order: Order) -> SourceDefinition {
    SourceDefinition {
        end: Some(at(10)),
        ..with_policy("okta", |policy| {
            policy.strict_order = Some(order);
            (policy.max_in_flight, policy.max_open_windows) = (16, 64);
        })
    }
}

/// The times of the oldest and newest record of a run that delivers the first minute of the window
/// at minute 0.
fn first_minute_read(order: Order) -> (windlass_core::Timestamp, windlass_core::Timestamp) {
    match order {
        Order::OldestFirst => (at(0), at(1)),
        // The last record is in the second before minute nine.
        Order::NewestFirst => (at(9).minus_ms(1_000), at(10).minus_ms(1)),
    }
}

/// Ends three runs of `window` before the window's end.
async fn overrun_thrice(store: &MemoryStore, source: &SourceDefinition, window: &Window) {
    let policy = &source.policy;
    let read = first_minute_read(policy.strict_order.unwrap());
    for _ in 0..3 {
        let now = store.window(window.id()).await.unwrap().unwrap();
        overrun(store, policy, &now, read, NOW).await;
    }
}

/// Fails unless the nine undelivered minutes are eight windows to read, and the delivered minute is
/// done with all its records.
async fn assert_is_split(store: &MemoryStore, source: &SourceDefinition, context: &str) {
    let timeline = live(source);
    let mut stored = windows(store, &timeline).await;
    stored.retain(|window| window.to() <= at(10));
    assert_eq!(stored.len(), 9, "{context}");
    assert_eq!(in_status(&stored, Status::Done), 1, "{context}");
    let delivered = match source.policy.strict_order.unwrap() {
        Order::OldestFirst => stored.first().unwrap(),
        Order::NewestFirst => stored.last().unwrap(),
    };
    assert_eq!(
        (
            delivered.status(),
            delivered.records(),
            delivered.remembered()
        ),
        (Status::Done, 300, true),
        "{context}"
    );
    for pair in stored.windows(2) {
        assert_eq!(pair[0].to(), pair[1].id().from, "{context}");
    }
    for window in &stored {
        assert_eq!(window.split(), None, "{context}");
    }
    let marks = store
        .progress_of(source.shard(), &source.name)
        .await
        .unwrap();
    let summary = marks[0].summary.unwrap();
    assert!(usize::try_from(summary.open).unwrap() >= 8, "{context}");
}

#[tokio::test]
async fn third_overrun_splits_window_into_nine() {
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let source = burst(order);
        let (store, sent) = (store_of([&source]).await, Sent::default());
        tick(&store, &sent, NOW).await;
        sent.take();
        overrun_thrice(&store, &source, &window(&store, &live(&source), 0).await).await;
        let report = tick_one(&store, &sent, NOW).await;
        assert_eq!(
            (report.split, report.created, report.dispatched),
            (1, 8, 8),
            "{order:?}"
        );
        assert_eq!(sent.take().len(), 8);
        assert_is_split(&store, &source, &format!("{order:?}")).await;
        assert_covered(&store, &source).await;
        for window in windows(&store, &live(&source)).await {
            if window.is_unfinished() {
                finish(&store, &window, NOW).await;
            }
        }
        assert_eq!(tick_one(&store, &sent, NOW).await.complete_through, at(10));
    }
}

#[tokio::test]
async fn split_windows_inherit_burst_density() {
    let source = burst(Order::OldestFirst);
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let stored = store.progress_of(source.shard(), &source.name).await;
    let mut quiet = stored.unwrap().remove(0);
    quiet.records_per_hour = Some(10);
    quiet = store.save_progress(source.shard(), &quiet).await.unwrap();
    let expected = async |quiet: &Progress| {
        let lane = read_lane(&store, quiet.clone()).await.unwrap();
        lane.records_per_hour()
    };
    assert_eq!(expected(&quiet).await, Some(10));
    overrun_thrice(&store, &source, &window(&store, &live(&source), 0).await).await;
    tick(&store, &sent, NOW).await;
    // The delivered minute has 300 records.
    assert_eq!(expected(&quiet).await, Some(18_000));
    quiet.records_per_hour = None;
    assert_eq!(expected(&quiet).await, None, "nothing is known yet");
}

#[tokio::test]
async fn two_overruns_split_nothing() {
    let source = burst(Order::OldestFirst);
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    for _ in 0..2 {
        let first = window(&store, &live(&source), 0).await;
        let read = first_minute_read(Order::OldestFirst);
        overrun(&store, &source.policy, &first, read, NOW).await;
    }
    let report = tick_one(&store, &sent, NOW).await;
    assert_eq!((report.split, report.dispatched), (0, 1));
}

#[tokio::test]
async fn killed_workers_count_as_overruns() {
    let source = burst(Order::OldestFirst);
    let (store, sent) = (store_of([&source]).await, Sent::default());
    let mut now = NOW;
    for _ in 0..3 {
        tick(&store, &sent, now).await;
        let lease = claim(&store, &window(&store, &live(&source), 0).await, now).await;
        let mut delivered = PageMove::clone(&page(&lease, now, false));
        (delivered.totals.records, delivered.totals.newest) = (100, Some(at(1)));
        store.checkpoint(&lease, &delivered.into()).await.unwrap();
        now = now.plus_ms(after_the_leases().ms_since(NOW));
    }
    let report = tick_one(&store, &sent, now).await;
    assert_eq!((report.expired, report.split, report.dispatched), (1, 1, 8));
    assert_is_split(&store, &source, "killed").await;
}

#[tokio::test]
async fn stopped_split_is_finished_by_next_tick() {
    for order in [Order::OldestFirst, Order::NewestFirst] {
        for writes in 0..20 {
            let context = format!("{order:?} {writes}");
            let source = burst(order);
            let (store, sent) = (store_of([&source]).await, Sent::default());
            tick(&store, &sent, NOW).await;
            overrun_thrice(&store, &source, &window(&store, &live(&source), 0).await).await;
            tick(&stopping_after(&store, writes), &sent, NOW).await;
            // No undelivered time is done, at any moment.
            let undelivered = first_minute_read(order);
            for window in windows(&store, &live(&source)).await {
                let delivered = match order {
                    Order::OldestFirst => window.to() <= undelivered.1,
                    Order::NewestFirst => window.id().from >= at(9),
                };
                assert!(
                    delivered || window.is_unfinished(),
                    "{context}: {}",
                    window.id()
                );
            }
            let report = tick_one(&store, &sent, NOW).await;
            assert_eq!(report.error, None, "{context}");
            assert_is_split(&store, &source, &context).await;
            assert_covered(&store, &source).await;
        }
    }
}

/// A source whose window at minute 0 is behind `open_from`, was retried, and ran out of time three
/// times.
async fn overrun_behind(order: Order) -> (MemoryStore, SourceDefinition) {
    let source = SourceDefinition {
        end: Some(at(20)),
        ..burst(order)
    };
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    let first = window(&store, &live(&source), 0).await;
    exhaust(&store, &first, NOW).await;
    for _ in 0..2 {
        tick(&store, &sent, NOW).await;
    }
    let hole = store.window(first.id()).await.unwrap().unwrap();
    let retry = Event::Retry { now: NOW };
    let retried = store.decide(&hole, &retry).await.unwrap();
    overrun_thrice(&store, &source, &retried).await;
    let last = window(&store, &live(&source), 10).await;
    finish(&store, &last, NOW).await;
    (store, source)
}

#[tokio::test]
async fn stopped_split_in_behind_loses_no_window() {
    for order in [Order::OldestFirst, Order::NewestFirst] {
        for writes in 0..20 {
            let context = format!("{order:?} {writes}");
            let (store, source) = overrun_behind(order).await;
            let sent = Sent::default();
            tick(&stopping_after(&store, writes), &sent, NOW).await;
            let through = tick_one(&store, &sent, NOW).await.complete_through;
            assert!(through < at(10), "{context}");
            assert_is_split(&store, &source, &context).await;
            // Each is found and completed, one after the other.
            let mut now = NOW;
            for _ in 0..4 {
                now = now.plus_ms(after_the_leases().ms_since(NOW));
                tick(&store, &sent, now).await;
                for dispatched in sent.take().iter().flat_map(|task| &task.windows) {
                    let window = store.window(&dispatched.id).await.unwrap().unwrap();
                    if window.is_claimable(now) {
                        finish(&store, &window, now).await;
                    }
                }
            }
            let report = tick_one(&store, &sent, now).await;
            assert_eq!(report.complete_through, at(20), "{context}");
        }
    }
}

#[tokio::test]
async fn split_onto_existing_window_changes_nothing() {
    let source = burst(Order::OldestFirst);
    let (store, sent) = (store_of([&source]).await, Sent::default());
    tick(&store, &sent, NOW).await;
    overrun_thrice(&store, &source, &window(&store, &live(&source), 0).await).await;
    let id = windlass_core::WindowId {
        timeline: live(&source),
        from: at(1),
    };
    let short = Window::new(id, at(1).plus_ms(1_000), NOW).unwrap();
    store.create(&short).await.unwrap();
    let report = tick_one(&store, &sent, NOW).await;
    assert_eq!(report.split, 0);
    let whole = window(&store, &live(&source), 0).await;
    assert_eq!((whole.to(), whole.status()), (at(10), Status::Ready));
}
