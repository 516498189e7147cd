use windlass_core::clock::ManualClock;
use windlass_core::shard::Shard;
use windlass_core::system::{SystemClock, SystemEntropy};
use windlass_core::time::DAY_MS;
use windlass_core::{Clock, Entropy};
use windlass_core::{Progress, Window, WindowId};
use windlass_state::sqlite::SqliteStore;
use windlass_worker::Stop;

use super::*;
use crate::testing::{Bench, CONFIG, block, claimed, last_page};

/// An engine without sources on a state of its own.
async fn engine(dir: &tempfile::TempDir) -> Engine {
    let store = SqliteStore::open(&dir.path().join("windlass.db")).unwrap();
    let store = Store::Sqlite(store);
    let config = Arc::new(Bench::new(CONFIG).config());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let none = "none".parse().unwrap();
    let factory = LocalAdapterFactory::build(&config, Some(&none), None, (&clock, &entropy));
    let factory = factory.await.unwrap();
    let seams = Seams {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        stop: Stop::default(),
        observer: None,
    };
    Engine::new(store, factory, seams, 4)
}

/// A window that was done long ago, and that nothing needs.
async fn done_long_ago(store: &Store) -> WindowId {
    let id: WindowId = "okta/0123456789ab/live/2020-01-01T00:00:00.000Z"
        .parse()
        .unwrap();
    let now = id.from.plus_ms(DAY_MS);
    let window = Window::new(id.clone(), now, now).unwrap();
    store.create(&window).await.unwrap();
    let lease = claimed(store, &window, now).await;
    let last = last_page(now);
    store.complete(&lease, &last, DAY_MS).await.unwrap();
    let shard = Shard::all().next().unwrap();
    let marks = Progress {
        timeline: id.timeline.clone(),
        start: id.from,
        end: None,
        scheduled_through: now,
        open_from: now,
        behind: Vec::new(),
        unavailable: Vec::new(),
        width_ms: DAY_MS,
        records_per_hour: None,
        late: 0,
        known: 0,
        summary: None,
        version: 0,
        updated_at: now,
    };
    store.save_progress(shard, &marks).await.unwrap();
    id
}

#[tokio::test]
async fn run_deletes_expired_history_when_due() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(&dir).await;
    let id = done_long_ago(&engine.store).await;
    let later = SystemClock.now().plus_ms(EXPIRE_EVERY_MS / 2);
    let next = engine.expire_history(later).await.unwrap();
    assert_eq!(next, later);
    assert!(engine.store.window(&id).await.unwrap().is_some());

    let ending = engine.run(true, |_| {}).await.unwrap();
    assert!(matches!(ending, Ending::CaughtUp(_)), "{ending:?}");
    assert_eq!(engine.store.window(&id).await.unwrap(), None);

    // A due time set before the clock was set back is due as well.
    for due in [Timestamp::MIN, Timestamp::MAX] {
        let next = engine.expire_history(due).await.unwrap();
        assert!(next > SystemClock.now() && next < Timestamp::MAX, "{next}");
    }
}

#[tokio::test]
async fn expired_history_is_deleted_until_none_remains() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(&dir).await;
    done_long_ago(&engine.store).await;
    let due = engine.expire_history(Timestamp::MIN).await.unwrap();
    assert!(due <= SystemClock.now(), "{due}");
    let due = engine.expire_history(due).await.unwrap();
    assert!(due > SystemClock.now(), "{due}");
}

#[tokio::test]
async fn stopped_run_dispatches_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(&dir).await;
    let mut ticks = 0;
    let ending = engine.run(false, |_| {
        ticks += 1;
        engine.seams.stop.request();
    });
    assert!(matches!(ending.await.unwrap(), Ending::Stopped(_)));
    assert_eq!(ticks, 1);

    let ending = engine.run(true, |_| ticks += 1).await.unwrap();
    assert!(matches!(ending, Ending::Stopped(_)), "{ending:?}");
    assert_eq!(ticks, 1);
}

#[tokio::test]
async fn blocked_source_ends_only_catch_up_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut engine = engine(&dir).await;
    let now = "2026-06-01T00:00:00Z".parse().unwrap();
    engine.seams.clock = Arc::new(ManualClock::at(now));
    let definition = Bench::new(CONFIG).definition();
    let stored = engine.store.apply_source(&definition, Timestamp::MIN).await;
    let stored = stored.unwrap();
    block(&engine.store, &stored, now).await;

    let ending = engine.run(true, |_| {}).await.unwrap();
    assert!(matches!(ending, Ending::CaughtUp(_)), "{ending:?}");
    let (mut ticks, stop) = (0, engine.seams.stop.clone());
    let ending = engine.run(false, |_| {
        ticks += 1;
        if ticks == 2 {
            stop.request();
        }
    });
    assert!(matches!(ending.await.unwrap(), Ending::Stopped(_)));
    assert_eq!(ticks, 2);
}

#[tokio::test]
async fn run_names_sources_paused_by_prune() {
    let dir = tempfile::tempdir().unwrap();
    let engine = engine(&dir).await;
    let definition = Bench::new(CONFIG).definition();
    let wanted = [definition.clone()];
    assert_eq!(engine.apply(&wanted).await.unwrap(), []);
    assert_eq!(
        engine.apply(&[]).await.unwrap(),
        std::slice::from_ref(&definition.name)
    );
    assert_eq!(engine.apply(&[]).await.unwrap(), [], "it is paused already");
    assert_eq!(engine.apply(&wanted).await.unwrap(), []);
    let stored = engine.store.named(&definition.name).await.unwrap().unwrap();
    assert!(!stored.definition.paused);
}
