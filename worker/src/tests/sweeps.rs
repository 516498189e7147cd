//! The seen pages of a live window, and their use by a sweep.

use std::sync::Mutex;

use windlass_core::ids::{Lane, Timeline};
use windlass_core::limits;
use windlass_core::seen::{SeenBy, SeenPage, digest};
use windlass_core::source::Policy;
use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use windlass_core::trust::WhoseClock;
use windlass_core::{Clock as _, Span, Status, Window, WindowId};
use windlass_state::StateStore as _;
use windlass_state::failing::Fault;

use super::fake_vendor::{Asked, Response, names, ordered, page_of, response, timed, well};
use super::harness::{Bench, Setting, definition};
use crate::{Deadline, Outcome};

/// A source that is swept after two days and after three.
pub(super) fn swept() -> Setting {
    Setting {
        manifest: ordered("oldest_first"),
        policy: Policy {
            sweeps_ms: vec![2 * DAY_MS, 3 * DAY_MS],
            max_in_flight: 8,
            group_in_flight: 8,
            ..definition().policy
        },
        ..Setting::default()
    }
}

/// Turns the bench's window into one of sweep `number`, from minute `from` to minute `to`.
pub(super) async fn sweep(bench: Bench, number: u8, from: i64, to: i64) -> Bench {
    let start = definition().start;
    let id = WindowId {
        timeline: Timeline {
            lane: Lane::Sweep(number),
            ..bench.id.timeline.clone()
        },
        from: start.plus_ms(from * MINUTE_MS),
    };
    let now = bench.clock.now();
    let window = Window::new(id.clone(), start.plus_ms(to * MINUTE_MS), now).unwrap();
    bench.store.create(&window).await.unwrap();
    Bench { id, ..bench }
}

pub(super) async fn seen(bench: &Bench) -> Vec<SeenPage> {
    let timeline = bench.id.timeline.clone();
    let by = SeenBy {
        source: timeline.source,
        generation: timeline.generation,
    };
    let from = definition().start;
    let span = Span::new(from, from.plus_ms(DAY_MS)).unwrap();
    let seen = bench.store.seen(&by, span, usize::MAX).await.unwrap();
    seen.unwrap()
}

fn digests(names: &[&str]) -> Vec<u64> {
    let mut digests: Vec<_> = names.iter().map(|name| digest(name)).collect();
    digests.sort_unstable();
    digests
}

/// Two pages, `a` `b` and `c`, and from the second read on also a page `late` of late-arriving
/// records.
pub(super) fn with_late(
    late: &'static [(&'static str, i64)],
) -> impl Fn(&Asked) -> Response + Send + Sync {
    let passes = Mutex::new(0);
    move |asked| {
        let mut passes = passes.lock().unwrap();
        *passes += usize::from(asked.page == 0);
        match asked.page {
            0 => timed(&[("a", 0), ("b", 10)], Some("p1")),
            1 => timed(&[("c", 20)], (*passes > 1).then_some("p2")),
            _ => timed(late, None),
        }
    }
}

#[tokio::test]
async fn page_is_remembered_between_sink_and_checkpoint() {
    let bench = Bench::with(swept(), with_late(&[])).await;
    let log = bench.log.clone();
    let worker = bench.worker_with(move |operation, _| {
        if operation.is_write() {
            log.push(format!("{operation:?}"));
        }
        Fault::None
    });
    worker.run(&bench.task().await, Deadline::NONE).await;
    let mut events = bench.log.events();
    events.retain(|event| !event.starts_with("fetch"));
    let page = |page| [format!("write {page} begins"), format!("write {page} ends")];
    let expected = [
        &["Claim".to_owned(), "StoreClock".to_owned()][..],
        &page(0),
        &["Remember".to_owned(), "Checkpoint".to_owned()],
        &page(1),
        &[
            "Sync".to_owned(),
            "Remember".to_owned(),
            "Complete".to_owned(),
        ],
    ];
    assert_eq!(events, expected.concat());
    let window = bench.window().await;
    assert!(window.remembered());
    let pages = seen(&bench).await;
    assert_eq!(pages.len(), 2);
    assert_eq!(pages[0].digests, digests(&["a", "b"]));
    assert_eq!((pages[1].page, pages[1].pass), (1, 0));
    // A seen page outlives its window's history, whatever the clocks show.
    let expires_at = window.expires_at().unwrap();
    assert_eq!(pages[0].expires_at, expires_at.plus_ms(6 * DAY_MS));
}

