//! Ticks that overlap, ticks that stop midway, and writes whose responses are lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use windlass_core::Status;
use windlass_core::clock::{Clock, Entropy, SeededEntropy, Sleep};
use windlass_core::source::SourceDefinition;
use windlass_core::task::TaskWindow;
use windlass_core::time::MINUTE_MS;
use windlass_core::transition::Cause;
use windlass_state::failing::{FailingStore, Fault, Operation};
use windlass_state::{MemoryStore, StateStore};

use crate::testing::*;

/// A clock whose sleep yields to the other tasks that many times.
#[derive(Debug)]
struct Yields;

impl Clock for Yields {
    fn now(&self) -> windlass_core::Timestamp {
        NOW
    }

    fn steady_ms(&self) -> i64 {
        NOW.as_ms()
    }

    fn sleep(&self, ms: i64) -> Sleep {
        Box::pin(async move {
            for _ in 0..ms {
                tokio::task::yield_now().await;
            }
        })
    }
}

/// `store` with calls that yield before or after those of others, at random by `seed`.
fn interleaved(store: &MemoryStore, seed: u64) -> FailingStore<MemoryStore> {
    let entropy = SeededEntropy::new(seed);
    let faults = move |_, _| {
        let drawn = entropy.next_u64();
        let ms = i64::try_from(drawn >> 1).unwrap() % 4;
        if drawn.is_multiple_of(2) {
            Fault::Delay { ms }
        } else {
            Fault::SlowResponse { ms }
        }
    };
    FailingStore::new(store.clone(), faults).with_clock(Arc::new(Yields))
}

fn named(sent: &Sent) -> Vec<TaskWindow> {
    sent.take()
        .into_iter()
        .flat_map(|task| task.windows)
        .collect()
}

#[tokio::test]
async fn concurrent_ticks_dispatch_once_within_limits() {
    let capped = |name, max_in_flight| {
        let mut source = definition(name);
        source.policy.max_in_flight = max_in_flight;
        source
    };
    for seed in 0..200 {
        let source = capped("okta", 3);
        let store = store_of([&source]).await;
        let (one, other) = (
            interleaved(&store, 2 * seed),
            interleaved(&store, 2 * seed + 1),
        );
        let sent = Sent::default();
        let (mine, theirs) = tokio::join!(tick(&one, &sent, NOW), tick(&other, &sent, NOW));
        assert!(mine.sources[0].error.is_none() && theirs.sources[0].error.is_none());
        let stored = windows(&store, &live(&source)).await;
        assert_eq!((seed, stored.len()), (seed, 8));
        assert_eq!((seed, in_status(&stored, Status::Dispatched)), (seed, 3));
        let tasks = named(&sent);
        let different: BTreeSet<_> = tasks.iter().map(|window| &window.id).collect();
        assert_eq!((seed, tasks.len(), different.len()), (seed, 3, 3));
        assert_covered(&store, &source).await;
    }
}

#[tokio::test]
async fn concurrent_ticks_with_different_widths_keep_chain_whole() {
    for seed in 0..200 {
        let mut source = definition("okta");
        source.policy.max_open_windows = 12;
        let store = store_of([&source]).await;
        let (one, other) = (
            interleaved(&store, 2 * seed),
            interleaved(&store, 2 * seed + 1),
        );
        let sent = Sent::default();
        // The definition changes during the first tick.
        let change = async {
            tokio::task::yield_now().await;
            let mut narrow = source.clone();
            narrow.policy.initial_ms = 3 * MINUTE_MS;
            store.apply_source(&narrow, NOW).await.unwrap();
            tick(&other, &sent, NOW).await
        };
        tokio::join!(tick(&one, &sent, NOW), change);
        tick(&store, &sent, NOW).await;
        assert_covered(&store, &source).await;
    }
}

#[tokio::test]
async fn tick_stopped_after_any_write_is_repaired() {
    for writes in 0..=10 {
        let source = definition("okta");
        let store = store_of([&source]).await;
        let sent = Sent::default();
        let dying = FailingStore::new(store.clone(), move |operation, call| match operation {
            Operation::Create if call > writes => Fault::Refuse,
            Operation::SaveProgress if call > 1 && writes < 10 => Fault::Refuse,
            _ => Fault::None,
        });
        let report = tick_one(&dying, &sent, NOW).await;
        assert_eq!(report.error.is_some(), writes < 10, "{writes}");
        let report = tick_one(&store, &sent, after_the_leases()).await;
        assert_eq!(report.error, None);
        assert_eq!(windows(&store, &live(&source)).await.len(), 8);
        let progress = &store
            .progress_of(source.shard(), &source.name)
            .await
            .unwrap()[0];
        assert_eq!((writes, progress.scheduled_through), (writes, at(80)));
        assert_covered(&store, &source).await;
    }
}

