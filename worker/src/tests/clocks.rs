//! Clocks and deadlines: the vendor clock, the machine clock, and the deadline of the process.

use std::sync::{Arc, OnceLock};

use windlass_core::clock::ManualClock;
use windlass_core::{Clock as _, Status};

use super::fake_vendor::{Asked, Response, all, names, well};
use super::harness::{Bench, SETTLE_MS, after};
use crate::{Deadline, Outcome};

/// A response with its `Date` replaced, or removed.
fn dated(response: Response, date: Option<&str>) -> Response {
    response.map(|mut response| {
        response.headers = date.iter().map(|date| ("date", *date)).collect();
        response
    })
}

#[tokio::test]
async fn window_ahead_of_vendor_clock_is_not_delivered() {
    // The window ends at 01:00 and is settled ten minutes later.
    let bench = Bench::new(|asked| match asked.number {
        1 => dated(well(asked.page, 1), Some("Thu, 01 Jan 2026 01:09:58 GMT")),
        _ => dated(well(asked.page, 1), Some("Thu, 01 Jan 2026 01:10:00 GMT")),
    })
    .await;
    let outcome = bench.run().await;
    let until = Some(after(2_000));
    assert!(
        matches!(outcome, Outcome::Yielded { not_before, .. } if not_before == until),
        "{outcome:?}"
    );
    let window = bench.window().await;
    assert_eq!(
        (window.status(), window.not_before()),
        (Status::Ready, until)
    );
    assert_eq!(
        (window.page(), window.attempts(), bench.written().len()),
        (0, 0, 0)
    );
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
}

#[tokio::test]
async fn machine_clock_decides_without_vendor_clock() {
    let bench = Bench::new(|asked| dated(well(asked.page, 1), None)).await;
    let filled = bench.window().await.to().plus_ms(SETTLE_MS);
    bench.clock.advance_ms(filled.ms_since(after(0)) - 1);
    assert!(matches!(bench.run().await, Outcome::Yielded { .. }));
    assert_eq!(bench.window().await.not_before(), Some(filled));
    bench.clock.advance_ms(1);
    assert_eq!(bench.run().await, Outcome::Completed);
}

/// A vendor that takes `page_ms` for a page, on the clock that it receives later.
fn takes_ms(
    page_ms: i64,
    count: usize,
) -> (Arc<OnceLock<Arc<ManualClock>>>, impl Fn(&Asked) -> Response) {
    let clock: Arc<OnceLock<Arc<ManualClock>>> = Arc::default();
    let given = Arc::clone(&clock);
    let vendor = move |asked: &Asked| {
        given.get().unwrap().advance_ms(page_ms);
        well(asked.page, count)
    };
    (clock, vendor)
}

#[tokio::test]
async fn run_at_deadline_releases_window_with_cursor() {
    let (clock, vendor) = takes_ms(20_000, 9);
    let bench = Bench::new(vendor).await;
    clock.set(Arc::clone(&bench.clock)).unwrap();
    let outcome = bench.run_for(Deadline::killed_at(after(190_000))).await;
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
    // This clock counts the prefetch as part of the delivery, so a page takes 40 s. Pages begin
    // while more than a margin of two of those and one page more are left: until 70 s.
    assert_eq!((window.page(), window.slowest_page_ms()), (3, 40_000));
    assert_eq!(window.cursor().unwrap().token, "p3");
    assert_eq!((window.status(), window.attempts()), (Status::Ready, 0));
    let before = bench.asked().len();
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.asked()[before], "p3");
    assert_eq!((bench.output(), bench.written()), (all(9), all(9)));
}

/// P3 progress: a run tries a page before its deadline ends it, and keeps its delivered pages.
#[tokio::test]
async fn run_tries_one_page_despite_deadline() {
    let bench = Bench::new(|asked| well(asked.page, 3)).await;
    for page in 1..=2 {
        let deadline = bench.clock.now().plus_ms(1);
        let outcome = bench.run_for(Deadline::killed_at(deadline)).await;
        assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
        assert_eq!(bench.window().await.page(), page);
    }
    let deadline = bench.clock.now();
    assert_eq!(
        bench.run_for(Deadline::killed_at(deadline)).await,
        Outcome::Completed
    );
    assert_eq!(
        (bench.output(), bench.asked()),
        (all(3), ["-", "p1", "p2"].map(String::from).to_vec())
    );
    assert_eq!(bench.written()[..3], names(0));
}
