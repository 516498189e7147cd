//! Consecutive pages: prefetched, delivered, checkpointed, resumed.

use std::sync::Mutex;

use windlass_core::checkpoint::{Checkpoint, Cursor, PageMove, PageTotals};
use windlass_core::deadline::Deadline;
use windlass_core::transition::{Cause, Claim, Release};
use windlass_core::{Clock as _, Owner, Status};
use windlass_sink::SinkError;
use windlass_sink::failing::{Applied, SinkCall};
use windlass_state::StateStore as _;
use windlass_state::failing::{Fault, Operation};

use super::fake_vendor::{all, names, page_of, response, well};
use super::harness::{Bench, only};
use crate::Outcome;

fn unavailable() -> SinkError {
    SinkError::Unavailable {
        sink: "memory".to_owned(),
        problem: "scripted failure".to_owned(),
    }
}

/// Runs the window and logs each checkpoint beside fetches and writes.
async fn run_logged(bench: &Bench) -> Vec<String> {
    let log = bench.log.clone();
    let worker = bench.worker_with(move |operation, _| {
        if let Operation::Checkpoint | Operation::Complete = operation {
            log.push(format!("{operation:?}"));
        }
        Fault::None
    });
    let report = worker.run(&bench.task().await, Deadline::NONE).await;
    assert_eq!(only(report), Outcome::Completed);
    bench.log.events()
}

#[tokio::test]
async fn multi_page_window_is_delivered_once() {
    let bench = Bench::new(|asked| well(asked.page, 4)).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.output(), all(4));
    assert_eq!(bench.asked(), ["-", "p1", "p2", "p3"]);
    let window = bench.window().await;
    assert_eq!((window.status(), window.page()), (Status::Done, 4));
    assert_eq!((window.records(), window.attempts()), (12, 0));
    assert_eq!(window.cursor(), None);
    assert!(window.expires_at() > window.done_at());
}

