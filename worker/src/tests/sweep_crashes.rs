//! Runs that end between the delivery, the seen page and the checkpoint of a page.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use windlass_sink::SinkError;
use windlass_sink::failing::{Applied, SinkCall};
use windlass_state::failing::{Fault, Operation};

use super::fake_vendor::{Asked, timed};
use super::harness::{Bench, only};
use super::sweeps::{seen, sweep, swept, with_late};
use crate::{Deadline, Outcome};

/// Runs the window until its process dies: from checkpoint `at` on it writes nothing more.
async fn die_at_checkpoint(bench: &Bench, at: u64) {
    let dead = AtomicBool::new(false);
    let worker = bench.worker_with(move |operation, call| {
        if matches!(operation, Operation::Checkpoint | Operation::Complete) && call == at {
            dead.store(true, SeqCst);
        }
        if dead.load(SeqCst) {
            Fault::Refuse
        } else {
            Fault::None
        }
    });
    let outcome = only(worker.run(&bench.task().await, Deadline::NONE).await);
    assert!(matches!(outcome, Outcome::StateFailed(_)), "{outcome:?}");
    bench.recover().await;
}

#[tokio::test]
async fn sweep_redelivers_page_without_checkpoint() {
    // The late-arriving record is on the first page, and the process dies between the two.
    let passes = Mutex::new(0);
    let vendor = move |asked: &Asked| {
        let mut passes = passes.lock().unwrap();
        *passes += usize::from(asked.page == 0);
        match (asked.page, *passes) {
            (0, 1) => timed(&[("a", 0)], Some("p1")),
            (0, _) => timed(&[("a", 0), ("late", 1)], Some("p1")),
            _ => timed(&[("c", 20)], None),
        }
    };
    let bench = Bench::with(swept(), vendor).await;
    bench.run().await;
    let bench = sweep(bench, 1, 0, 60).await;
    die_at_checkpoint(&bench, 1).await;
    assert_eq!(seen(&bench).await.len(), 3, "remembered");
    assert_eq!(bench.window().await.page(), 0, "not checkpointed");
    assert_eq!(bench.run().await, Outcome::Completed);
    // The sink took the page back, so its record would be lost if it counted as delivered.
    assert_eq!(bench.output(), ["late"]);
}

#[tokio::test]
async fn live_window_redelivers_page_without_checkpoint() {
    let bench = Bench::with(swept(), with_late(&[])).await;
    die_at_checkpoint(&bench, 1).await;
    assert_eq!(
        (seen(&bench).await.len(), bench.window().await.page()),
        (1, 0)
    );
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.output(), ["a", "b", "c"]);
    assert_eq!(seen(&bench).await.len(), 2, "replaced, not doubled");
}

#[tokio::test]
async fn undelivered_page_is_not_remembered() {
    let bench = Bench::with(swept(), with_late(&[])).await;
    let error = SinkError::Unavailable {
        sink: "memory".to_owned(),
        problem: "scripted failure".to_owned(),
    };
    bench.sink.fail(SinkCall::Write, 1, Applied::Nothing, error);
    assert!(matches!(bench.run().await, Outcome::Yielded { .. }));
    assert!(seen(&bench).await.is_empty());
}

#[tokio::test]
async fn unremembered_page_is_not_checkpointed() {
    let bench = Bench::with(swept(), with_late(&[])).await;
    let worker = bench.worker_with(|operation, _| match operation {
        Operation::Remember => Fault::Refuse,
        _ => Fault::None,
    });
    let outcome = only(worker.run(&bench.task().await, Deadline::NONE).await);
    assert!(matches!(outcome, Outcome::StateFailed(_)), "{outcome:?}");
    let window = bench.window().await;
    assert_eq!((window.page(), window.cursor()), (0, None));
    bench.recover().await;
    let worker = bench.worker_with(|operation, call| match (operation, call) {
        (Operation::Remember, 1) => Fault::LoseResponse,
        (Operation::Remember, 3) => Fault::Refuse,
        _ => Fault::None,
    });
    let outcome = only(worker.run(&bench.task().await, Deadline::NONE).await);
    assert_eq!(outcome, Outcome::Completed);
    assert!(bench.window().await.remembered());
    assert_eq!(seen(&bench).await.len(), 2);
}