#[tokio::test]
async fn window_without_future_sweep_remembers_nothing() {
    let old = Setting {
        policy: Policy {
            sweeps_ms: vec![HOUR_MS],
            ..swept().policy
        },
        ..swept()
    };
    for setting in [Setting::default(), old] {
        let bench = Bench::with(setting, |asked| well(asked.page, 2)).await;
        assert_eq!(bench.run().await, Outcome::Completed);
        assert!(!bench.window().await.remembered());
        assert!(seen(&bench).await.is_empty());
    }
}

/// The sweep delivers a record that arrived after its live window was read, and no other record
/// again.
#[tokio::test]
async fn sweep_delivers_only_undelivered_records() {
    let bench = Bench::with(swept(), with_late(&[("late", 5)])).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.output(), ["a", "b", "c"]);
    let bench = sweep(bench, 1, 0, 60).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.output(), ["late"]);
    let window = bench.window().await;
    assert_eq!((window.records(), window.known(), window.page()), (1, 3, 3));
}

#[tokio::test]
async fn sweep_without_news_delivers_nothing() {
    let bench = Bench::with(swept(), |asked| well(asked.page, 3)).await;
    bench.run().await;
    let before = bench.written().len();
    let bench = sweep(bench, 1, 0, 60).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.written().len(), before);
    let window = bench.window().await;
    assert_eq!((window.status(), window.page()), (Status::Done, 3));
    assert_eq!((window.records(), window.known()), (0, 9));
}

#[tokio::test]
async fn duplicate_in_sweep_is_delivered_once() {
    let twice = &[("late", 5), ("late", 5)];
    let bench = Bench::with(swept(), with_late(twice)).await;
    bench.run().await;
    let bench = sweep(bench, 1, 0, 60).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.output(), ["late"]);
    assert_eq!(bench.window().await.known(), 4);
}

#[tokio::test]
async fn later_sweep_knows_deliveries_of_earlier_one() {
    // Hours 0 and 1 have a record each, and later one more in hour 1, on a page that begins in 0.
    let requests = Mutex::new(0);
    let vendor = move |_: &Asked| {
        let mut requests = requests.lock().unwrap();
        *requests += 1;
        match *requests {
            1 => timed(&[("a", 30)], None),
            2 => timed(&[("b", 70)], None),
            3 => timed(&[("a", 30), ("b", 70), ("late", 80)], None),
            _ => timed(&[("b", 70), ("late", 80)], None),
        }
    };
    let bench = Bench::with(swept(), vendor).await;
    bench.run().await;
    let second = bench.create(1).await;
    let bench = Bench {
        id: second,
        ..bench
    };
    bench.run().await;
    let bench = sweep(bench, 1, 0, 120).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.output(), ["late"]);
    let bench = sweep(bench, 2, 60, 120).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.output(), [""; 0]);
    assert_eq!(bench.window().await.known(), 2);
}

#[tokio::test]
async fn too_large_sweep_window_fails_with_reason() {
    let bench = Bench::with(swept(), |_| Ok(response(413, &[], "{}"))).await;
    let bench = sweep(bench, 1, 0, 60).await;
    assert!(matches!(bench.run().await, Outcome::Failed { .. }));
    let window = bench.window().await;
    assert_eq!((window.split(), window.attempts()), (None, 1));
    let why = window.last_error().unwrap();
    assert!(why.contains("windows of a sweep are not split"), "{why}");
    assert!(
        window.not_before().is_some(),
        "it waits before the next run"
    );
}

