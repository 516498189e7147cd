//! Two orchestrators at once over one table.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use windlass_core::clock::{Entropy, SeededEntropy};
use windlass_core::ids::Timeline;
use windlass_core::invariant::check_coverage;
use windlass_core::limits;
use windlass_core::shard::Shards;
use windlass_core::source::SourceDefinition;
use windlass_core::span::Span;
use windlass_core::system::SystemClock;
use windlass_core::task::{Task, TaskWindow};
use windlass_core::time::{DAY_MS, MINUTE_MS, Timestamp};
use windlass_core::window::{Status, Window};
use windlass_orchestrator::{Dispatch, DispatchError, Tick, TickOptions, TickReport};
use windlass_state::failing::{FailingStore, Fault};
use windlass_state::{DynamoStore, StateStore};

use super::scene::{at, claim, definition, fresh, page, timeline};

const SEEDS: u64 = 20;
/// Two rounds: the first one creates windows, the second one continues after finished windows.
const ROUNDS: i64 = 2;

/// Records the dispatched tasks.
#[derive(Default)]
pub(super) struct Sent(Mutex<Vec<TaskWindow>>);

impl Sent {
    fn windows(&self) -> Vec<TaskWindow> {
        self.0.lock().unwrap().clone()
    }
}

impl Dispatch for Sent {
    async fn dispatch(&self, tasks: Vec<Task>) -> Result<(), DispatchError> {
        let windows = tasks.into_iter().flat_map(|task| task.windows);
        self.0.lock().unwrap().extend(windows);
        Ok(())
    }
}

/// `store` with calls that wait briefly before or after, as drawn from `seed`.
fn interleaved(store: &DynamoStore, seed: u64) -> FailingStore<DynamoStore> {
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
    FailingStore::new(store.clone(), faults).with_clock(Arc::new(SystemClock))
}

pub(super) async fn tick(store: &impl StateStore, dispatch: &Sent, now: Timestamp) -> TickReport {
    let options = TickOptions {
        shards: Shards::ALL,
        dispatch_ms: Some(5 * MINUTE_MS),
        share_request_rate: true,
        tasks_per_invocation: 1,
    };
    let tick = Tick {
        store,
        dispatch,
        options,
        suspects: None,
        now,
    };
    tick.run().await.unwrap()
}

fn live(source: &SourceDefinition) -> Timeline {
    Timeline {
        source: source.name.clone(),
        ..timeline()
    }
}

async fn windows(store: &DynamoStore, timeline: &Timeline) -> Vec<Window> {
    let ever = Span::new(Timestamp::MIN, Timestamp::MAX).unwrap();
    store.history(timeline, ever, usize::MAX).await.unwrap()
}

#[tokio::test]
async fn concurrent_orchestrators_plan_nothing_twice() {
    for seed in 0..SEEDS {
        let (store, _table) = fresh().await;
        let sources = ["okta", "okta-eu"].map(definition);
        for source in &sources {
            store.apply_source(source, at(0)).await.unwrap();
        }
        let (one, other) = (
            interleaved(&store, 2 * seed),
            interleaved(&store, 2 * seed + 1),
        );
        let sent = Sent::default();
        for round in 0..ROUNDS {
            let now = at(0).plus_ms(DAY_MS + round * MINUTE_MS);
            let reports = tokio::join!(tick(&one, &sent, now), tick(&other, &sent, now));
            for report in [reports.0, reports.1] {
                assert!(
                    report.sources.iter().all(|it| it.error.is_none()),
                    "{seed}: {report:?}"
                );
            }
            for source in &sources {
                assert_planned_once(&store, source, seed).await;
                finish_one(&store, source).await;
            }
        }
        let sent = sent.windows();
        let named: Vec<_> = sent.iter().map(|it| (it.id.clone(), it.epoch)).collect();
        let once: BTreeSet<_> = named.iter().collect();
        assert_eq!(once.len(), named.len(), "{seed}: {named:?}");
    }
}

/// Asserts that the windows of `source` cover its planned time once, within the limit of windows in
/// flight.
async fn assert_planned_once(store: &DynamoStore, source: &SourceDefinition, seed: u64) {
    let marks = store.progress_of(source.shard(), &source.name).await;
    let [marks] = &marks.unwrap()[..] else {
        panic!("{seed}: one lane")
    };
    let all = windows(store, &live(source)).await;
    check_coverage(marks, &all).unwrap();
    assert_eq!(marks.scheduled_through, all.last().unwrap().to(), "{seed}");
    let count = |status| {
        all.iter()
            .filter(|window| window.status() == status)
            .count()
    };
    assert_eq!(all.len() - count(Status::Done), 8, "{seed}");
    assert_eq!(count(Status::Dispatched), 3, "{seed}");
}

/// Claims and completes the oldest window of `source`.
async fn finish_one(store: &DynamoStore, source: &SourceDefinition) {
    let all = windows(store, &live(source)).await;
    let oldest = all.iter().find(|window| window.is_unfinished()).unwrap();
    let lease = store.claim(oldest.id(), &claim(oldest, 1)).await.unwrap();
    let last = page(&lease);
    let done = store.complete(&lease, &last, limits::HISTORY_MS_MIN).await;
    assert_eq!(done.unwrap().status(), Status::Done);
}