#[tokio::test]
async fn window_is_dispatched_despite_lost_response() {
    for lost in [
        Operation::Create,
        Operation::SaveProgress,
        Operation::Decide,
    ] {
        let source = definition("okta");
        let store = store_of([&source]).await;
        let sent = Sent::default();
        let deaf = FailingStore::new(store.clone(), move |operation, call| {
            if operation == lost && call % 2 == 1 {
                Fault::LoseResponse
            } else {
                Fault::None
            }
        });
        let report = tick_one(&deaf, &sent, NOW).await;
        assert_eq!(report.error, None, "{lost:?}");
        finish(&store, &window(&store, &live(&source), 0).await, NOW).await;
        let report = tick_one(&deaf, &sent, NOW).await;
        assert_eq!(report.error, None, "{lost:?}");
        let mut dispatched: Vec<_> = named(&sent).into_iter().map(|window| window.id).collect();
        dispatched.sort();
        dispatched.dedup();
        let held: Vec<_> = windows(&store, &live(&source))
            .await
            .into_iter()
            .filter(|window| window.status() != Status::Ready)
            .map(|window| window.id().clone())
            .collect();
        assert_eq!(dispatched, held, "{lost:?}");
        assert_covered(&store, &source).await;
    }
}

#[tokio::test]
async fn split_with_lost_response_counts_as_made() {
    let source = definition("okta");
    let store = store_of([&source]).await;
    let sent = Sent::default();
    tick(&store, &sent, NOW).await;
    let first = window(&store, &live(&source), 0).await;
    give_back(&store, &first, Cause::Split(at(4)), NOW).await;
    let deaf = FailingStore::new(store.clone(), |operation, call| match (operation, call) {
        (Operation::Split, 1) => Fault::LoseResponse,
        _ => Fault::None,
    });
    let report = tick_one(&deaf, &sent, NOW).await;
    assert_eq!((report.split, report.error), (1, None));
    assert_eq!(deaf.calls(Operation::Split), 2, "asked again once");
    assert_eq!(window(&store, &live(&source), 4).await.to(), at(10));
    assert_covered(&store, &source).await;
}

#[tokio::test]
async fn window_with_pending_split_is_not_dispatched() {
    let source = SourceDefinition {
        end: Some(at(10)),
        ..definition("okta")
    };
    let store = store_of([&source]).await;
    let sent = Sent::default();
    tick(&store, &sent, NOW).await;
    let first = window(&store, &live(&source), 0).await;
    give_back(&store, &first, Cause::Split(at(4)), NOW).await;
    sent.take();
    let stopped = FailingStore::new(store.clone(), |operation, _| match operation {
        Operation::Split => Fault::Refuse,
        _ => Fault::None,
    });
    assert!(tick_one(&stopped, &sent, NOW).await.error.is_some());
    assert!(sent.take().is_empty());
    tick(&store, &sent, NOW).await;
    assert_eq!(sent.take_names(), ["okta@0", "okta@4"]);
}

#[tokio::test]
async fn moved_start_after_stopped_tick_finishes() {
    let until = |minutes| SourceDefinition {
        start: at(minutes),
        end: Some(at(720)),
        ..definition("okta")
    };
    let store = store_of([&until(600)]).await;
    let sent = Sent::default();
    let dying = FailingStore::new(store.clone(), |operation, call| match (operation, call) {
        (Operation::SaveProgress, 2..) => Fault::Refuse,
        _ => Fault::None,
    });
    assert!(tick_one(&dying, &sent, NOW).await.error.is_some());
    store.apply_source(&until(599), NOW).await.unwrap();
    let mut through = at(0);
    for _ in 0..20 {
        for dispatched in named(&sent) {
            let window = store.window(&dispatched.id).await.unwrap().unwrap();
            finish(&store, &window, NOW).await;
        }
        through = tick_one(&store, &sent, NOW).await.complete_through;
    }
    assert_eq!(through, at(720));
}
