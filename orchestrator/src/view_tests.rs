use windlass_core::ids::{Lane, Timeline};
use windlass_core::source::SourceDefinition;
use windlass_core::window::Status;
use windlass_state::MemoryStore;

use crate::testing::*;

use super::*;

async fn view(store: &MemoryStore) -> SourceView {
    let record = store.all_sources().await.unwrap().remove(0);
    read_source(store, record, NOW).await.unwrap()
}

fn from(start_minutes: i64) -> SourceDefinition {
    SourceDefinition {
        start: at(start_minutes),
        end: Some(at(100)),
        ..definition("okta")
    }
}

/// Ticks and completes every dispatched window, until none is dispatched any more.
async fn settle(store: &MemoryStore) {
    let sent = Sent::default();
    loop {
        tick(store, &sent, NOW).await;
        let tasks = sent.take();
        if tasks.is_empty() {
            return;
        }
        for dispatched in tasks.iter().flat_map(|task| &task.windows) {
            let window = store.window(&dispatched.id).await.unwrap().unwrap();
            finish(store, &window, NOW).await;
        }
    }
}

#[tokio::test]
async fn earlier_start_backfills_before_watermark_advances() {
    let store = store_of([&from(60)]).await;
    settle(&store).await;
    assert_eq!(view(&store).await.complete_through(), at(100));
    store.apply_source(&from(30), NOW).await.unwrap();
    let moved = view(&store).await;
    assert_eq!(moved.complete_through(), at(30));
    let backfill = &moved.lanes[1].progress;
    assert_eq!((backfill.start, backfill.end), (at(30), Some(at(60))));
    assert_eq!(
        backfill.timeline.lane.to_string(),
        "backfill-start-19700101t003000-000z"
    );
    settle(&store).await;
    assert_eq!(view(&store).await.complete_through(), at(100));
    assert_covered(&store, &from(30)).await;
}

#[tokio::test]
async fn two_earlier_starts_make_adjacent_backfills() {
    let store = store_of([&from(60)]).await;
    let sent = Sent::default();
    tick(&store, &sent, NOW).await;
    for start in [30, 10] {
        store.apply_source(&from(start), NOW).await.unwrap();
        tick(&store, &sent, NOW).await;
        assert_eq!(view(&store).await.complete_through(), at(start));
    }
    let spans: Vec<_> = view(&store).await.lanes[1..]
        .iter()
        .map(|lane| (lane.progress.start, lane.progress.end))
        .collect();
    assert_eq!(spans, [(at(10), Some(at(30))), (at(30), Some(at(60)))]);
    settle_from(&store, &sent).await;
    assert_eq!(view(&store).await.complete_through(), at(100));
}

/// Completes the windows that `sent` holds, and then all that follow.
async fn settle_from(store: &MemoryStore, sent: &Sent) {
    for dispatched in sent.take().iter().flat_map(|task| &task.windows) {
        let window = store.window(&dispatched.id).await.unwrap().unwrap();
        finish(store, &window, NOW).await;
    }
    settle(store).await;
}

#[tokio::test]
async fn later_start_changes_nothing_begun() {
    let store = store_of([&from(10)]).await;
    settle(&store).await;
    store.apply_source(&from(40), NOW).await.unwrap();
    let moved = view(&store).await;
    assert_eq!((moved.lanes.len(), moved.complete_through()), (1, at(100)));
}

#[tokio::test]
async fn older_backfill_does_not_hide_moved_start() {
    let store = store_of([&from(60)]).await;
    settle(&store).await;
    let timeline = Timeline {
        lane: Lane::Backfill("old".to_owned()),
        ..live(&from(60))
    };
    let policy = from(60).policy;
    let old = Progress::begin(timeline, at(0), Some(at(10)), &policy, NOW);
    store.save_progress(from(60).shard(), &old).await.unwrap();
    store.apply_source(&from(30), NOW).await.unwrap();
    let made = view(&store).await.lanes;
    let spans: Vec<_> = made
        .iter()
        .map(|lane| (lane.progress.start, lane.progress.end))
        .collect();
    assert!(spans.contains(&(at(30), Some(at(60)))), "{spans:?}");
}

#[tokio::test]
async fn backfill_stopped_before_its_marks_continues() {
    let store = store_of([&from(60)]).await;
    settle(&store).await;
    store.apply_source(&from(30), NOW).await.unwrap();
    let (once, again) = (view(&store).await, view(&store).await);
    assert_eq!(
        once.lanes[1].progress.timeline,
        again.lanes[1].progress.timeline
    );
    assert_eq!(once.lanes[1].progress.version, 0);
}

#[tokio::test]
async fn changed_parameters_start_new_timeline() {
    let store = store_of([&from(0)]).await;
    settle(&store).await;
    let before = windows(&store, &live(&from(0))).await;
    let changed = SourceDefinition {
        generation: "ba9876543210".parse().unwrap(),
        ..from(0)
    };
    store.apply_source(&changed, NOW).await.unwrap();
    assert_eq!(
        view(&store).await.complete_through(),
        at(0),
        "nothing is taken for delivered"
    );
    settle(&store).await;
    assert_eq!(windows(&store, &live(&changed)).await.len(), before.len());
    assert_eq!(windows(&store, &live(&from(0))).await, before);
}

#[tokio::test]
async fn resumed_source_continues_at_its_watermark() {
    let store = store_of([&from(0)]).await;
    let sent = Sent::default();
    tick(&store, &sent, NOW).await;
    settle_first(&store).await;
    let stood = view(&store).await.complete_through();
    assert_eq!(stood, at(10));
    let removed = SourceDefinition {
        paused: true,
        ..from(0)
    };
    store.apply_source(&removed, NOW).await.unwrap();
    tick(&store, &sent, NOW).await;
    store.apply_source(&from(0), NOW).await.unwrap();
    assert_eq!(view(&store).await.complete_through(), stood);
    let before = windows(&store, &live(&from(0))).await.len();
    tick(&store, &sent, NOW).await;
    let after = windows(&store, &live(&from(0))).await;
    assert_eq!(
        after[0].status(),
        Status::Done,
        "the delivered window is not taken again"
    );
    assert!(after.len() > before);
}

async fn settle_first(store: &MemoryStore) {
    finish(store, &window(store, &live(&from(0)), 0).await, NOW).await;
}