#[tokio::test]
async fn empty_window_completes() {
    let bench = Bench::new(|_| Ok(response(200, &[], r#"{"kind":"activities"}"#))).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    let window = bench.window().await;
    assert_eq!(
        (window.status(), window.page(), window.records()),
        (Status::Done, 1, 0)
    );
    assert_eq!(bench.output(), [""; 0]);
}

#[tokio::test]
async fn empty_middle_page_does_not_end_window() {
    let bench = Bench::new(|asked| match asked.page {
        1 => Ok(page_of(&[], Some("p2"))),
        page => well(page, 3),
    })
    .await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.output(), [names(0), names(2)].concat());
    assert_eq!(bench.window().await.page(), 3);
}

#[tokio::test]
async fn stopped_window_resumes_at_checkpointed_token() {
    let mut bench = Bench::new(|asked| well(asked.page, 4)).await;
    let stop = bench.stop.clone();
    let worker = bench.worker_with(move |operation, number| {
        if (operation, number) == (Operation::Checkpoint, 2) {
            stop.request();
        }
        Fault::None
    });
    let outcome = only(worker.run(&bench.task().await, Deadline::NONE).await);
    assert!(
        matches!(
            outcome,
            Outcome::Yielded {
                not_before: None,
                ..
            }
        ),
        "{outcome:?}"
    );
    let window = bench.window().await;
    assert_eq!(
        (window.status(), window.page(), window.attempts()),
        (Status::Ready, 2, 0)
    );
    assert_eq!(window.cursor().unwrap().token, "p2");
    let before = bench.asked().len();
    bench.stop = crate::Stop::default();
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.asked()[before..], ["p2", "p3"]);
    assert_eq!((bench.output(), bench.written()), (all(4), all(4)));
}

/// P7 bounded: memory follows the size of a page, not of a window or a backlog.
#[tokio::test]
async fn only_next_page_is_prefetched() {
    let bench = Bench::new(|asked| well(asked.page, 3)).await;
    let expected = [
        "fetch 0",
        "write 0 begins",
        "fetch 1",
        "write 0 ends",
        "Checkpoint",
        "write 1 begins",
        "fetch 2",
        "write 1 ends",
        "Checkpoint",
        "write 2 begins",
        "write 2 ends",
        "Complete",
    ];
    assert_eq!(run_logged(&bench).await, expected);
}

#[tokio::test]
async fn one_time_token_waits_for_checkpoint() {
    let bench = Bench::single_use(|asked| well(asked.page, 2)).await;
    let expected = [
        "fetch 0",
        "write 0 begins",
        "write 0 ends",
        "Checkpoint",
        "fetch 1",
        "write 1 begins",
        "write 1 ends",
        "Complete",
    ];
    assert_eq!(run_logged(&bench).await, expected);
}

#[tokio::test]
async fn unacknowledged_page_is_not_checkpointed() {
    for (applied, delivered) in [(Applied::Nothing, 6), (Applied::Half, 7), (Applied::All, 9)] {
        let bench = Bench::new(|asked| well(asked.page, 3)).await;
        bench.sink.fail(SinkCall::Write, 2, applied, unavailable());
        let outcome = bench.run().await;
        assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
        let window = bench.window().await;
        assert_eq!((window.page(), window.records()), (1, 3), "{applied:?}");
        assert_eq!(window.cursor().unwrap().token, "p1");
        assert_eq!(bench.run_when_due().await, Outcome::Completed);
        assert_eq!(bench.output(), all(3), "{applied:?}");
        assert_eq!(bench.written().len(), delivered + 3, "{applied:?}");
    }
}

#[tokio::test]
async fn failed_finish_leaves_window_unfinished() {
    let bench = Bench::new(|asked| well(asked.page, 1)).await;
    bench
        .sink
        .fail(SinkCall::Finish, 1, Applied::All, unavailable());
    assert!(matches!(bench.run().await, Outcome::Yielded { .. }));
    assert_eq!(bench.window().await.status(), Status::Ready);
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!(bench.output(), all(1));
}

#[tokio::test]
async fn failed_prefetch_keeps_delivery() {
    let failed = Mutex::new(false);
    let bench = Bench::new(move |asked| {
        if asked.page == 1 && !std::mem::replace(&mut *failed.lock().unwrap(), true) {
            return Ok(response(429, &[("retry-after", "600")], "{}"));
        }
        well(asked.page, 3)
    })
    .await;
    let outcome = bench.run().await;
    assert!(
        matches!(
            outcome,
            Outcome::Yielded {
                not_before: Some(_),
                ..
            }
        ),
        "{outcome:?}"
    );
    let window = bench.window().await;
    assert_eq!(
        (window.page(), window.cursor().unwrap().token.as_str()),
        (1, "p1")
    );
    assert_eq!(bench.written(), names(0));
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!((bench.output(), bench.written()), (all(3), all(3)));
}

#[tokio::test]
async fn failed_delivery_discards_prefetched_page() {
    let bench = Bench::new(|asked| well(asked.page, 2)).await;
    bench
        .sink
        .fail(SinkCall::Write, 1, Applied::Nothing, unavailable());
    assert!(matches!(bench.run().await, Outcome::Yielded { .. }));
    assert_eq!(bench.asked(), ["-", "p1"]);
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!(bench.asked(), ["-", "p1", "-", "p1"]);
    assert_eq!(bench.output(), all(2));
}

#[tokio::test]
async fn token_of_other_request_is_not_used() {
    let bench = Bench::new(|asked| well(asked.page, 2)).await;
    checkpoint_another_request(&bench).await;
    let outcome = bench.run().await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert!(bench.asked().is_empty());
    let window = bench.window().await;
    assert_eq!(
        (window.cursor(), window.restarts(), window.page()),
        (None, 1, 1)
    );
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.asked(), ["-", "p1"]);
    assert_eq!(bench.output(), all(2));
}

/// Checkpoints one page of the window under a request that is no longer made.
async fn checkpoint_another_request(bench: &Bench) {
    let now = bench.clock.now();
    let claim = Claim {
        epoch: bench.window().await.epoch(),
        owner: Owner::from_random(1),
        lease_until: now.plus_ms(1),
        now,
    };
    let checkpoint = Checkpoint::from(PageMove {
        from: 0,
        cursor: Some(Cursor {
            token: "p1".to_owned(),
            request: "another".to_owned(),
        }),
        totals: PageTotals::default(),
        ordered: true,
        remembered: false,
        sink_position: None,
        page_ms: 0,
        now,
    });
    let release = Release {
        cause: Cause::Yielded,
        not_before: None,
        error: None,
        now,
    };
    let lease = bench.store.claim(&bench.id, &claim).await.unwrap();
    let lease = bench.store.checkpoint(&lease, &checkpoint).await.unwrap();
    bench.store.release(&lease, &release).await.unwrap();
}
