//! Failing vendors: outages, unusable responses, and the log of both.

use windlass_connectors::http::TransportError;
use windlass_core::{Status, limits};

use super::fake_vendor::{all, response, well};
use super::harness::{Bench, CANARY};
use crate::Outcome;

#[tokio::test]
async fn garbage_is_retried_then_counts_as_attempt() {
    let bench = Bench::new(|_| Ok(response(200, &[], "<html>maintenance</html>"))).await;
    let outcome = bench.run().await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(bench.asked().len(), limits::PAGE_TRIES_MAX);
    let window = bench.window().await;
    assert_eq!((window.attempts(), window.setbacks()), (1, 1));
    assert!(window.not_before().is_some() && window.last_error().is_some());
    for _ in 1..limits::ATTEMPTS_MAX {
        bench.run_when_due().await;
    }
    bench.tick().await;
    assert_eq!(bench.window().await.status(), Status::Parked);
}

#[tokio::test]
async fn transient_garbage_is_not_counted() {
    let bench = Bench::new(|asked| match asked.number {
        1..=4 => Ok(response(200, &[], "{")),
        _ => well(asked.page, 2),
    })
    .await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(
        (bench.output(), bench.window().await.attempts()),
        (all(2), 0)
    );
}

#[tokio::test]
async fn outage_never_parks_and_backs_off() {
    let bench = Bench::new(|asked| match asked.number % 2 {
        0 => Err(TransportError::Interrupted("scripted".to_owned())),
        _ => Ok(response(503, &[], "{}")),
    })
    .await;
    let mut waits = Vec::new();
    for run in 1..=20 {
        let outcome = bench.run_when_due().await;
        let Outcome::Yielded { not_before, .. } = outcome else {
            panic!("{outcome:?}")
        };
        let now = windlass_core::Clock::now(&*bench.clock);
        waits.push(not_before.unwrap().ms_since(now));
        bench.tick().await;
        let window = bench.window().await;
        assert_eq!((window.status(), window.attempts()), (Status::Ready, 0));
        assert_eq!(window.setbacks(), run);
    }
    assert!(waits.is_sorted_by(|a, b| *a <= b * 2), "{waits:?}");
    assert!(waits[0] <= limits::BACKOFF_MIN_MS);
    assert!(waits[19] >= limits::BACKOFF_MAX_MS / 2);
    assert_eq!(bench.asked().len(), 20 * limits::PAGE_TRIES_MAX);
}

#[tokio::test]
async fn zero_retry_after_still_backs_off() {
    let bench = Bench::new(|_| Ok(response(503, &[("retry-after", "0")], "{}"))).await;
    bench.create_windows(1).await;
    bench.run().await;
    let window = bench.window().await;
    let wait_ms = window.not_before().unwrap().ms_since(window.updated_at());
    assert!(wait_ms >= limits::BACKOFF_MIN_MS / 2, "{wait_ms}");
    assert_eq!(bench.asked().len(), limits::PAGE_TRIES_MAX);
}

#[tokio::test]
async fn progress_forgives_earlier_setbacks() {
    let bench = Bench::new(|asked| match asked.number {
        1..=5 => Ok(response(500, &[], "{}")),
        _ => well(asked.page, 2),
    })
    .await;
    bench.run().await;
    assert_eq!(bench.window().await.setbacks(), 1);
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!(bench.window().await.setbacks(), 0);
}

#[tokio::test]
async fn secret_echoed_by_vendor_is_never_stored() {
    for status in [403, 500, 200] {
        let bench = Bench::new(move |_| {
            let body = format!(r#"{{"error":{{"message":"bad token {CANARY}"}},"items":7}}"#);
            Ok(response(status, &[], &body))
        })
        .await;
        let outcome = bench.run().await;
        let stored = format!("{:?} {:?}", bench.window().await, bench.source().await);
        let said = format!("{outcome:?}");
        assert!(!matches!(outcome, Outcome::Completed), "{status}");
        assert!(
            !stored.contains(CANARY) && !said.contains(CANARY),
            "{status}"
        );
        if status != 200 {
            assert!(stored.contains("bad token"), "{status}: {stored}");
        }
    }
}

/// A hanging vendor holds a worker for one timeout: the window waits, and the worker is free.
#[tokio::test]
async fn timed_out_request_is_not_retried_within_run() {
    let bench = Bench::new(|asked| match asked.number {
        1 => Err(TransportError::Timeout("scripted".to_owned())),
        _ => well(asked.page, 2),
    })
    .await;
    let outcome = bench.run().await;
    assert!(
        matches!(&outcome, Outcome::Yielded { not_before: Some(_), why } if why.contains("timed out")),
        "{outcome:?}"
    );
    assert_eq!(bench.asked(), ["-"]);
    let window = bench.window().await;
    assert_eq!((window.attempts(), window.setbacks()), (0, 1));
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!(bench.output(), all(2));
}
