//! Progress: compare-and-set, one item per timeline.

use windlass_core::progress::Progress;
use windlass_core::span::Span;
use windlass_core::summary::Summary;

use super::fixtures::{at, okta, progress, shard, timeline};
use crate::error::{SaveError, StateError};
use crate::store::StateStore;

pub async fn saved_progress_returns_with_higher_version<S: StateStore>(store: S) {
    let next = Progress {
        end: Some(at(600)),
        behind: vec![at(10), at(30)],
        unavailable: vec![Span::new(at(0), at(10)).expect("a span")],
        records_per_hour: Some(12_345),
        summary: Some(Summary {
            open: 2,
            parked: 1,
            parked_since: Some(at(20)),
            failing_since: Some(at(50)),
        }),
        ..progress(&okta(), 40, 60)
    };
    let saved = store
        .save_progress(shard(), &next)
        .await
        .expect("nothing was stored before");
    assert_eq!(saved, Progress { version: 1, ..next });
    let again = Progress {
        behind: Vec::new(),
        records_per_hour: None,
        summary: None,
        updated_at: at(5),
        ..saved
    };
    let saved = store
        .save_progress(shard(), &again)
        .await
        .expect("no other writer saved");
    assert_eq!(
        saved,
        Progress {
            version: 2,
            ..again
        }
    );
    assert_eq!(
        store.progress_of(shard(), &okta().source).await,
        Ok(vec![saved])
    );
}

pub async fn stale_save_conflicts_and_returns_current<S: StateStore>(store: S) {
    let read = store
        .save_progress(shard(), &progress(&okta(), 0, 10))
        .await
        .expect("first");
    let mine = Progress {
        scheduled_through: at(20),
        ..read.clone()
    };
    let theirs = Progress {
        scheduled_through: at(30),
        ..read
    };
    let theirs = store
        .save_progress(shard(), &theirs)
        .await
        .expect("first to save");
    let conflict = store.save_progress(shard(), &mine).await;
    assert_eq!(
        conflict,
        Err(SaveError::Conflict(Some(Box::new(theirs.clone()))))
    );
    assert_eq!(
        store.progress_of(shard(), &okta().source).await,
        Ok(vec![theirs])
    );
}

pub async fn contradictory_marks_are_refused<S: StateStore>(store: S) {
    let saved = store
        .save_progress(shard(), &progress(&okta(), 0, 10))
        .await;
    let saved = saved.expect("first");
    let past_the_mark = Progress {
        open_from: saved.scheduled_through.plus_ms(1),
        ..saved.clone()
    };
    let refused = store.save_progress(shard(), &past_the_mark).await;
    assert!(
        matches!(&refused, Err(SaveError::Store(StateError::Refused(why))) if why.contains("INV-12")),
        "{refused:?}"
    );
    let stored = store.progress_of(shard(), &okta().source).await;
    assert_eq!(stored, Ok(vec![saved]));
}

pub async fn second_first_save_conflicts<S: StateStore>(store: S) {
    let first = store
        .save_progress(shard(), &progress(&okta(), 0, 10))
        .await
        .expect("first");
    let conflict = store
        .save_progress(shard(), &progress(&okta(), 0, 20))
        .await;
    assert_eq!(conflict, Err(SaveError::Conflict(Some(Box::new(first)))));
}

pub async fn first_save_needs_version_zero<S: StateStore>(store: S) {
    let gone = Progress {
        version: 3,
        ..progress(&okta(), 0, 10)
    };
    assert_eq!(
        store.save_progress(shard(), &gone).await,
        Err(SaveError::Conflict(None))
    );
    assert_eq!(
        store.progress_of(shard(), &okta().source).await,
        Ok(Vec::new())
    );
}

pub async fn progress_lists_all_timelines_of_one_source<S: StateStore>(store: S) {
    let mut own = Vec::new();
    for path in [
        "a/0123456789ab/live",
        "a/0123456789ab/sweep-2",
        "a/0123456789ab/sweep-10",
        "a/0123456789ab/backfill-x",
        "a/fedcba987654/live",
    ] {
        own.push(
            store
                .save_progress(shard(), &progress(&timeline(path), 0, 10))
                .await
                .expect("first"),
        );
    }
    for path in ["a-b/0123456789ab/live", "aa/0123456789ab/live"] {
        store
            .save_progress(shard(), &progress(&timeline(path), 0, 20))
            .await
            .expect("first");
    }
    assert_eq!(
        store
            .progress_of(shard(), &timeline("a/0123456789ab/live").source)
            .await,
        Ok(own)
    );
}
