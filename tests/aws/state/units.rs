//! The billed units of each operation.

use std::collections::BTreeSet;

use windlass_core::progress::Progress;
use windlass_core::reservation::{ReservationRequest, ReservationResponse};
use windlass_core::seen::{SeenBy, SeenPage};
use windlass_core::source::{BlockCause, BlockChange, Blocked, SourceDefinition};
use windlass_core::span::Span;
use windlass_core::time::DAY_MS;
use windlass_core::transition::{Cause, Event, Release};
use windlass_core::wait::Cooldown;
use windlass_orchestrator::{Listed, overview};
use windlass_state::{DynamoStore, StateStore};
use windlass_tests::aws::calls::Calls;
use windlass_tests::aws::emulator::Emulator;
use windlass_tests::aws::refusals::Refusals;
use windlass_tests::aws::state_proxy::{StateProxy, Units};

use super::scene::{at, claim, config, definition, marks, page, ready, store_in, table_name};

/// A store with counted calls.
pub(super) struct Counted {
    pub(super) store: DynamoStore,
    pub(super) proxy: StateProxy,
    pub(super) calls: Calls,
    pub(super) table: String,
}

impl Counted {
    pub(super) async fn new() -> Self {
        let emulator = Emulator::shared().await.unwrap();
        let (calls, refusals) = (Calls::default(), Refusals::default());
        let proxy = StateProxy::start(emulator.address(), calls.clone(), refusals)
            .await
            .unwrap();
        let table = table_name();
        let store = store_in(&table, config(&proxy.uri()));
        store.create_table().await.unwrap();
        Self {
            store,
            proxy,
            calls,
            table,
        }
    }

    /// Asserts the billed units of `call`, in one request.
    pub(super) async fn bills<T>(
        &self,
        what: &str,
        units: Units,
        call: impl Future<Output = T>,
    ) -> T {
        self.bills_in(1, what, units, call).await
    }

    /// Asserts the billed units of `call`, in this number of requests.
    async fn bills_in<T>(
        &self,
        requests: usize,
        what: &str,
        units: Units,
        call: impl Future<Output = T>,
    ) -> T {
        self.proxy.take_consumed();
        let result = call.await;
        let calls = self.proxy.consumed();
        assert_eq!(
            (calls.len(), self.proxy.take_consumed()),
            (requests, units),
            "{what}: {calls:?}"
        );
        result
    }
}

fn write(write: f64) -> Units {
    Units { write, read: 0.0 }
}

fn read(read: f64) -> Units {
    Units { write: 0.0, read }
}

#[tokio::test]
async fn quiet_window_writes_cost_one_unit_each() {
    let counted = Counted::new().await;
    let store = &counted.store;
    let window = ready(0);
    let one = write(1.0);
    counted
        .bills("create", one, store.create(&window))
        .await
        .unwrap();
    counted
        .bills("create again", one, store.create(&window))
        .await
        .unwrap();
    let dispatch = Event::Dispatch {
        until: at(10),
        now: at(1),
    };
    let decide = store.decide(&window, &dispatch);
    let window = counted.bills("decide", one, decide).await.unwrap();
    let mine = claim(&window, 1);
    let lease = counted
        .bills("claim", one, store.claim(window.id(), &mine))
        .await
        .unwrap();
    let refused = counted
        .bills("claim again", one, store.claim(window.id(), &mine))
        .await;
    assert!(refused.is_err());
    let next = page(&lease);
    let lease = counted
        .bills("checkpoint", one, store.checkpoint(&lease, &next))
        .await
        .unwrap();
    let release = Release {
        cause: Cause::Yielded,
        not_before: None,
        error: None,
        now: at(3),
    };
    let window = counted
        .bills("release", one, store.release(&lease, &release))
        .await
        .unwrap();
    let lease = store.claim(window.id(), &claim(&window, 2)).await.unwrap();
    let last = page(&lease);
    let complete = store.complete(&lease, &last, 30 * DAY_MS);
    counted.bills("complete", one, complete).await.unwrap();
}

