//! Claims: the winner of a window, the time of the claim, and recovery from a lost response.

use windlass_core::ids::WindowId;
use windlass_core::lease::Lease;
use windlass_core::moves::Decision;
use windlass_core::split::WindowSplit;
use windlass_core::time::MINUTE_MS;
use windlass_core::transition::{Cause, Claim, Event, IllegalMove, Release};
use windlass_core::window::{Status, Window};

use super::fixtures::{
    at, claim, current, okta, page, park, progress, ready, refused, running, shard, stored, yielded,
};
use crate::error::MoveError;
use crate::store::StateStore;

pub async fn ready_window_is_claimed_once<S: StateStore>(store: S) {
    let window = stored(&store, &okta(), 0).await;
    let lease = store
        .claim(window.id(), &claim(&window, 1, at(1)))
        .await
        .expect("ready and due");
    assert_eq!(lease.window().status(), Status::Running);
    assert_eq!(lease.window().epoch(), window.epoch() + 1);
    assert_eq!(
        lease.window().lease_until(),
        Some(at(1).plus_ms(15 * MINUTE_MS))
    );
    assert_eq!(&current(&store, &window).await, lease.window());

    let (shown, why) = refused(store.claim(window.id(), &claim(&window, 2, at(1))).await);
    assert_eq!(
        why,
        IllegalMove::Epoch {
            given: 1,
            current: 2
        }
    );
    assert_eq!(&shown, lease.window());
    let knows_epoch = claim(lease.window(), 2, at(1));
    let (shown, why) = refused(store.claim(window.id(), &knows_epoch).await);
    assert_eq!(
        why,
        IllegalMove::Edge {
            status: Status::Running,
            event: "claim"
        }
    );
    assert_eq!(&shown, lease.window());
}

pub async fn dispatched_window_is_claimed_at_dispatch_epoch<S: StateStore>(store: S) {
    let window = stored(&store, &okta(), 0).await;
    let dispatch = Event::Dispatch {
        until: at(30),
        now: at(1),
    };
    let dispatched = store
        .decide(&window, &dispatch)
        .await
        .expect("ready and due");
    assert_eq!(dispatched.status(), Status::Dispatched);
    refused(store.claim(window.id(), &claim(&window, 1, at(1))).await);
    let lease = store
        .claim(window.id(), &claim(&dispatched, 1, at(1)))
        .await
        .expect("its epoch");
    assert_eq!(lease.window().epoch(), dispatched.epoch() + 1);
}

pub async fn window_is_not_claimed_before_due<S: StateStore>(store: S) {
    let lease = running(&store, &okta(), 0).await;
    let release = Release {
        not_before: Some(at(20)),
        ..yielded()
    };
    let waiting = store.release(&lease, &release).await.expect("held");
    let early = claim(&waiting, 2, at(20).plus_ms(-1));
    assert_eq!(
        refused(store.claim(waiting.id(), &early).await),
        (waiting.clone(), IllegalMove::NotDue)
    );
    store
        .claim(waiting.id(), &claim(&waiting, 2, at(20)))
        .await
        .expect("due");
}

pub async fn splitting_window_is_not_claimed<S: StateStore>(store: S) {
    let lease = running(&store, &okta(), 0).await;
    let release = Release {
        cause: Cause::Split(at(5)),
        ..yielded()
    };
    let waiting = store
        .release(&lease, &release)
        .await
        .expect("inside the window");
    assert_eq!(waiting.split().map(|split| split.at), Some(at(5)));
    let (shown, why) = refused(store.claim(waiting.id(), &claim(&waiting, 2, at(4))).await);
    assert_eq!((shown, why), (waiting, IllegalMove::NotDue));
}

pub async fn done_or_parked_window_is_not_claimed<S: StateStore>(store: S) {
    let lease = running(&store, &okta(), 0).await;
    let done = store
        .complete(&lease, &page(&lease), 0)
        .await
        .expect("held");
    let window = stored(&store, &okta(), 10).await;
    let parked = store.decide(&window, &park(1)).await.expect("as read");
    for window in [done, parked] {
        refused(store.claim(window.id(), &claim(&window, 2, at(99))).await);
        assert_eq!(current(&store, &window).await, window);
    }
}

