//! Two workers and one window: duplicates of an invocation, and workers that outlive their lease.

use std::sync::{Arc, Mutex, OnceLock};

use futures_util::FutureExt as _;
use futures_util::future::join;
use windlass_core::scavenge::recover;
use windlass_core::transition::Event;
use windlass_core::{Status, WindowId};
use windlass_state::failing::{Fault, Operation};
use windlass_state::{MemoryStore, StateStore as _};

use super::fake_vendor::{all, names, well};
use super::harness::{Bench, after, only};
use crate::{Deadline, Outcome};

/// Takes back a running window, as a tick does after its lease expires.
pub(super) fn take_back(store: &MemoryStore, id: &WindowId) {
    let taken = async {
        let window = store.window(id).await.unwrap().unwrap();
        let event = recover(&window, after(0)).unwrap();
        store.decide(&window, &event).await.unwrap();
    };
    taken.now_or_never().expect("memory responds at once");
}

#[tokio::test]
async fn duplicate_invocation_delivers_each_page_once() {
    let bench = Bench::new(|asked| well(asked.page, 5)).await;
    let task = bench.task().await;
    let first = bench.worker(bench.store.clone());
    let second = bench.worker(bench.store.clone());
    let (one, other) = join(
        first.run(&task, Deadline::NONE),
        second.run(&task, Deadline::NONE),
    )
    .await;
    assert_eq!(only(one), Outcome::Completed);
    assert_eq!(only(other), Outcome::Fenced);
    assert_eq!((bench.output(), bench.written()), (all(5), all(5)));
    assert_eq!(bench.asked().len(), 5);
}

#[tokio::test]
async fn late_duplicate_is_fenced_without_request() {
    let bench = Bench::new(|asked| well(asked.page, 2)).await;
    let task = bench.task().await;
    let worker = bench.worker(bench.store.clone());
    assert_eq!(
        only(worker.run(&task, Deadline::NONE).await),
        Outcome::Completed
    );
    assert_eq!(
        only(worker.run(&task, Deadline::NONE).await),
        Outcome::Fenced
    );
    assert_eq!((bench.written(), bench.asked().len()), (all(2), 2));
}

#[tokio::test]
async fn lost_claim_response_does_not_adopt_rivals_claim() {
    let bench = Bench::new(|asked| well(asked.page, 3)).await;
    let task = bench.task().await;
    let second = bench.worker_with(|operation, number| match (operation, number) {
        (Operation::Claim, 1) => Fault::LoseResponse,
        _ => Fault::None,
    });
    let first = bench.worker(bench.store.clone());
    let (one, other) = join(
        first.run(&task, Deadline::NONE),
        second.run(&task, Deadline::NONE),
    )
    .await;
    assert_eq!(
        (only(one), only(other)),
        (Outcome::Completed, Outcome::Fenced)
    );
    assert_eq!(bench.written(), all(3));
}

/// P4 fenced: a worker that lost its window cannot change it.
#[tokio::test]
async fn fenced_worker_repeats_at_most_one_page() {
    for lost_at in 1..=4 {
        // While the vendor responds to request `lost_at`, the lease expires and another worker
        // claims it.
        let lost: Arc<OnceLock<(MemoryStore, WindowId)>> = Arc::default();
        let given = Arc::clone(&lost);
        let bench = Bench::new(move |asked| {
            if asked.number == lost_at {
                let (store, id) = given.get().unwrap();
                take_back(store, id);
            }
            well(asked.page, 4)
        })
        .await;
        lost.set((bench.store.clone(), bench.id.clone())).unwrap();
        assert_eq!(bench.run().await, Outcome::Fenced);
        let window = bench.window().await;
        assert_eq!(window.status(), Status::Ready);
        let delivered = bench.written();
        assert_eq!(bench.run_when_due().await, Outcome::Completed);
        assert_eq!(bench.output(), all(4));
        let page = usize::try_from(window.page()).unwrap();
        assert_eq!(delivered, all(page + 1), "lost at {lost_at}");
        assert_eq!(bench.written().len(), all(4).len() + names(0).len());
    }
}

#[tokio::test]
async fn late_zombie_changes_nothing() {
    let bench = Bench::new(|asked| well(asked.page, 3)).await;
    let task = bench.task().await;
    let (reached, taken) = (Arc::new(tokio::sync::Notify::new()), Mutex::new(false));
    let (store, id) = (bench.store.clone(), bench.id.clone());
    let woken = Arc::clone(&reached);
    // The zombie loses its window before the first checkpoint.
    let zombie = bench.worker_with(move |operation, _| {
        if operation == Operation::Checkpoint
            && !std::mem::replace(&mut *taken.lock().unwrap(), true)
        {
            take_back(&store, &id);
            woken.notify_one();
        }
        Fault::None
    });
    let other = async {
        reached.notified().await;
        bench.run_when_due().await
    };
    let (zombie, other) = join(zombie.run(&task, Deadline::NONE), other).await;
    assert_eq!((only(zombie), other), (Outcome::Fenced, Outcome::Completed));
    assert_eq!(bench.output(), all(3));
    assert_eq!(bench.written().len(), all(3).len() + names(0).len());
}

#[tokio::test]
async fn worker_cannot_complete_parked_window() {
    let bench = Bench::new(|asked| well(asked.page, 1)).await;
    let (store, id) = (bench.store.clone(), bench.id.clone());
    let worker = bench.worker_with(move |operation, _| {
        if operation == Operation::Complete {
            let parked = async {
                let window = store.window(&id).await.unwrap().unwrap();
                let (reason, now) = ("an operator".to_owned(), after(0));
                store
                    .decide(&window, &Event::Park { reason, now })
                    .await
                    .unwrap();
            };
            parked.now_or_never().expect("memory responds at once");
        }
        Fault::None
    });
    let outcome = only(worker.run(&bench.task().await, Deadline::NONE).await);
    assert_eq!(outcome, Outcome::Fenced);
    assert_eq!(bench.window().await.status(), Status::Parked);
}
