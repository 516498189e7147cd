//! Splits at the frontier: of windows that repeatedly run out of time, and of those whose page
//! tokens are rejected midway.

use windlass_core::limits;
use windlass_core::source::{Order, Policy};
use windlass_core::time::MINUTE_MS;
use windlass_core::{Status, Timestamp, Window};

use super::fake_vendor::{Asked, Response, ordered, response, timed};
use super::harness::{Bench, Setting, after, definition};
use crate::{Deadline, Outcome};

/// A vendor that declares `order`, and a sink that is a stream.
fn strict(order: Order) -> Setting {
    let name = match order {
        Order::OldestFirst => "oldest_first",
        Order::NewestFirst => "newest_first",
    };
    Setting {
        manifest: ordered(name),
        policy: Policy {
            strict_order: Some(order),
            ..definition().policy
        },
        is_stream: true,
        ..Setting::default()
    }
}

/// A vendor with one record every `step` minutes from minute `first`; pages without end.
fn every(first: i64, step: i64) -> impl Fn(&Asked) -> Response + Send + Sync {
    move |asked| {
        let page = i64::try_from(asked.page).unwrap();
        let names = [format!("{page}.0"), format!("{page}.1")];
        let at = |record: i64| first + step * (2 * page + record);
        let next = format!("p{}", page + 1);
        timed(&[(&names[0], at(0)), (&names[1], at(1))], Some(&next))
    }
}

fn minute(bench: &Bench, minute: i64) -> Timestamp {
    bench.id.from.plus_ms(minute * MINUTE_MS)
}

/// A run that has time for one page.
async fn run_out_of_time(bench: &Bench) -> Window {
    let deadline = Deadline::killed_at(after(limits::DEADLINE_MARGIN_MS));
    let outcome = bench.run_for(deadline).await;
    assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
    bench.window().await
}

#[tokio::test]
async fn repeated_overruns_split_at_frontier() {
    use windlass_core::window::Delivered::{After, Before};
    for (order, vendor, at, delivered) in [
        // The last of six records; its minute may have more.
        (Order::OldestFirst, every(0, 2), 10 * MINUTE_MS, Before),
        // One unit after it: everything later is delivered.
        (Order::NewestFirst, every(58, -2), 48 * MINUTE_MS + 1, After),
    ] {
        let bench = Bench::with(strict(order), vendor).await;
        for overruns in 1..limits::OVERRUNS_BEFORE_SPLIT {
            let window = run_out_of_time(&bench).await;
            assert_eq!(
                (window.overruns(), window.split().map(|split| split.at)),
                (overruns, None)
            );
            assert_eq!((window.attempts(), window.last_error()), (0, None));
        }
        let window = run_out_of_time(&bench).await;
        let split = window.split().unwrap();
        assert_eq!(split.at.ms_since(bench.id.from), at, "{order:?}");
        assert_eq!(split.delivered, delivered);
        assert!(!window.is_claimable(after(0)));
    }
}

#[tokio::test]
async fn window_needing_one_more_run_is_not_split() {
    let bench = Bench::with(strict(Order::OldestFirst), every(0, 9)).await;
    for _ in 0..limits::OVERRUNS_BEFORE_SPLIT {
        run_out_of_time(&bench).await;
    }
    assert_eq!(bench.window().await.split(), None);
}

#[tokio::test]
async fn stopped_run_is_no_overrun() {
    let bench = Bench::with(strict(Order::OldestFirst), every(0, 2)).await;
    let stop = bench.stop.clone();
    let worker = bench.worker_with(move |operation, _| {
        if operation == windlass_state::failing::Operation::Checkpoint {
            stop.request();
        }
        windlass_state::failing::Fault::None
    });
    worker.run(&bench.task().await, Deadline::NONE).await;
    let window = bench.window().await;
    assert_eq!((window.page(), window.overruns()), (1, 0));
}

/// The pages of `vendor`, except for page 2, which is rejected.
fn rejecting(
    vendor: impl Fn(&Asked) -> Response + Send + Sync,
) -> impl Fn(&Asked) -> Response + Send + Sync {
    move |asked| match asked.page {
        2 => Ok(response(410, &[], "{}")),
        _ => vendor(asked),
    }
}

#[tokio::test]
async fn rejected_token_splits_only_ordered_window() {
    let at_minute_six = Some(6);
    let jumbled = |asked: &Asked| match asked.page {
        // Each page is in order, and the second begins before the first ends.
        0 => timed(&[("a", 0), ("b", 20)], Some("p1")),
        _ => timed(&[("c", 10), ("d", 30)], Some("p2")),
    };
    let timeless = |asked: &Asked| {
        let next = Some(if asked.page == 0 { "p1" } else { "p2" });
        let names = super::fake_vendor::names(asked.page);
        Ok(super::fake_vendor::page_of(&names, next))
    };
    let of_files = Setting {
        is_stream: false,
        ..strict(Order::OldestFirst)
    };
    let undeclared = Setting {
        policy: definition().policy,
        ..strict(Order::OldestFirst)
    };
    let strict = || strict(Order::OldestFirst);
    let benches = [
        (
            Bench::with(strict(), rejecting(every(0, 2))).await,
            at_minute_six,
        ),
        (Bench::with(strict(), rejecting(jumbled)).await, None),
        (Bench::with(strict(), rejecting(timeless)).await, None),
        (Bench::with(undeclared, rejecting(every(0, 2))).await, None),
        // Files are taken back when a window restarts, so nothing of it stays delivered.
        (Bench::with(of_files, rejecting(every(0, 2))).await, None),
    ];
    for (number, (bench, at)) in benches.into_iter().enumerate() {
        let outcome = bench.run().await;
        assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
        let window = bench.window().await;
        let expected = at.map(|at| minute(&bench, at));
        assert_eq!(window.split().map(|split| split.at), expected, "{number}");
        assert_eq!(window.restarts(), u32::from(at.is_none()), "{number}");
        assert_eq!(window.cursor().is_some(), at.is_some(), "{number}");
        assert_eq!((window.status(), window.page()), (Status::Ready, 2));
        assert!(window.not_before().is_some() && window.last_error().is_some());
    }
}

#[tokio::test]
async fn token_cycle_splits_ordered_window() {
    let circling = |asked: &Asked| match asked.page {
        0 => timed(&[("a", 0)], Some("p1")),
        1 => timed(&[("b", 5)], Some("p2")),
        _ => timed(&[("c", 7)], Some("p1")),
    };
    let bench = Bench::with(strict(Order::OldestFirst), circling).await;
    assert!(matches!(bench.run().await, Outcome::Failed { .. }));
    let window = bench.window().await;
    assert_eq!(
        window.split().map(|split| split.at),
        Some(minute(&bench, 5))
    );
    assert_eq!(window.restarts(), 0);
}

#[tokio::test]
async fn killed_run_splits_ordered_one_time_token_window() {
    let strict = strict(Order::OldestFirst);
    let once = Setting {
        manifest: strict.manifest.replace("  replayable: true\n", ""),
        ..strict
    };
    let bench = Bench::with(once, every(0, 2)).await;
    super::once::killed_after_a_page(&bench).await;
    assert!(matches!(bench.run().await, Outcome::Failed { .. }));
    let window = bench.window().await;
    assert_eq!(
        window.split().map(|split| split.at),
        Some(minute(&bench, 2))
    );
    assert_eq!(bench.asked(), ["-"]);
}