pub async fn repeated_claim_recognizes_first_by_owner<S: StateStore>(store: S) {
    let window = stored(&store, &okta(), 0).await;
    let mine = claim(&window, 1, at(1));
    let lease = store
        .claim(window.id(), &mine)
        .await
        .expect("ready and due");
    let (shown, _) = refused(store.claim(window.id(), &mine).await);
    assert_eq!(Lease::held(shown, &mine.owner), Some(lease));
}

pub async fn duplicate_claim_of_other_owner_loses<S: StateStore>(store: S) {
    let window = stored(&store, &okta(), 0).await;
    store
        .claim(window.id(), &claim(&window, 1, at(1)))
        .await
        .expect("ready and due");
    let duplicate = claim(&window, 2, at(1));
    let (shown, _) = refused(store.claim(window.id(), &duplicate).await);
    assert_eq!(Lease::held(shown, &duplicate.owner), None);
}

pub async fn claim_returns_window_as_stored<S: StateStore>(store: S) {
    let lease = running(&store, &okta(), 0).await;
    let lease = store.checkpoint(&lease, &page(&lease)).await.expect("held");
    let released = store.release(&lease, &yielded()).await.expect("held");
    let shrink = Event::Shrink {
        to: at(5),
        now: at(4),
    };
    let id = WindowId {
        timeline: okta(),
        from: at(5),
    };
    let split = WindowSplit {
        parts: vec![Window::new(id, released.to(), at(4)).expect("five minutes")],
        parent: Decision {
            seen: released,
            event: shrink,
        },
        marks: progress(&okta(), 0, 0),
    };
    let narrow = store.split(shard(), &split).await.expect("as read");

    let lease = store
        .claim(narrow.id(), &claim(&narrow, 2, at(5)))
        .await
        .expect("ready and due");
    let window = lease.window();
    assert_eq!((window.to(), window.page()), (at(5), 1));
    assert_eq!((&window.cursor(), &narrow.cursor()), (&None, &None));

    let lease = store.checkpoint(&lease, &page(&lease)).await.expect("held");
    let released = store.release(&lease, &yielded()).await.expect("held");
    let lease = store
        .claim(released.id(), &claim(&released, 3, at(6)))
        .await
        .expect("ready and due");
    let window = lease.window();
    assert_eq!((window.to(), window.page()), (at(5), 2));
    assert_eq!(
        (&window.cursor(), &window.sink_position()),
        (&released.cursor(), &released.sink_position())
    );
    assert_eq!(
        released.cursor().map(|cursor| cursor.token.as_str()),
        Some("after-1")
    );
}

pub async fn missing_window_cannot_move<S: StateStore>(store: S) {
    stored(&store, &okta(), 0).await;
    let missing = ready(&okta(), 10);
    let not_found = MoveError::NotFound(missing.id().clone());
    let claimed = store.claim(missing.id(), &claim(&missing, 1, at(1))).await;
    assert_eq!(claimed, Err(not_found.clone()));
    assert_eq!(
        store.decide(&missing, &park(1)).await,
        Err(not_found.clone())
    );

    // A lease whose window was deleted meanwhile.
    let Claim {
        owner, lease_until, ..
    } = claim(&missing, 1, at(1));
    let lost = missing.with(|form| {
        form.status = Status::Running;
        form.owner = Some(owner.clone());
        form.lease_until = Some(lease_until);
    });
    let lease = Lease::held(lost, &owner).expect("its owner");
    assert_eq!(
        store.checkpoint(&lease, &page(&lease)).await,
        Err(not_found.clone())
    );
    assert_eq!(
        store.complete(&lease, &page(&lease), 0).await,
        Err(not_found.clone())
    );
    assert_eq!(store.release(&lease, &yielded()).await, Err(not_found));
}