#[tokio::test]
async fn records_without_id_are_not_remembered() {
    let nameless = |asked: &Asked| match asked.page {
        0 => Ok(page_of(&names(0), Some("p1"))),
        _ => Ok(response(200, &[], r#"{"items":[{"name":"nameless"}]}"#)),
    };
    let bench = Bench::with(swept(), nameless).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert!(!bench.window().await.remembered(), "so no sweep reads it");
    let bench = sweep(bench, 1, 0, 60).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    let window = bench.window().await;
    assert_eq!((window.records(), window.known()), (1, 3));
}

#[tokio::test]
async fn reject_counts_as_delivered() {
    let hidden = |_: &Asked| {
        Ok(response(
            200,
            &[],
            r#"{"items":[{"id":"a","_windlass":1}]}"#,
        ))
    };
    let bench = Bench::with(swept(), hidden).await;
    bench.run().await;
    assert_eq!(bench.window().await.rejected(), 1);
    let bench = sweep(bench, 1, 0, 60).await;
    bench.run().await;
    let window = bench.window().await;
    assert_eq!((window.rejected(), window.known()), (0, 1));
}

/// A vendor that lists `gone` once, before it rejects its own token.
fn restarting() -> impl Fn(&Asked) -> Response + Send + Sync {
    let requests = Mutex::new(0);
    move |asked| {
        let mut requests = requests.lock().unwrap();
        *requests += 1;
        match (asked.page, *requests) {
            (0, 3) => timed(&[("a", 0)], Some("p1")),
            (0, _) => timed(&[("a", 0), ("gone", 1)], Some("p1")),
            (_, 2) => Ok(response(410, &[], "{}")),
            _ => timed(&[("c", 20)], None),
        }
    }
}

#[tokio::test]
async fn records_from_before_restart_are_not_known() {
    let bench = Bench::with(swept(), restarting()).await;
    assert!(matches!(bench.run().await, Outcome::Failed { .. }));
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    // The output of the restart has replaced the first.
    assert_eq!(bench.output(), ["a", "c"]);
    let bench = sweep(bench, 1, 0, 60).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.output(), ["gone"]);
}

#[tokio::test]
async fn restarted_sweep_redelivers_its_finds() {
    let requests = Mutex::new(0);
    let vendor = move |asked: &Asked| {
        let mut requests = requests.lock().unwrap();
        *requests += 1;
        match (asked.page, *requests) {
            (0, 1) => timed(&[("a", 0)], None),
            (0, _) => timed(&[("a", 0), ("late", 1)], Some("p1")),
            (_, 3) => Ok(response(410, &[], "{}")),
            _ => timed(&[("b", 2)], None),
        }
    };
    let bench = Bench::with(swept(), vendor).await;
    bench.run().await;
    let bench = sweep(bench, 1, 0, 60).await;
    assert!(matches!(bench.run().await, Outcome::Failed { .. }));
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!(bench.output(), ["late", "b"]);
}

#[tokio::test]
async fn sweep_over_digest_limit_fails_with_reason() {
    let bench = Bench::with(swept(), |asked| well(asked.page, 1)).await;
    bench.run().await;
    let seen = seen(&bench).await;
    let digests = (0..=limits::SEEN_DIGESTS_MAX as u64).collect();
    let huge = SeenPage {
        page: 9,
        digests,
        ..seen[0].clone()
    };
    bench.store.remember(&huge).await.unwrap();
    let asked = bench.asked().len();
    let bench = sweep(bench, 1, 0, 60).await;
    let outcome = bench.run().await;
    let Outcome::Failed { why } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(why.contains("2097152"), "{why}");
    let window = bench.window().await;
    assert_eq!((window.attempts(), bench.asked().len()), (1, asked));
    assert!(window.not_before().is_some());
}

/// A sweep can be delayed: by a gap, a paused source, or a later configuration.
#[tokio::test]
async fn seen_pages_live_as_long_as_window() {
    // This vendor's clock stands still.
    let mut setting = swept();
    setting.policy.clock = Some(WhoseClock::Ours);
    let bench = Bench::with(setting, with_late(&[("late", 5)])).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    let expires_at = bench.window().await.expires_at().unwrap();
    let wait_ms = expires_at.ms_since(bench.clock.now());
    bench.clock.advance_ms(wait_ms);
    bench.store.expire_history(bench.clock.now()).await.unwrap();
    let bench = sweep(bench, 1, 0, 60).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.output(), ["late"]);
}
