//! Blocked sources: rejections that pass, probes, and the page that ends a block.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use windlass_core::{Clock as _, Status, limits};
use windlass_sink::SinkError;
use windlass_sink::failing::{Applied, SinkCall};

use super::fake_vendor::{all, response, well};
use super::harness::Bench;
use crate::{AdapterError, Outcome};

/// A vendor that rejects the credentials until the flag is set.
async fn refusing() -> (Bench, Arc<AtomicBool>) {
    let is_cured = Arc::new(AtomicBool::new(false));
    let cured = Arc::clone(&is_cured);
    let bench = Bench::new(move |asked| {
        if cured.load(Ordering::SeqCst) {
            well(asked.page, 3)
        } else {
            Ok(response(401, &[], "{}"))
        }
    });
    (bench.await, is_cured)
}

#[tokio::test]
async fn failed_probe_costs_one_request() {
    let (bench, _) = refusing().await;
    bench.run().await;
    let first = bench.source().await.blocked.unwrap();
    for requests in 2..=40 {
        let blocked = bench.source().await.blocked.unwrap();
        assert_eq!(blocked.since, first.since);
        let outcome = bench.run().await;
        assert!(
            matches!(outcome, Outcome::Yielded { .. }),
            "not due: {outcome:?}"
        );
        let wait_ms = blocked.probe_at.ms_since(bench.clock.now());
        bench.clock.advance_ms(wait_ms);
        let outcome = bench.run().await;
        assert!(matches!(outcome, Outcome::Blocked { .. }), "{outcome:?}");
        assert_eq!(bench.asked().len(), requests);
    }
    let blocked = bench.source().await.blocked.unwrap();
    let wait_ms = blocked.probe_at.ms_since(bench.clock.now());
    assert_eq!(wait_ms, limits::PROBE_SLOW_MS);
    assert_eq!(bench.window().await.attempts(), 0);
}

#[tokio::test]
async fn first_probed_page_ends_block() {
    let (bench, is_cured) = refusing().await;
    bench.run().await;
    is_cured.store(true, Ordering::SeqCst);
    bench.clock.advance_ms(limits::PROBE_MS);
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.source().await.blocked, None);
    assert_eq!((bench.output(), bench.written()), (all(3), all(3)));
}

#[tokio::test]
async fn one_of_two_workers_probes() {
    let (bench, _) = refusing().await;
    bench.run().await;
    let other = bench.create(1).await;
    bench.clock.advance_ms(limits::PROBE_MS);
    let task = bench.task().await;
    let mut of_other = task.clone();
    of_other.windows[0].id = other;
    of_other.windows[0].epoch = 0;
    let (one, two) = (
        bench.worker(bench.store.clone()),
        bench.worker(bench.store.clone()),
    );
    tokio::join!(
        one.run_named(&task, crate::Deadline::NONE),
        two.run_named(&of_other, crate::Deadline::NONE),
    );
    assert_eq!(
        bench.asked().len(),
        2,
        "one before the block, and one probe"
    );
}

#[tokio::test]
async fn persistently_denied_sink_blocks_source() {
    let (sink, problem) = ("memory".to_owned(), "scripted failure".to_owned());
    let error = SinkError::Denied { sink, problem };
    let bench = Bench::new(|asked| well(asked.page, 2)).await;
    let began = bench.clock.now();
    for run in 1..=limits::REFUSALS_BEFORE_BLOCK {
        let number = run.into();
        bench
            .sink
            .fail(SinkCall::Write, number, Applied::Nothing, error.clone());
        let outcome = bench.run_when_due().await;
        assert!(
            matches!(outcome, Outcome::Yielded { .. }),
            "{run}: {outcome:?}"
        );
        assert_eq!(bench.source().await.blocked, None);
    }
    let number = (limits::REFUSALS_BEFORE_BLOCK + 1).into();
    bench
        .sink
        .fail(SinkCall::Write, number, Applied::Nothing, error.clone());
    let outcome = bench.run_when_due().await;
    assert!(matches!(outcome, Outcome::Blocked { .. }), "{outcome:?}");
    let blocked = bench.source().await.blocked.unwrap();
    assert_eq!(blocked.reason, error.to_string());
    let minutes = blocked.since.ms_since(began) / 60_000;
    assert!((2..=6).contains(&minutes), "{minutes}");
    bench.clock.advance_ms(limits::PROBE_MS);
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(
        (bench.source().await.blocked, bench.output()),
        (None, all(2))
    );
}

#[tokio::test]
async fn full_sink_is_probed_every_minute() {
    let (sink, problem) = ("memory".to_owned(), "scripted failure".to_owned());
    let bench = Bench::new(|asked| well(asked.page, 2)).await;
    for number in 1..=3 {
        let error = SinkError::Full {
            sink: sink.clone(),
            problem: problem.clone(),
        };
        bench
            .sink
            .fail(SinkCall::Write, number, Applied::Nothing, error);
        let outcome = bench.run().await;
        assert!(matches!(outcome, Outcome::Blocked { .. }), "{outcome:?}");
        bench.clock.advance_ms(limits::PROBE_LOCAL_MS);
    }
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.source().await.blocked, None);
}

#[tokio::test]
async fn briefly_denied_secret_blocks_no_source() {
    let mut bench = Bench::new(|asked| well(asked.page, 1)).await;
    let problem = "`ssm:okta`: access denied".to_owned();
    bench.factory.problem = Some(AdapterError::Denied(problem.clone()));
    for _ in 0..limits::REFUSALS_BEFORE_BLOCK {
        let outcome = bench.run_when_due().await;
        assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
    }
    assert_eq!(bench.source().await.blocked, None);
    let outcome = bench.run_when_due().await;
    assert!(matches!(outcome, Outcome::Blocked { .. }), "{outcome:?}");
    assert_eq!(bench.source().await.blocked.unwrap().reason, problem);
    assert_eq!(bench.window().await.status(), Status::Ready);
    bench.factory.problem = None;
    bench.clock.advance_ms(limits::PROBE_MS);
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.source().await.blocked, None);
}
