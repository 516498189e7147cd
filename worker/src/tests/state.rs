//! Failing states: lost responses are resolved, and failed writes are reported.

use std::sync::{Arc, Mutex};

use windlass_core::{Status, limits};
use windlass_sink::SinkError;
use windlass_sink::failing::{Applied, SinkCall};
use windlass_state::failing::{Fault, Operation};

use super::fake_vendor::{all, names, page_of, response, well};
use super::harness::{Bench, only};
use crate::{Deadline, Outcome};

/// Runs a window of three pages on a store in which the first call of `failing` fails.
async fn run_with(bench: &Bench, failing: Operation, fault: Fault) -> Outcome {
    let worker = bench.worker_with(move |operation, number| {
        if operation == failing && number == 1 {
            fault
        } else {
            Fault::None
        }
    });
    only(worker.run(&bench.task().await, Deadline::NONE).await)
}

#[tokio::test]
async fn failed_state_call_is_retried_and_resolved() {
    for operation in [
        Operation::Claim,
        Operation::Source,
        Operation::RateState,
        Operation::Checkpoint,
        Operation::Complete,
    ] {
        for fault in [Fault::LoseResponse, Fault::Refuse] {
            let bench = Bench::new(|asked| well(asked.page, 3)).await;
            let outcome = run_with(&bench, operation, fault).await;
            assert_eq!(outcome, Outcome::Completed, "{operation:?} {fault:?}");
            assert_eq!(bench.written(), all(3), "{operation:?} {fault:?}");
            let window = bench.window().await;
            assert_eq!(
                (window.page(), window.runs()),
                (3, 1),
                "{operation:?} {fault:?}"
            );
            assert_eq!(bench.clock.slept_ms(), limits::WRITE_DELAY_MIN_MS);
        }
    }
}

#[tokio::test]
async fn release_and_cooldown_happen_once_despite_lost_response() {
    for operation in [Operation::Release, Operation::StartCooldown] {
        for fault in [Fault::LoseResponse, Fault::Refuse] {
            let bench = Bench::new(|asked| match asked.number {
                1 => Ok(response(429, &[("retry-after", "600")], "{}")),
                _ => well(asked.page, 1),
            })
            .await;
            let outcome = run_with(&bench, operation, fault).await;
            assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
            let window = bench.window().await;
            assert_eq!((window.status(), window.epoch()), (Status::Ready, 3));
            assert!(bench.cooldown().await.is_some());
            assert_eq!(bench.run_when_due().await, Outcome::Completed);
        }
    }
}

#[tokio::test]
async fn lost_block_response_still_releases_window() {
    for fault in [Fault::LoseResponse, Fault::Refuse] {
        let bench = Bench::new(|_| Ok(response(403, &[], "{}"))).await;
        let outcome = run_with(&bench, Operation::BlockSource, fault).await;
        assert!(matches!(outcome, Outcome::Blocked { .. }), "{outcome:?}");
        assert!(bench.source().await.blocked.is_some());
        assert_eq!(bench.window().await.status(), Status::Ready);
    }
}

#[tokio::test]
async fn unapplied_checkpoint_is_not_assumed_applied() {
    // The response to the first try is lost with the write: the epoch has moved meanwhile.
    let bench = Bench::new(|asked| well(asked.page, 3)).await;
    let store = bench.store.clone();
    let id = bench.id.clone();
    let worker = bench.worker_with(move |operation, number| {
        if (operation, number) == (Operation::Checkpoint, 2) {
            super::rivals::take_back(&store, &id);
        }
        match (operation, number) {
            (Operation::Checkpoint, 1) => Fault::Refuse,
            _ => Fault::None,
        }
    });
    let outcome = only(worker.run(&bench.task().await, Deadline::NONE).await);
    assert_eq!(outcome, Outcome::Fenced);
    let window = bench.window().await;
    assert_eq!((window.status(), window.page()), (Status::Ready, 0));
}

