//! Restarts: rejected tokens, and pagers that repeat a token.

use std::sync::Mutex;

use windlass_core::{Status, limits};

use super::fake_vendor::{Asked, Response, all, names, page_of, response, well};
use super::harness::Bench;
use crate::Outcome;

/// Runs and ticks until the window is done or parked.
async fn run_to_the_end(bench: &Bench) {
    for _ in 0..100 {
        bench.tick().await;
        if let Status::Done | Status::Parked = bench.window().await.status() {
            return;
        }
        let outcome = bench.run_when_due().await;
        assert!(!matches!(outcome, Outcome::Fenced), "{outcome:?}");
    }
    panic!(
        "neither done nor parked after 100 runs: {:?}",
        bench.window().await
    );
}

#[tokio::test]
async fn rejected_token_restart_delivers_once() {
    let rejected = Mutex::new(false);
    let bench = Bench::new(move |asked| {
        if asked.page == 2 && !std::mem::replace(&mut *rejected.lock().unwrap(), true) {
            let body = r#"{"error":{"message":"Invalid pageToken"}}"#;
            return Ok(response(400, &[], body));
        }
        well(asked.page, 4)
    })
    .await;
    let outcome = bench.run().await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    let window = bench.window().await;
    assert_eq!(
        (window.page(), window.restarts(), window.cursor()),
        (2, 1, None)
    );
    assert_eq!((window.records(), window.attempts()), (0, 0));
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!(bench.output(), all(4));
    assert_eq!(bench.written(), [all(2), all(4)].concat());
    let window = bench.window().await;
    assert_eq!(
        (window.page(), window.restarts(), window.records()),
        (6, 1, 12)
    );
}

/// A vendor whose page 1 always has `next` as its next token.
fn leads_to(next: &'static str) -> impl Fn(&Asked) -> Response + Send + Sync {
    move |asked| match asked.page {
        0 => Ok(page_of(&names(0), Some("p1"))),
        1 => Ok(page_of(&names(1), Some(next))),
        page => Ok(page_of(&names(page), Some("p1"))),
    }
}

#[tokio::test]
async fn token_cycle_parks_window() {
    for (next, asked_each_run) in [("p1", 2), ("p2", 3)] {
        let bench = Bench::new(leads_to(next)).await;
        run_to_the_end(&bench).await;
        let window = bench.window().await;
        assert_eq!(window.status(), Status::Parked, "{next}");
        assert_eq!(window.restarts(), limits::RESTARTS_MAX + 1);
        let runs = usize::try_from(window.runs()).unwrap();
        assert_eq!(bench.asked().len(), runs * asked_each_run, "{next}");
        assert_eq!(window.runs(), limits::RESTARTS_MAX + 1);
        assert!(bench.output().is_empty());
        assert!(window.last_error().unwrap().contains("6 restarts"));
    }
}

#[tokio::test]
async fn cycle_to_resumed_token_is_detected() {
    let bench = Bench::new(leads_to("p2")).await;
    bench
        .run_for(crate::Deadline::killed_at(super::harness::after(1)))
        .await;
    assert_eq!(bench.window().await.cursor().unwrap().token, "p1");
    let outcome = bench.run().await;
    let Outcome::Failed { why } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(why.contains("form a cycle"), "{why}");
    assert_eq!(bench.asked(), ["-", "p1", "p2"]);
}

#[tokio::test]
async fn later_restarts_back_off() {
    let bench = Bench::new(leads_to("p2")).await;
    let mut waits = Vec::new();
    for _ in 0..4 {
        bench.run_when_due().await;
        let now = super::harness::after(0).plus_ms(waits.iter().sum());
        let not_before = bench.window().await.not_before().unwrap();
        waits.push(not_before.ms_since(now));
    }
    let first = limits::BACKOFF_MIN_MS;
    assert_eq!(waits, [0, first, 2 * first, 4 * first]);
}

#[tokio::test]
async fn too_large_response_splits_at_midpoint() {
    let bench = Bench::new(|_| Ok(response(413, &[], "{}"))).await;
    assert!(matches!(bench.run().await, Outcome::Failed { .. }));
    let window = bench.window().await;
    let middle = window.span().midpoint(1).unwrap();
    assert_eq!(
        (window.split().map(|split| split.at), window.attempts()),
        (Some(middle), 0)
    );
}

#[tokio::test]
async fn window_with_delivered_pages_is_not_split() {
    let bench = Bench::new(|asked| match asked.page {
        1 => Ok(response(413, &[], "{}")),
        page => well(page, 3),
    })
    .await;
    assert!(matches!(bench.run().await, Outcome::Failed { .. }));
    let window = bench.window().await;
    assert_eq!(
        (window.split().map(|split| split.at), window.page()),
        (None, 1)
    );
    assert_eq!(window.cursor().unwrap().token, "p1");
    assert!(window.not_before().is_some());
}

#[tokio::test]
async fn panic_counts_against_its_own_window() {
    let bench = Bench::new(|asked| {
        assert!(asked.page != 2, "a page that nobody can read");
        well(asked.page, 4)
    })
    .await;
    let outcome = bench.run().await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    // The panic came while page 1 was being delivered, and ended its delivery.
    let window = bench.window().await;
    assert_eq!((window.status(), window.page()), (Status::Ready, 1));
    run_to_the_end(&bench).await;
    let parked = bench.window().await;
    assert_eq!(
        (parked.status(), parked.attempts()),
        (Status::Parked, limits::ATTEMPTS_MAX)
    );
    assert!(parked.last_error().unwrap().contains("panicked"));
}
