//! Quotas and request rates: sleeps, stored cooldowns, and the sources that share them.

use windlass_core::time::{HOUR_MS, SECOND_MS};
use windlass_core::{Clock as _, Status};

use super::fake_vendor::{Asked, Response, all, names, page_of, response, well};
use super::harness::{Bench, after, only};
use crate::{Deadline, Outcome};

/// Returns HTTP 429 to the first request and serves the next ones.
fn slow_down_once(wait: &'static str) -> impl Fn(&Asked) -> Response + Send + Sync {
    move |asked| match asked.number {
        1 => Ok(response(429, &[("retry-after", wait)], "{}")),
        _ => well(asked.page, 2),
    }
}

/// P5 polite: workers of a rate group share one request rate, and a long wait is stored, not slept.
#[tokio::test]
async fn long_wait_becomes_group_cooldown() {
    for wait in ["3600", "31536000"] {
        let bench = Bench::new(slow_down_once(wait)).await;
        let outcome = bench.run().await;
        let until = Some(after(HOUR_MS));
        assert!(
            matches!(outcome, Outcome::Yielded { not_before, .. } if not_before == until),
            "{outcome:?}"
        );
        let window = bench.window().await;
        assert_eq!(
            (window.status(), window.not_before()),
            (Status::Ready, until)
        );
        assert_eq!((window.attempts(), window.setbacks()), (0, 0));
        assert_eq!(bench.cooldown().await.unwrap().not_before, after(HOUR_MS));
        assert_eq!(bench.asked().len(), 1);
        assert!(bench.clock.slept_ms() < SECOND_MS);
        assert_eq!(bench.run_when_due().await, Outcome::Completed);
    }
}

#[tokio::test]
async fn short_wait_is_slept_through() {
    let bench = Bench::new(slow_down_once("3")).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.clock.slept_ms(), 3_000);
    assert_eq!(bench.asked(), ["-", "-", "p1"]);
    assert_eq!((bench.output(), bench.cooldown().await), (all(2), None));
}

#[tokio::test]
async fn http_429_without_wait_grows_cooldown() {
    let bench = Bench::new(|_| Ok(response(429, &[], "{}"))).await;
    let mut waits = Vec::new();
    for _ in 0..6 {
        assert!(matches!(
            bench.run_when_due().await,
            Outcome::Yielded { .. }
        ));
        let cooldown = bench.cooldown().await.unwrap();
        waits.push(cooldown.not_before.ms_since(bench.clock.now()));
    }
    assert!(waits[5] > 8 * waits[0], "{waits:?}");
    assert_eq!(bench.window().await.attempts(), 0);
}

#[tokio::test]
async fn active_cooldown_sends_no_request() {
    let bench = Bench::new(slow_down_once("3600")).await;
    bench.run().await;
    bench.clock.advance_ms(HOUR_MS - 1);
    let id = bench.create(1).await;
    let other = Bench { id, ..bench };
    let outcome = other.run().await;
    let until = Some(after(HOUR_MS));
    assert!(
        matches!(outcome, Outcome::Yielded { not_before, .. } if not_before == until),
        "{outcome:?}"
    );
    assert_eq!(
        (other.asked().len(), other.window().await.attempts()),
        (1, 0)
    );
    other.clock.advance_ms(1);
    assert_eq!(other.run().await, Outcome::Completed);
}

#[tokio::test]
async fn declared_request_rate_spaces_requests() {
    let mut bench = Bench::new(|asked| well(asked.page, 4)).await;
    bench.rate = Some(60);
    assert_eq!(bench.run().await, Outcome::Completed);
    // A twentieth further apart than even, like the reservations that several processes share.
    assert_eq!(bench.clock.slept_ms(), 3_150);
    assert_eq!(bench.output(), all(4));
}

/// Milliseconds between requests at one request per minute.
const SLOW_MS: i64 = 63_000;

#[tokio::test]
async fn slow_request_rate_sets_cooldown_per_page() {
    let mut bench = Bench::new(|asked| well(asked.page, 3)).await;
    bench.rate = Some(1);
    for page in 1..=2 {
        assert!(matches!(bench.run().await, Outcome::Yielded { .. }));
        let window = bench.window().await;
        assert_eq!(
            (window.page(), bench.asked().len()),
            (page, page.try_into().unwrap())
        );
        let cooldown = bench.cooldown().await.unwrap();
        assert_eq!(cooldown.not_before.ms_since(bench.clock.now()), SLOW_MS);
        assert_eq!(cooldown.reason, "its configured request rate");
        bench.wait_until_due().await;
    }
    assert_eq!(bench.run().await, Outcome::Completed);
    let cooldown = bench.cooldown().await.unwrap();
    assert_eq!(cooldown.not_before.ms_since(bench.clock.now()), SLOW_MS);
    assert_eq!((bench.output(), bench.clock.slept_ms()), (all(3), 0));
}

#[tokio::test]
async fn slow_request_rate_admits_one_of_two_workers() {
    let mut bench = Bench::new(|asked| well(asked.page, 1)).await;
    bench.rate = Some(1);
    let worker = bench.worker(bench.store.clone());
    let first = bench.task().await;
    let second = windlass_core::task::Task {
        windows: vec![windlass_core::task::TaskWindow {
            id: bench.create(1).await,
            epoch: 1,
        }],
        ..first.clone()
    };
    let (first, second) = futures_util::future::join(
        worker.run(&first, Deadline::NONE),
        worker.run(&second, Deadline::NONE),
    )
    .await;
    assert_eq!(only(first), Outcome::Completed);
    let until = Some(after(SLOW_MS));
    let second = only(second);
    assert!(
        matches!(second, Outcome::Yielded { not_before, .. } if not_before == until),
        "{second:?}"
    );
    assert_eq!(bench.asked(), ["-"]);
}

#[tokio::test]
async fn slow_request_rate_holds_for_failing_requests() {
    let mut bench = Bench::new(|_| Ok(response(503, &[], "{}"))).await;
    bench.rate = Some(1);
    assert!(matches!(bench.run().await, Outcome::Yielded { .. }));
    assert_eq!(bench.asked().len(), 1);
    assert_eq!(bench.cooldown().await.unwrap().not_before, after(SLOW_MS));
}

#[tokio::test]
async fn spent_quota_sets_cooldown_after_checkpoint() {
    let bench = Bench::new(|asked| match asked.page {
        0 => {
            let page = page_of(&names(0), Some("p1"));
            let body = String::from_utf8(page.body.to_vec()).unwrap();
            let headers = [("x-remaining", "0"), ("x-reset", "120")];
            Ok(response(200, &headers, &body))
        }
        page => well(page, 2),
    })
    .await;
    assert!(matches!(bench.run().await, Outcome::Yielded { .. }));
    assert_eq!(bench.window().await.page(), 1);
    assert_eq!(bench.cooldown().await.unwrap().not_before, after(120_000));
    assert_eq!(bench.asked(), ["-"]);
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!((bench.output(), bench.written()), (all(2), all(2)));
}

#[tokio::test]
async fn quota_spent_by_last_page_sets_cooldown() {
    let bench = Bench::new(|_| {
        let page = page_of(&names(0), None);
        let body = String::from_utf8(page.body.to_vec()).unwrap();
        let headers = [("x-remaining", "0"), ("x-reset", "120")];
        Ok(response(200, &headers, &body))
    })
    .await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.cooldown().await.unwrap().not_before, after(120_000));
}