#[tokio::test]
async fn persistent_state_outage_ends_task() {
    for failing in [Operation::Checkpoint, Operation::Complete] {
        let bench = Bench::new(|asked| well(asked.page, 3)).await;
        let worker = bench.worker_with(move |operation, _| {
            if operation == failing {
                Fault::Refuse
            } else {
                Fault::None
            }
        });
        let report = worker.run(&bench.task().await, Deadline::NONE).await;
        assert!(report.state_failure().is_some(), "{report:?}");
        let tries = u64::try_from(limits::STATE_TRIES_MAX).unwrap();
        assert_eq!(worker.store.calls(failing), tries);
        assert_eq!(worker.store.calls(Operation::Release), 0);
        assert_eq!(bench.window().await.status(), Status::Running);
        bench.recover().await;
        assert_eq!(bench.run_when_due().await, Outcome::Completed);
        assert_eq!(bench.output(), all(3));
    }
}

#[tokio::test]
async fn task_ends_at_first_state_outage() {
    let bench = Bench::new(|asked| well(asked.page, 1)).await;
    let mut task = bench.task().await;
    for hour in 1..4 {
        let id = bench.create(hour).await;
        task.windows
            .push(windlass_core::task::TaskWindow { id, epoch: 1 });
    }
    let worker = bench.worker_with(|operation, _| match operation {
        Operation::Claim => Fault::Refuse,
        _ => Fault::None,
    });
    let report = worker.run(&task, Deadline::NONE).await;
    assert_eq!(report.windows.len(), 1);
    assert!(report.state_failure().is_some());
}

#[tokio::test]
async fn sink_outage_during_lost_checkpoint_duplicates_nothing() {
    let bench = Bench::new(|asked| well(asked.page, 2)).await;
    let error = SinkError::Unavailable {
        sink: "memory".to_owned(),
        problem: "scripted failure".to_owned(),
    };
    bench.sink.fail(SinkCall::Write, 2, Applied::Nothing, error);
    let outcome = run_with(&bench, Operation::Checkpoint, Fault::LoseResponse).await;
    assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
    assert_eq!(bench.written(), names(0));
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!(bench.written(), all(2));
}

#[tokio::test]
async fn each_durable_page_is_observed() {
    #[derive(Debug, Default)]
    struct Seen(Mutex<Vec<(u64, u64)>>);
    impl crate::Observer for Seen {
        fn page(
            &self,
            window: &windlass_core::Window,
            totals: &windlass_core::checkpoint::PageTotals,
        ) {
            self.0.lock().unwrap().push((window.page(), totals.records));
        }
    }
    let bench = Bench::new(|asked| well(asked.page, 3)).await;
    let seen = Arc::new(Seen::default());
    let mut worker = bench.worker(bench.store.clone());
    worker.seams.observer = Some(seen.clone());
    worker.run(&bench.task().await, Deadline::NONE).await;
    assert_eq!(*seen.0.lock().unwrap(), [(1, 3), (2, 3), (3, 3)]);
}

#[tokio::test]
async fn state_is_durable_before_output_is_final() {
    for (records, syncs) in [(true, limits::STATE_TRIES_MAX), (false, 0)] {
        let bench = Bench::new(move |asked| {
            if records {
                well(asked.page, 2)
            } else {
                Ok(page_of(&[], None))
            }
        })
        .await;
        let calls = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&calls);
        let worker = bench.worker_with(move |operation, _| {
            if operation == Operation::Sync {
                *counted.lock().unwrap() += 1;
                return Fault::Refuse;
            }
            Fault::None
        });
        let outcome = only(worker.run(&bench.task().await, Deadline::NONE).await);
        assert_eq!(*calls.lock().unwrap(), syncs);
        let finishes = bench.sink.calls(SinkCall::Finish);
        if records {
            assert!(matches!(outcome, Outcome::StateFailed(_)), "{outcome:?}");
            assert_eq!(finishes, 0, "the output is final");
            assert_eq!(bench.output(), [""; 0]);
        } else {
            // Nothing becomes final, so nothing waits for a sync.
            assert_eq!((outcome, finishes), (Outcome::Completed, 1));
        }
    }
}