#[tokio::test]
async fn marks_source_and_cooldown_writes_cost_one_unit() {
    let counted = Counted::new().await;
    let store = &counted.store;
    let source = definition("okta");
    let one = write(1.0);
    let first = counted
        .bills(
            "first save",
            one,
            store.save_progress(source.shard(), &marks(&source)),
        )
        .await
        .unwrap();
    let saved = counted
        .bills("save", one, store.save_progress(source.shard(), &first))
        .await;
    assert_eq!(saved.unwrap().version, 2);
    let late = store.save_progress(source.shard(), &first);
    assert!(counted.bills("late save", one, late).await.is_err());
    let applied = store.apply_source(&source, at(0)).await.unwrap();
    let seen = Blocked::new(
        "401 from the vendor".to_owned(),
        BlockCause::Refused,
        at(1),
        at(1),
    );
    let probed = seen.probed(at(20));
    let (shard, name) = (applied.shard(), &source.name);
    for (what, change) in [
        ("block", BlockChange::Block(seen.clone())),
        ("probe", BlockChange::Probe { seen, probed }),
        ("clear", BlockChange::Clear),
    ] {
        let changed = store.block_source(shard, name, 1, &change);
        assert!(counted.bills(what, one, changed).await.unwrap());
    }
    let hold = store.set_pause(shard, name, Some(at(1)));
    counted.bills("hold", one, hold).await.unwrap();
    let cooldown = Cooldown {
        group: source.policy.rate_group,
        not_before: at(10),
        reason: "429".to_owned(),
    };
    counted
        .bills("cooldown", one, store.start_cooldown(&cooldown, at(0)))
        .await
        .unwrap();
    counted
        .bills(
            "cooldown again",
            one,
            store.start_cooldown(&cooldown, at(0)),
        )
        .await
        .unwrap();
}

/// Page `number` of a window, with this number of records.
fn delivered(number: u64, records: u64) -> SeenPage {
    let timeline = ready(0).id().timeline.clone();
    SeenPage {
        by: SeenBy {
            source: timeline.source,
            generation: timeline.generation,
        },
        at: at(0),
        from: at(0),
        lane: timeline.lane,
        page: number,
        pass: 0,
        digests: (0..records).collect(),
        expires_at: at(10_000),
    }
}

#[tokio::test]
async fn seen_page_costs_one_unit_per_kilobyte() {
    let counted = Counted::new().await;
    let store = &counted.store;
    let (small, large) = (delivered(0, 85), delivered(1, 1_000));
    counted
        .bills("85 records", write(1.0), store.remember(&small))
        .await
        .unwrap();
    counted
        .bills("1000 records", write(9.0), store.remember(&large))
        .await
        .unwrap();
    counted
        .bills("again", write(9.0), store.remember(&large))
        .await
        .unwrap();
    let span = Span::new(at(0), at(10)).unwrap();
    let seen = store.seen(&small.by, span, 2_000);
    let seen = counted.bills("seen", read(3.0), seen).await.unwrap();
    assert_eq!(seen, Some(vec![small, large]));
}

#[tokio::test]
async fn request_reservation_costs_one_read_and_write() {
    let counted = Counted::new().await;
    let store = &counted.store;
    let group = definition("okta").policy.rate_group;
    let asked = ReservationRequest {
        count: 16,
        interval_ms: 1_000,
        within_ms: 10_000,
        now: at(0),
    };
    let both = Units {
        write: 1.0,
        read: 1.0,
    };
    let take = || store.reserve_requests(&group, &asked);
    let first = counted.bills_in(2, "reservations", both, take()).await;
    assert_eq!(first, Ok(ReservationResponse::From { first: at(0) }));
    let next = counted.bills("no reservation", read(1.0), take()).await;
    let later = at(0).plus_ms(16_000);
    assert_eq!(next, Ok(ReservationResponse::Later { at: later }));
}

