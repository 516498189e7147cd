//! Fences: a caller that has lost a window, or read it too early, moves nothing.

use windlass_core::checkpoint::{Checkpoint, PageMove};
use windlass_core::invariant::check_move;
use windlass_core::lease::Lease;
use windlass_core::time::DAY_MS;
use windlass_core::transition::{Cause, Event, IllegalMove, Release};
use windlass_core::window::{Status, Window};

use super::fixtures::{at, claim, current, okta, page, park, refused, running, stored, yielded};
use crate::store::StateStore;

pub async fn checkpoint_is_durable_and_continues<S: StateStore>(store: S) {
    let mut lease = running(&store, &okta(), 0).await;
    for number in 1..=3 {
        let next = store.checkpoint(&lease, &page(&lease)).await.expect("held");
        check_move(lease.window(), next.window()).expect("a checkpoint");
        assert_eq!(
            (next.window().page(), next.window().records()),
            (number, 10 * number)
        );
        assert_eq!(next.owner(), lease.owner());
        assert_eq!(&current(&store, next.window()).await, next.window());
        lease = next;
    }
}

pub async fn page_is_checkpointed_once<S: StateStore>(store: S) {
    let lease = running(&store, &okta(), 0).await;
    let first = page(&lease);
    let moved = store.checkpoint(&lease, &first).await.expect("held");
    let (shown, why) = refused(store.checkpoint(&lease, &first).await);
    assert_eq!(
        why,
        IllegalMove::Page {
            given: 0,
            current: 1
        }
    );
    assert!(
        lease.confirms_page(&shown, first.to()),
        "the refusal shows that it was applied"
    );
    assert_eq!(&current(&store, &shown).await, moved.window());

    let ahead = Checkpoint::from(PageMove {
        from: 2,
        ..PageMove::clone(&page(&moved))
    });
    assert_eq!(
        refused(store.checkpoint(&moved, &ahead).await),
        (
            shown,
            IllegalMove::Page {
                given: 2,
                current: 1
            }
        )
    );
}

/// Asserts that no write of `lease` is accepted or leaves a trace.
async fn assert_fenced(store: &impl StateStore, lease: &Lease) {
    let before = current(store, lease.window()).await;
    let tries = [
        refused(store.checkpoint(lease, &page(lease)).await),
        refused(store.complete(lease, &page(lease), DAY_MS).await),
        refused(store.release(lease, &yielded()).await),
    ];
    for (shown, why) in tries {
        assert!(matches!(why, IllegalMove::Epoch { .. }), "{why}");
        assert_eq!(shown, before);
        assert!(!lease.still_holds(&shown));
    }
    assert_eq!(current(store, lease.window()).await, before);
}

pub async fn expired_holder_is_fenced<S: StateStore>(store: S) {
    let lease = running(&store, &okta(), 0).await;
    store
        .decide(
            lease.window(),
            &Event::Expire {
                split: None,
                now: at(20),
            },
        )
        .await
        .expect("as read");
    assert_fenced(&store, &lease).await;
}

pub async fn holder_cannot_complete_parked_window<S: StateStore>(store: S) {
    let lease = running(&store, &okta(), 0).await;
    let lease = store.checkpoint(&lease, &page(&lease)).await.expect("held");
    let expired = store
        .decide(
            lease.window(),
            &Event::Expire {
                split: None,
                now: at(20),
            },
        )
        .await;
    store
        .decide(&expired.expect("as read"), &park(21))
        .await
        .expect("as read");
    assert_fenced(&store, &lease).await;
    assert_eq!(
        current(&store, lease.window()).await.status(),
        Status::Parked
    );
}

pub async fn holder_is_fenced_by_later_claim<S: StateStore>(store: S) {
    let first = running(&store, &okta(), 0).await;
    let expired = store
        .decide(
            first.window(),
            &Event::Expire {
                split: None,
                now: at(20),
            },
        )
        .await;
    let expired = expired.expect("as read");
    let second = store
        .claim(expired.id(), &claim(&expired, 2, at(21)))
        .await
        .expect("ready");
    assert_fenced(&store, &first).await;
    let moved = store
        .checkpoint(&second, &page(&second))
        .await
        .expect("held");
    assert_fenced(&store, &first).await;
    store
        .complete(&moved, &page(&moved), DAY_MS)
        .await
        .expect("held");
    assert_fenced(&store, &first).await;
}

pub async fn lease_of_finished_run_is_fenced<S: StateStore>(store: S) {
    let released = running(&store, &okta(), 0).await;
    store.release(&released, &yielded()).await.expect("held");
    assert_fenced(&store, &released).await;
    let completed = running(&store, &okta(), 10).await;
    store
        .complete(&completed, &page(&completed), DAY_MS)
        .await
        .expect("held");
    assert_fenced(&store, &completed).await;
}

