//! The machine clock and the vendor clock: which one is trusted, and the log of their difference.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use windlass_core::clock::Clock as _;
use windlass_core::source::Policy;
use windlass_core::task::Task;
use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use windlass_core::trust::{ClockOffset, WhoseClock};
use windlass_core::{Status, Timestamp};
use windlass_state::StateStore as _;
use windlass_state::failing::{Fault, Operation};

use super::fake_vendor::{Response, all, response, well};
use super::harness::{Bench, SETTLE_MS, Setting, definition, only};
use crate::{Deadline, Outcome};

/// The response of `well`, served at an instant of the vendor clock.
fn served(page: usize, count: usize, at: Timestamp) -> Response {
    let date = httpdate(at);
    well(page, count).map(|mut response| {
        response.headers = [("date", date.as_str())].into_iter().collect();
        response
    })
}

fn httpdate(at: Timestamp) -> String {
    at.to_datetime()
        .format("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

/// The end of the bench's window, plus `settle`.
fn filled() -> Timestamp {
    let end: Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
    end.plus_ms(SETTLE_MS)
}

/// A bench whose machine clock shows `ours`, and whose vendor clock shows `vendor`.
async fn bench(ours: Timestamp, vendor: Timestamp, choice: Option<WhoseClock>) -> Bench {
    let policy = Policy {
        clock: choice,
        ..definition().policy
    };
    let setting = Setting {
        policy,
        ..Setting::default()
    };
    let bench = Bench::with(setting, move |asked| served(asked.page, 2, vendor)).await;
    bench.clock.advance_ms(ours.ms_since(bench.clock.now()));
    bench
}

async fn run_as(bench: &Bench, witnesses: Vec<ClockOffset>) -> Outcome {
    let task = Task {
        witnesses,
        ..bench.task().await
    };
    let worker = bench.worker(bench.store.clone());
    only(worker.run(&task, Deadline::NONE).await)
}

fn witness(bench: &Bench, offset_ms: i64) -> ClockOffset {
    ClockOffset {
        offset_ms: Some(offset_ms),
        observed_at: bench.clock.now(),
    }
}

#[tokio::test]
async fn window_completes_by_earlier_clock() {
    let (early, late) = (filled().minus_ms(2 * MINUTE_MS), filled().plus_ms(HOUR_MS));
    for (ours, vendor) in [(early, late), (late, early)] {
        let bench = bench(ours, vendor, None).await;
        let outcome = bench.run().await;
        let until = Some(ours.plus_ms(2 * MINUTE_MS));
        assert!(
            matches!(outcome, Outcome::Yielded { not_before, .. } if not_before == until),
            "{outcome:?}"
        );
        assert!(bench.written().is_empty());
    }
    let bench = bench(late, late.plus_ms(HOUR_MS), None).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.window().await.done_at(), Some(late));
}

/// P1: a clock that is days off completes nothing until something shows which one is right.
#[tokio::test]
async fn disputed_clocks_complete_nothing_without_witness() {
    let right = filled().plus_ms(HOUR_MS);
    for (ours, vendor) in [
        (right.plus_ms(200 * DAY_MS), right),
        (right.plus_ms(DAY_MS + 1_000), right),
        (right, right.plus_ms(200 * DAY_MS)),
    ] {
        let bench = bench(ours, vendor, None).await;
        let outcome = bench.run().await;
        assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
        let window = bench.window().await;
        assert_eq!((window.status(), window.attempts()), (Status::Ready, 0));
        let error = window.last_error().unwrap();
        for shown in [ours, vendor] {
            let shown = shown.to_string().replace(".000Z", "Z");
            assert!(error.contains(&shown), "{error}");
        }
        assert!(error.contains("`clock: ours`"), "{error}");
        assert!(bench.written().is_empty());
    }
}

#[tokio::test]
async fn witnesses_or_operator_settle_disputed_clocks() {
    let right = filled().plus_ms(HOUR_MS);
    let wrong = right.plus_ms(200 * DAY_MS);
    // The machine clock is wrong, as another vendor shows.
    let ahead = bench(wrong, right, None).await;
    let theirs = witness(&ahead, -200 * DAY_MS);
    assert_eq!(run_as(&ahead, vec![theirs]).await, Outcome::Completed);
    assert_eq!(ahead.window().await.done_at(), Some(right));
    // The vendor clock is wrong.
    let years_behind = bench(right, filled().minus_ms(2_000 * DAY_MS), None).await;
    let ours = witness(&years_behind, 0);
    assert_eq!(run_as(&years_behind, vec![ours]).await, Outcome::Completed);
    // The operator has decided, against every witness.
    let chosen = bench(right, wrong, Some(WhoseClock::Ours)).await;
    let against = witness(&chosen, 200 * DAY_MS);
    assert_eq!(run_as(&chosen, vec![against]).await, Outcome::Completed);
    let chosen = bench(wrong, right, Some(WhoseClock::Vendor)).await;
    assert_eq!(run_as(&chosen, Vec::new()).await, Outcome::Completed);
    assert_eq!((chosen.output(), chosen.written()), (all(2), all(2)));
}

#[tokio::test]
async fn vendor_clock_is_stored_once_not_per_page() {
    let right = filled().plus_ms(HOUR_MS);
    let bench = bench(right.plus_ms(10 * MINUTE_MS), right, None).await;
    let log = bench.log.clone();
    let worker = bench.worker_with(move |operation, _| {
        if operation == Operation::StoreClock {
            log.push("stored".to_owned());
        }
        Fault::None
    });
    let stored = || {
        bench
            .log
            .events()
            .iter()
            .filter(|it| *it == "stored")
            .count()
    };
    worker.run(&bench.task().await, Deadline::NONE).await;
    assert_eq!((stored(), bench.asked().len()), (1, 2));
    let group = &bench.definition.policy.rate_group;
    let clock = bench.store.rate_state(group).await.unwrap().clock.unwrap();
    assert_eq!(clock.offset_ms, Some(-10 * MINUTE_MS));
    let origin = bench.store.rate_state(group).await.unwrap().origin;
    assert!(origin.unwrap().starts_with("https://"));
    // Another process reads it from the state.
    let id = bench.create(-2).await;
    let task = Task {
        windows: vec![windlass_core::task::TaskWindow { id, epoch: 1 }],
        ..bench.task().await
    };
    worker.run(&task, Deadline::NONE).await;
    assert_eq!(stored(), 1);
}

/// A rejection of time beyond the retention does not block the source.
#[tokio::test]
async fn rejection_before_retention_does_not_block() {
    let date = ("date", "Fri, 02 Jan 2026 00:00:00 GMT");
    for (kept_ms, blocks) in [(12 * HOUR_MS, false), (48 * HOUR_MS, true)] {
        let policy = Policy {
            max_lookback_ms: Some(kept_ms),
            ..definition().policy
        };
        let setting = Setting {
            policy,
            ..Setting::default()
        };
        let bench = Bench::with(setting, move |_| Ok(response(400, &[date], "{}"))).await;
        let outcome = bench.run().await;
        let blocked = matches!(outcome, Outcome::Blocked { .. });
        assert_eq!(blocked, blocks, "{outcome:?}");
        let window = bench.window().await;
        let error = window.last_error().unwrap_or_default();
        assert_eq!(error.contains("retention"), !blocks, "{error}");
    }
}

/// The retained part of a window that begins before the retention is not skipped with the rest.
#[tokio::test]
async fn window_splits_at_retention_start() {
    let date = ("date", "Fri, 02 Jan 2026 00:00:00 GMT");
    let policy = Policy {
        // The retention begins ten minutes after the window, which is an hour wide.
        max_lookback_ms: Some(23 * HOUR_MS + 50 * MINUTE_MS),
        ..definition().policy
    };
    let setting = Setting {
        policy,
        ..Setting::default()
    };
    let bench = Bench::with(setting, move |_| Ok(response(400, &[date], "{}"))).await;
    bench.run().await;
    let window = bench.window().await;
    assert_eq!(
        window.split().map(|split| split.at),
        Some(window.id().from.plus_ms(15 * MINUTE_MS)),
        "{window:?}"
    );
}

/// P1: a gateway that fails in the vendor's place does not show the vendor's clock.
#[tokio::test]
async fn outage_date_is_not_vendor_clock() {
    let date = ("date", "Fri, 01 Jan 2027 00:00:00 GMT");
    let bench = Bench::new(move |_| Ok(response(503, &[date], "{}"))).await;
    bench.run().await;
    let group = &bench.definition.policy.rate_group;
    let stored = bench.store.rate_state(group).await.unwrap();
    assert_eq!((stored.clock, stored.origin), (None, None));
}

/// P1: no jump of this machine's clock completes a window while responses show no time: the time of the
/// last one that did is counted on.
#[tokio::test]
async fn dateless_page_continues_from_last_vendor_date() {
    let right = filled().minus_ms(2 * MINUTE_MS);
    for is_other_process in [false, true] {
        let setting = Setting {
            policy: Policy {
                clock: None,
                ..definition().policy
            },
            ..Setting::default()
        };
        let shows = Arc::new(AtomicBool::new(true));
        let vendor_shows = Arc::clone(&shows);
        let bench = Bench::with(setting, move |asked| {
            served(asked.page, 2, right).map(|mut response| {
                if !vendor_shows.load(Ordering::SeqCst) {
                    response.headers = std::iter::empty::<(&str, &str)>().collect();
                }
                response
            })
        })
        .await;
        bench.clock.advance_ms(right.ms_since(bench.clock.now()));
        let mut worker = bench.worker(bench.store.clone());
        let early = only(worker.run(&bench.task().await, Deadline::NONE).await);
        assert!(matches!(early, Outcome::Yielded { .. }), "{early:?}");
        shows.store(false, Ordering::SeqCst);
        bench.clock.jump_ms(3 * HOUR_MS);
        if is_other_process {
            worker = bench.worker(bench.store.clone());
        }
        let still = only(worker.run(&bench.task().await, Deadline::NONE).await);
        assert!(matches!(still, Outcome::Yielded { .. }), "{still:?}");
        assert!(bench.written().is_empty());
        let group = &bench.definition.policy.rate_group;
        let clock = bench.store.rate_state(group).await.unwrap().clock.unwrap();
        assert_eq!(clock.offset_ms, Some(-3 * HOUR_MS), "the jump is seen");
        bench.clock.advance_ms(3 * MINUTE_MS);
        let then = only(worker.run(&bench.task().await, Deadline::NONE).await);
        assert_eq!(then, Outcome::Completed);
    }
}
