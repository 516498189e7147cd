//! Failing sinks: which windows wait, which sources are blocked, and which windows restart.

use std::sync::atomic::Ordering;

use windlass_core::{Status, limits};
use windlass_sink::SinkError;
use windlass_sink::failing::{Applied, SinkCall};

use super::fake_vendor::{all, response, well};
use super::harness::{Bench, after};
use crate::{Deadline, Outcome};

const CALLS: [SinkCall; 3] = [SinkCall::Open, SinkCall::Write, SinkCall::Finish];

fn named(error: impl Fn(String, String) -> SinkError) -> SinkError {
    error("memory".to_owned(), "scripted failure".to_owned())
}

#[tokio::test]
async fn full_or_refusing_sink_blocks_source() {
    for call in CALLS {
        for error in [
            named(|sink, problem| SinkError::Full { sink, problem }),
            named(|sink, problem| SinkError::Refused { sink, problem }),
            named(|sink, problem| SinkError::Unusable { sink, problem }),
        ] {
            let bench = Bench::new(|asked| well(asked.page, 2)).await;
            bench.sink.fail(call, 1, Applied::Nothing, error.clone());
            let outcome = bench.run().await;
            assert!(matches!(outcome, Outcome::Blocked { .. }), "{outcome:?}");
            let blocked = bench.source().await.blocked.unwrap();
            assert_eq!(blocked.reason, error.to_string());
            let window = bench.window().await;
            assert_eq!((window.status(), window.attempts()), (Status::Ready, 0));
            bench.mend().await;
            assert_eq!(bench.run().await, Outcome::Completed);
            assert_eq!(bench.output(), all(2));
        }
    }
}

#[tokio::test]
async fn unavailable_sink_backs_off_without_attempts() {
    let error = named(|sink, problem| SinkError::Unavailable { sink, problem });
    let bench = Bench::new(|asked| well(asked.page, 2)).await;
    for run in 1..=limits::ATTEMPTS_MAX + 2 {
        bench
            .sink
            .fail(SinkCall::Write, run.into(), Applied::Nothing, error.clone());
        let outcome = bench.run_when_due().await;
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
        bench.tick().await;
        let window = bench.window().await;
        assert_eq!((window.status(), window.attempts()), (Status::Ready, 0));
        assert_eq!((window.setbacks(), window.page()), (run, 0));
        assert_eq!(window.last_error(), Some(error.to_string().as_str()));
    }
    let window = bench.window().await;
    let wait_ms = window.not_before().unwrap().ms_since(window.updated_at());
    assert_eq!(wait_ms, limits::BACKOFF_MAX_MS);
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!(bench.output(), all(2));
}

#[tokio::test]
async fn lost_output_restarts_at_page_one() {
    let bench = Bench::new(|asked| match asked.number {
        2 => Ok(response(429, &[("retry-after", "600")], "{}")),
        _ => well(asked.page, 3),
    })
    .await;
    bench.run().await;
    assert_eq!(bench.window().await.page(), 1);
    bench.output.lose(&bench.id);
    let outcome = bench.run_when_due().await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    let window = bench.window().await;
    assert_eq!(
        (window.restarts(), window.page(), window.cursor()),
        (1, 1, None)
    );
    assert_eq!(window.sink_position(), None);
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!(bench.output(), all(3));
}

/// P8 nothing dropped: a record is forwarded or goes to `rejects`; an error never ends a window.
#[tokio::test]
async fn unusable_records_become_rejects() {
    let bench = Bench::new(|_| {
        let body = r#"{"items":[{"id":"a"},7,{"id":"b","_windlass":1},{"id":"c"}]}"#;
        Ok(response(200, &[], body))
    })
    .await;
    assert_eq!(bench.run().await, Outcome::Completed);
    assert_eq!(bench.output(), ["a", "c"]);
    let window = bench.window().await;
    assert_eq!((window.records(), window.rejected()), (2, 2));
    let rejects = bench.output.rejects(&bench.id);
    let places: Vec<_> = rejects.iter().map(|(page, it)| (*page, it.index)).collect();
    assert_eq!(places, [(0, 1), (0, 2)]);
    assert_eq!(&rejects[0].1.raw[..], b"7");
}

#[tokio::test]
async fn hanging_sink_is_abandoned_before_deadline() {
    let bench = Bench::new(|asked| well(asked.page, 3)).await;
    let hangs = &bench.sink.inner().hangs;
    hangs.store(true, Ordering::SeqCst);
    let minute = Deadline::killed_at(after(60_000));
    let just_in_time = async {
        while !bench.log.events().contains(&"write 0 begins".to_owned()) {
            tokio::task::yield_now().await;
        }
        bench.clock.advance_ms(60_000 - limits::RELEASE_MS);
    };
    let (outcome, ()) = tokio::join!(bench.run_for(minute), just_in_time);
    assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
    let window = bench.window().await;
    assert_eq!((window.status(), window.page()), (Status::Ready, 0));
    assert_eq!((window.attempts(), window.setbacks()), (0, 1));
    assert!(window.last_error().unwrap().contains("memory"));
    hangs.store(false, Ordering::SeqCst);
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
    assert_eq!(bench.output(), all(3));
}

#[tokio::test]
async fn long_sink_wait_is_obeyed_short_ones_grow() {
    let ask = |wait_ms| SinkError::Throttled {
        sink: "memory".to_owned(),
        problem: "told to wait".to_owned(),
        wait_ms,
    };
    let bench = Bench::new(|asked| well(asked.page, 2)).await;
    let fail = |number, wait_ms| {
        let error = ask(wait_ms);
        bench
            .sink
            .fail(SinkCall::Write, number, Applied::Nothing, error);
    };
    fail(1, 1_234_567);
    let outcome = bench.run().await;
    assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
    let window = bench.window().await;
    assert_eq!(window.not_before(), Some(after(1_234_567)));
    assert_eq!(window.setbacks(), 0);
    for number in 2..=4 {
        fail(number, 1_000);
        bench.run_when_due().await;
    }
    assert_eq!(bench.window().await.setbacks(), 3);
    assert_eq!(bench.run_when_due().await, Outcome::Completed);
}

#[tokio::test]
async fn stop_abandons_page_after_grace() {
    let bench = Bench::new(|asked| well(asked.page, 3)).await;
    let hangs = &bench.sink.inner().hangs;
    hangs.store(true, Ordering::SeqCst);
    let yields = async || {
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
    };
    let stopping = async {
        while !bench.log.events().contains(&"write 0 begins".to_owned()) {
            tokio::task::yield_now().await;
        }
        bench.stop.request();
        yields().await;
        bench.clock.advance_ms(limits::STOP_NOTICE_MS);
        yields().await;
        let rest_ms = limits::STOP_GRACE_MS - limits::STOP_NOTICE_MS;
        bench.clock.advance_ms(rest_ms - 1);
        yields().await;
        assert_eq!(bench.window().await.status(), Status::Running);
        bench.clock.advance_ms(1);
    };
    let (outcome, ()) = tokio::join!(bench.run(), stopping);
    let released = Outcome::Yielded {
        not_before: None,
        why: "shutdown requested while the sink had not acknowledged a page".to_owned(),
    };
    assert_eq!(outcome, released);
    let window = bench.window().await;
    assert_eq!((window.status(), window.page()), (Status::Ready, 0));
    assert_eq!((window.attempts(), window.setbacks()), (0, 0));
    assert_eq!((window.not_before(), window.last_error()), (None, None));
}