pub async fn release_keeps_cursor_backoff_and_error<S: StateStore>(store: S) {
    let lease = running(&store, &okta(), 0).await;
    let lease = store.checkpoint(&lease, &page(&lease)).await.expect("held");
    let release = Release {
        cause: Cause::Outage,
        not_before: Some(at(9)),
        error: Some("503 from the vendor".to_owned()),
        now: at(3),
    };
    let released = store.release(&lease, &release).await.expect("held");
    check_move(lease.window(), &released).expect("a change of hands");
    assert_eq!((released.status(), released.owner()), (Status::Ready, None));
    assert_eq!(
        (released.page(), released.cursor()),
        (1, lease.window().cursor())
    );
    assert_eq!(
        (released.not_before(), released.last_error()),
        (release.not_before, release.error.as_deref())
    );
    assert_eq!(current(&store, &released).await, released);
}

/// A window with one page from a first run, and the token for the next page unsent.
async fn left_unsent<S: StateStore>(store: &S) -> Window {
    let lease = running(store, &okta(), 0).await;
    let lease = store.checkpoint(&lease, &page(&lease)).await.expect("held");
    let release = Release {
        cause: Cause::Yielded.unsent(),
        ..yielded()
    };
    store.release(&lease, &release).await.expect("held")
}

pub async fn next_claim_sees_unsent_token<S: StateStore>(store: S) {
    let left = left_unsent(&store).await;
    assert_eq!((left.unsent_after(), left.runs()), (Some(1), 1));
    assert_eq!(current(&store, &left).await, left);
    let lease = store.claim(left.id(), &claim(&left, 2, at(4))).await;
    let lease = lease.expect("ready and due");
    assert!(lease.window().token_is_unsent());
    let expire = Event::Expire {
        split: None,
        now: at(30),
    };
    let expired = store.decide(lease.window(), &expire).await;
    let expired = expired.expect("as read");
    let later = store.claim(left.id(), &claim(&expired, 3, at(31))).await;
    let later = later.expect("ready and due");
    assert!(
        !later.window().token_is_unsent(),
        "the run between may have sent it"
    );
}

pub async fn checkpoint_clears_unsent_token<S: StateStore>(store: S) {
    let left = left_unsent(&store).await;
    let lease = store.claim(left.id(), &claim(&left, 2, at(4))).await;
    let lease = lease.expect("ready and due");
    let lease = store.checkpoint(&lease, &page(&lease)).await.expect("held");
    assert_eq!(lease.window().unsent_after(), None);
    assert_eq!(current(&store, &left).await, *lease.window());
}

pub async fn completed_window_is_done_with_expiry<S: StateStore>(store: S) {
    let lease = running(&store, &okta(), 0).await;
    let last = Checkpoint::from(PageMove {
        cursor: None,
        ..PageMove::clone(&page(&lease))
    });
    let done = store
        .complete(&lease, &last, 30 * DAY_MS)
        .await
        .expect("held");
    check_move(lease.window(), &done).expect("a change of hands");
    assert_eq!(
        (done.status(), done.page(), done.records()),
        (Status::Done, 1, 10)
    );
    assert_eq!(
        (done.cursor(), done.sink_position()),
        (None, last.sink_position.as_deref())
    );
    assert_eq!(done.done_at(), Some(last.now));
    assert_eq!(done.expires_at(), Some(last.now.plus_ms(30 * DAY_MS)));
    assert_eq!(current(&store, &done).await, done);
}

pub async fn stale_planner_is_refused<S: StateStore>(store: S) {
    let seen = stored(&store, &okta(), 0).await;
    let dispatch = Event::Dispatch {
        until: at(30),
        now: at(1),
    };
    let dispatched = store.decide(&seen, &dispatch).await.expect("as read");
    let events = [
        dispatch,
        Event::Expire {
            split: None,
            now: at(2),
        },
        Event::Recover { now: at(2) },
        park(2),
        Event::Shrink {
            to: at(5),
            now: at(2),
        },
        Event::Retry { now: at(2) },
    ];
    for event in events {
        let (shown, why) = refused(store.decide(&seen, &event).await);
        assert_eq!(
            why,
            IllegalMove::Epoch {
                given: 1,
                current: 2
            }
        );
        assert_eq!(shown, dispatched);
    }
    let other_status = dispatched.clone().with(|form| form.status = Status::Parked);
    refused(
        store
            .decide(&other_status, &Event::Retry { now: at(2) })
            .await,
    );
    assert_eq!(current(&store, &seen).await, dispatched);
}

pub async fn planner_cannot_make_worker_moves<S: StateStore>(store: S) {
    let window = stored(&store, &okta(), 0).await;
    let event = Event::Claim(claim(&window, 1, at(1)));
    refused(store.decide(&window, &event).await);
    let lease = running(&store, &okta(), 10).await;
    let last = page(&lease);
    for event in [
        Event::Checkpoint(last.clone()),
        Event::Complete {
            last,
            history_ms: DAY_MS,
        },
        Event::Release(yielded()),
    ] {
        refused(store.decide(lease.window(), &event).await);
        assert_eq!(&current(&store, lease.window()).await, lease.window());
    }
}
