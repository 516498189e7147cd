//! Expiry: deletes expired history, and never a window that the planner still needs.

use windlass_core::ids::Timeline;
use windlass_core::progress::Progress;
use windlass_core::seen::{SeenBy, SeenPage};
use windlass_core::span::Span;
use windlass_core::time::DAY_MS;
use windlass_core::window::Window;

use super::fixtures::{at, okta, page, park, progress, running, shard, stored, timeline};
use crate::store::StateStore;

/// A done window whose history ends `DAY_MS` after minute 2.
async fn done(store: &impl StateStore, timeline: &Timeline, minute: i64) -> Window {
    let lease = running(store, timeline, minute).await;
    store
        .complete(&lease, &page(&lease), DAY_MS)
        .await
        .expect("held")
}

async fn starts(store: &impl StateStore, timeline: &Timeline) -> Vec<i64> {
    let windows = store.open_windows(timeline, at(0)).await.expect("readable");
    windows
        .iter()
        .map(|window| window.id().from.ms_since(at(0)) / 60_000)
        .collect()
}

pub async fn only_expired_done_windows_are_deleted<S: StateStore>(store: S) {
    let first = done(&store, &okta(), 0).await;
    let parked = stored(&store, &okta(), 10).await;
    store.decide(&parked, &park(1)).await.expect("as read");
    stored(&store, &okta(), 20).await;
    done(&store, &okta(), 30).await;
    store
        .save_progress(shard(), &progress(&okta(), 60, 60))
        .await
        .expect("first");

    let expires = first.expires_at().expect("done");
    assert_eq!(
        store.expire_history(expires).await,
        Ok(0),
        "the last instant still counts"
    );
    assert_eq!(starts(&store, &okta()).await, [0, 10, 20, 30]);
    assert_eq!(store.expire_history(expires.plus_ms(1)).await, Ok(2));
    assert_eq!(starts(&store, &okta()).await, [10, 20]);
    assert_eq!(store.expire_history(expires.plus_ms(1)).await, Ok(0));
}

pub async fn history_past_open_from_or_behind_is_kept<S: StateStore>(store: S) {
    for minute in [0, 10, 20, 30] {
        done(&store, &okta(), minute).await;
    }
    // Listed windows stay until the tick has removed them from the list, where absence would count
    // as unfinished forever.
    let marks = Progress {
        behind: vec![at(10)],
        ..progress(&okta(), 30, 40)
    };
    let marks = store.save_progress(shard(), &marks).await.expect("first");
    let late = at(0).plus_ms(9 * DAY_MS);
    assert_eq!(store.expire_history(late).await, Ok(2));
    assert_eq!(starts(&store, &okta()).await, [10, 30]);

    let marks = Progress {
        behind: Vec::new(),
        open_from: at(40),
        ..marks
    };
    store
        .save_progress(shard(), &marks)
        .await
        .expect("no other writer saved");
    assert_eq!(store.expire_history(late).await, Ok(2));
    assert_eq!(starts(&store, &okta()).await, Vec::<i64>::new());
}

pub async fn history_without_progress_is_kept<S: StateStore>(store: S) {
    let sweep = timeline("okta/0123456789ab/sweep-1");
    done(&store, &okta(), 0).await;
    done(&store, &sweep, 0).await;
    store
        .save_progress(shard(), &progress(&sweep, 60, 60))
        .await
        .expect("first");
    assert_eq!(store.expire_history(at(0).plus_ms(9 * DAY_MS)).await, Ok(1));
    assert_eq!(starts(&store, &okta()).await, [0]);
    assert_eq!(starts(&store, &sweep).await, Vec::<i64>::new());
}

pub async fn seen_pages_are_deleted_after_expiry<S: StateStore>(store: S) {
    let timeline = okta();
    let page = |minute: i64| SeenPage {
        by: SeenBy {
            source: timeline.source.clone(),
            generation: timeline.generation.clone(),
        },
        at: at(minute),
        from: at(0),
        lane: timeline.lane.clone(),
        page: 0,
        pass: 0,
        digests: vec![1],
        expires_at: at(minute + 100),
    };
    let span = Span::new(at(0), at(60)).expect("a span");
    for minute in [0, 10] {
        store.remember(&page(minute)).await.expect("remembered");
    }
    assert_eq!(store.expire_history(at(100)).await, Ok(0));
    let late = at(100).plus_ms(1);
    assert_eq!(store.expire_history(late).await, Ok(1));
    let left = store.seen(&page(0).by, span, 10).await;
    assert_eq!(left, Ok(Some(vec![page(10)])));
}
