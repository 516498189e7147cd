//! One-time page tokens: which runs continue at a token, and which restart.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use windlass_core::{Status, limits};
use windlass_state::StateStore;
use windlass_state::failing::{Fault, Operation};

use super::fake_vendor::{Asked, Response, all, response, well};
use super::halves::halve;
use super::harness::{Bench, after};
use crate::{Deadline, Outcome, Stop};

/// A vendor on which every request but that for page one advances its scroll, even if the response
/// is lost. Rejects where `refuse` returns a response.
fn scrolling(
    pages: usize,
    refuse: impl Fn(&Asked) -> Option<Response> + Send + Sync,
) -> impl Fn(&Asked) -> Response + Send + Sync {
    let scroll = Mutex::new(0);
    move |asked| {
        if let Some(refusal) = refuse(asked) {
            return refusal;
        }
        let next = &mut *scroll.lock().unwrap();
        let page = if asked.page == 0 { 0 } else { *next };
        *next = page + 1;
        well(page, pages)
    }
}

/// Time for one page.
fn one_page() -> Deadline {
    Deadline::killed_at(after(limits::DEADLINE_MARGIN_MS))
}

/// More runs than the restarts that a window may have.
const PAGES: usize = 10;

/// The requests if each page is requested once.
fn each_once(pages: usize) -> Vec<String> {
    let tokens = (1..pages).map(|page| format!("p{page}"));
    std::iter::once("-".to_owned()).chain(tokens).collect()
}

#[tokio::test]
async fn unsent_token_continues_in_next_run() {
    let bench = Bench::single_use(scrolling(PAGES, |_| None)).await;
    for run in 1..u32::try_from(PAGES).unwrap() {
        let outcome = bench.run_for(one_page()).await;
        assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
        assert_eq!(bench.window().await.unsent_after(), Some(run));
    }
    assert_eq!(bench.run_for(one_page()).await, Outcome::Completed);
    assert_eq!(bench.asked(), each_once(PAGES));
    assert_eq!((bench.output(), bench.written()), (all(PAGES), all(PAGES)));
    assert_eq!(bench.window().await.restarts(), 0);
}

#[tokio::test]
async fn unsent_token_continues_after_vendor_wait() {
    for wait in [&[("retry-after", "60")][..], &[]] {
        // Every other request exceeds the quota.
        let vendor = scrolling(PAGES, |asked| {
            (asked.number % 2 == 0).then(|| Ok(response(429, wait, "{}")))
        });
        let bench = Bench::single_use(vendor).await;
        let mut runs = 1;
        while bench.run_when_due().await != Outcome::Completed {
            runs += 1;
            assert!(runs < 3 * PAGES, "{:?}", bench.window().await);
        }
        assert_eq!((bench.output(), bench.written()), (all(PAGES), all(PAGES)));
        assert_eq!(bench.window().await.restarts(), 0);
    }
}

#[tokio::test]
async fn token_continues_after_block() {
    let refused = AtomicBool::new(false);
    let vendor = scrolling(4, move |asked| {
        let first = asked.page == 2 && !refused.swap(true, Ordering::SeqCst);
        first.then(|| Ok(response(401, &[], "{}")))
    });
    let bench = Bench::single_use(vendor).await;
    let outcome = bench.run().await;
    assert!(matches!(outcome, Outcome::Blocked { .. }), "{outcome:?}");
    bench.mend().await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(
        (bench.written(), bench.window().await.restarts()),
        (all(4), 0)
    );
}

#[tokio::test]
async fn runs_without_request_pass_token_on() {
    let mut bench = Bench::single_use(scrolling(3, |_| None)).await;
    bench.run_for(one_page()).await;
    // Asked to stop before its first request.
    bench.stop.request();
    let outcome = bench.run().await;
    assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
    assert_eq!(bench.asked().len(), 1);
    bench.stop = Stop::default();
    // Paused by its operator.
    let source = bench.source().await;
    let (shard, name) = (source.shard(), &source.definition.name);
    let held = Some(after(0));
    bench.store.set_pause(shard, name, held).await.unwrap();
    bench.run().await;
    bench.store.set_pause(shard, name, None).await.unwrap();
    assert_eq!(bench.window().await.unsent_after(), Some(3));
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!((bench.asked(), bench.written()), (each_once(3), all(3)));
}

#[tokio::test]
async fn one_time_token_is_not_resent_after_outage() {
    let lost = AtomicBool::new(false);
    let scroll = scrolling(4, |_| None);
    let bench = Bench::single_use(move |asked| {
        let page = scroll(asked);
        if asked.page == 2 && !lost.swap(true, Ordering::SeqCst) {
            return Ok(response(503, &[], ""));
        }
        page
    })
    .await;
    let outcome = bench.run().await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!(bench.output(), all(4));
}

/// Runs a window whose worker is killed after its first page; the next process recovers it.
pub(super) async fn killed_after_a_page(bench: &Bench) {
    let worker = bench.worker_with(|operation, _| match operation {
        Operation::Release => Fault::Refuse,
        _ => Fault::None,
    });
    worker.run(&bench.task().await, one_page()).await;
    assert_eq!(bench.window().await.status(), Status::Running);
    bench.recover().await;
}

#[tokio::test]
async fn killed_run_restarts_one_time_token_window() {
    let bench = Bench::single_use(scrolling(4, |_| None)).await;
    killed_after_a_page(&bench).await;
    assert_eq!(bench.window().await.cursor().unwrap().token, "p1");
    let outcome = bench.run_when_due().await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(
        (bench.window().await.cursor(), bench.asked().len()),
        (None, 1)
    );
    halve(&bench).await;
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!(bench.output(), all(4));
}

#[tokio::test]
async fn unsent_token_is_spent_by_killed_run() {
    let bench = Bench::single_use(scrolling(4, |_| None)).await;
    bench.run_for(one_page()).await;
    assert_eq!(bench.window().await.unsent_after(), Some(1));
    let lose_response = bench.worker_with(|operation, _| match operation {
        Operation::Checkpoint => Fault::Refuse,
        _ => Fault::None,
    });
    let task = bench.task().await;
    lose_response.run(&task, Deadline::NONE).await;
    bench.recover().await;
    assert_eq!(bench.window().await.cursor().unwrap().token, "p1");
    let outcome = bench.run_when_due().await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(bench.asked(), ["-", "p1"]);
}

#[tokio::test]
async fn replayable_token_use_is_not_stored() {
    let bench = Bench::new(|asked| well(asked.page, 4)).await;
    bench.run_for(one_page()).await;
    assert_eq!(bench.window().await.unsent_after(), None);
    killed_after_a_page(&bench).await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.output(), all(4));
}