#[tokio::test]
async fn only_shard_listings_read_eventually_consistent() {
    let counted = Counted::new().await;
    let store = &counted.store;
    let source = definition("okta");
    let (shard, name) = (source.shard(), &source.name);
    store.apply_source(&source, at(0)).await.unwrap();
    store.save_progress(shard, &marks(&source)).await.unwrap();
    let window = ready(0);
    store.create(&window).await.unwrap();
    let timeline = &window.id().timeline;

    counted
        .bills("shards", read(0.5), store.shards())
        .await
        .unwrap();
    counted
        .bills("check", read(0.5), store.check())
        .await
        .unwrap();
    counted
        .bills("sources", read(0.5), store.sources(shard))
        .await
        .unwrap();
    counted
        .bills("progress", read(0.5), store.progress(shard))
        .await
        .unwrap();
    counted
        .bills("source", read(1.0), store.source(shard, name))
        .await
        .unwrap();
    counted
        .bills("progress of", read(1.0), store.progress_of(shard, name))
        .await
        .unwrap();
    counted
        .bills("window", read(1.0), store.window(window.id()))
        .await
        .unwrap();
    let open = store.open_windows(timeline, at(0));
    counted
        .bills("open windows", read(1.0), open)
        .await
        .unwrap();
    let froms = [at(0)];
    let behind = store.windows_at(timeline, &froms);
    counted
        .bills("windows at", read(1.0), behind)
        .await
        .unwrap();
    let span = Span::new(at(0), at(60)).unwrap();
    let history = store.history(timeline, span, 10);
    counted.bills("history", read(1.0), history).await.unwrap();
    let cooldown = store.cooldown(&source.policy.rate_group);
    counted
        .bills("cooldown", read(1.0), cooldown)
        .await
        .unwrap();

    counted.proxy.take_consumed();
    assert_eq!(store.windows_at(timeline, &[]).await, Ok(Vec::new()));
    assert_eq!(store.history(timeline, span, 0).await, Ok(Vec::new()));
    assert_eq!(store.expire_history(at(0)).await, Ok(0));
    assert!(counted.proxy.consumed().is_empty(), "nothing to ask for");
}

#[tokio::test]
async fn resting_sources_cost_two_queries_per_shard() {
    const SOURCES: usize = 200;
    let counted = Counted::new().await;
    let store = &counted.store;
    let named = |number: usize| {
        let mut source = definition(&format!("source-{number:05}"));
        source.policy.rate_group = format!("okta:{number}").parse().unwrap();
        source
    };
    let sources: Vec<_> = (0..SOURCES).map(named).collect();
    for source in &sources {
        store.apply_source(source, at(0)).await.unwrap();
        let marks = marks(source);
        let rests = Progress {
            open_from: marks.scheduled_through,
            behind: Vec::new(),
            ..marks
        };
        store.save_progress(source.shard(), &rests).await.unwrap();
    }
    let shards: BTreeSet<_> = sources.iter().map(SourceDefinition::shard).collect();
    counted.proxy.take_consumed();
    let listed = overview(store, at(60)).await.unwrap();
    let calls = counted.proxy.consumed().len();
    let units = counted.proxy.take_consumed();
    println!(
        "{SOURCES} sources on {} shards: {calls} requests, {units:?}",
        shards.len()
    );
    assert_eq!(listed.sources.len(), SOURCES);
    let rests = |listed: &Listed| matches!(listed, Listed::Resting(_));
    assert!(listed.sources.iter().all(rests));
    assert_eq!((calls, listed.requests), (1 + 2 * shards.len(), calls));

    let name = &sources[SOURCES / 2].name;
    let found = store.named(name).await.unwrap();
    assert_eq!(found.unwrap().definition.name, *name);
    assert_eq!(
        counted.proxy.consumed().len(),
        2,
        "the shards, and one batch"
    );
}
