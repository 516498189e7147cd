//! A vendor that serves two pages, fails a number of times, and then hangs.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use secrecy::SecretString;
use windlass_connectors::exchange::{ApiRequest, ApiResponse};
use windlass_connectors::http::{Transport, TransportError};
use windlass_connectors::scripted::ScriptedTransport;
use windlass_connectors::{Client, Connector, Credentials, Manifest, Settings};
use windlass_core::clock::{Clock as _, SeededEntropy};
use windlass_core::limits;
use windlass_core::source::SourceRecord;
use windlass_core::window::{Status, Window};

use super::fake_vendor::{MANIFEST, response, token, transport, well};
use super::harness::{Bench, CANARY, Setting, TestSink, only};
use crate::{AdapterError, AdapterFactory, Adapters, Deadline, Outcome, Seams, Stop, Worker};

struct Hanging {
    inner: ScriptedTransport,
    /// Number of failures of page 2 before the request hangs.
    failures: AtomicU64,
    /// True once the hanging request is sent.
    hangs: Arc<AtomicBool>,
}

impl Transport for Hanging {
    async fn send(&self, request: &ApiRequest) -> Result<ApiResponse, TransportError> {
        if token(request).as_deref() != Some("p2") {
            return self.inner.send(request).await;
        }
        let left = |left: u64| left.checked_sub(1);
        if self
            .failures
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
            .is_err()
        {
            self.hangs.store(true, Ordering::SeqCst);
            pending::<()>().await;
        }
        Ok(response(503, &[], "{}"))
    }
}

struct HangingAdapterFactory {
    client: Arc<Client<Hanging>>,
    sink: Arc<TestSink>,
}

impl AdapterFactory for HangingAdapterFactory {
    type Transport = Hanging;
    type Sink = TestSink;

    async fn adapters(
        &self,
        _: &SourceRecord,
    ) -> Result<Adapters<Hanging, TestSink>, AdapterError> {
        Ok(Adapters {
            client: Arc::clone(&self.client),
            sink: Arc::clone(&self.sink),
        })
    }
}

/// Runs one window against the vendor, and stops it once page 1 is checkpointed.
async fn run_and_stop(failures: u64) -> Window {
    let stop = |bench: &Bench| bench.stop.request();
    let (bench, outcome) = run_and(MANIFEST, failures, |_| Deadline::NONE, stop).await;
    assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
    bench.window().await
}

/// Runs one window against the vendor of `manifest`, and calls a function once page 1 is
/// checkpointed and the request for page 2 hangs.
async fn run_and(
    manifest: &str,
    failures: u64,
    deadline: impl FnOnce(&Bench) -> Deadline,
    then: impl FnOnce(&Bench),
) -> (Bench, Outcome) {
    let setting = Setting {
        manifest: manifest.to_owned(),
        ..Setting::default()
    };
    let bench = Bench::with(setting, |asked| well(asked.page, 4)).await;
    let manifest = Manifest::load("sample.yaml", manifest).unwrap();
    let connector = Connector::compile(&manifest, &Settings::default()).unwrap();
    let secret = SecretString::from(CANARY);
    let credentials = Credentials::new(connector.auth(), Some(&secret)).unwrap();
    let hangs = Arc::new(AtomicBool::new(false));
    let hanging = Hanging {
        inner: transport(|asked| well(asked.page, 4), bench.log.clone()),
        failures: AtomicU64::new(failures),
        hangs: Arc::clone(&hangs),
    };
    let (clock, entropy) = (bench.clock.clone(), Arc::new(SeededEntropy::new(1)));
    let client = Client::new(
        connector,
        credentials,
        hanging,
        clock.clone(),
        entropy.clone(),
    );
    let factory = HangingAdapterFactory {
        client: Arc::new(client),
        sink: Arc::new(bench.sink.clone()),
    };
    let seams = Seams {
        clock,
        entropy,
        stop: bench.stop.clone(),
        observer: None,
    };
    let worker = Worker::new(bench.store.clone(), factory, seams);
    let task = bench.task().await;
    let deadline = deadline(&bench);
    let once_checkpointed = async {
        while bench.window().await.page() < 2 || !hangs.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        then(&bench);
    };
    let (report, ()) = tokio::join!(worker.run(&task, deadline), once_checkpointed);
    (bench, only(report))
}

#[tokio::test]
async fn delivered_page_is_checkpointed_while_next_hangs() {
    let window = run_and_stop(0).await;
    assert_eq!((window.page(), window.attempts()), (2, 0));
    assert_eq!(window.cursor().unwrap().token, "p2");
    assert_eq!((window.last_error(), window.overruns()), (None, 0));
}

#[tokio::test]
async fn run_stopped_during_outage_keeps_error() {
    let window = run_and_stop(2).await;
    assert_eq!((window.page(), window.attempts()), (2, 0));
    assert!(window.last_error().unwrap().contains("503"));
}

#[tokio::test]
async fn hanging_page_is_abandoned_before_deadline() {
    let minute = |bench: &Bench| Deadline::killed_at(bench.clock.now().plus_ms(60_000));
    let just_in_time = |bench: &Bench| bench.clock.advance_ms(60_000 - limits::RELEASE_MS);
    let (bench, outcome) = run_and(MANIFEST, 0, minute, just_in_time).await;
    assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
    let window = bench.window().await;
    assert_eq!((window.status(), window.page()), (Status::Ready, 2));
    // It delivered pages, so it has run out of time; the vendor does not count as failing.
    assert_eq!((window.overruns(), window.setbacks()), (1, 0));
    assert_eq!(window.not_before(), None);
    assert_eq!(
        (window.attempts(), window.cursor().unwrap().token.as_str()),
        (0, "p2")
    );
}

#[tokio::test]
async fn token_in_flight_at_stop_is_not_reused() {
    let once = MANIFEST.replace("  replayable: true\n", "");
    let stop = |bench: &Bench| bench.stop.request();
    let (mut bench, outcome) = run_and(&once, 0, |_| Deadline::NONE, stop).await;
    assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
    let window = bench.window().await;
    assert_eq!(window.cursor().unwrap().token, "p2");
    assert_eq!(window.unsent_after(), None);
    bench.stop = Stop::default();
    let outcome = bench.run().await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    let window = bench.window().await;
    assert_eq!((window.cursor(), window.restarts()), (None, 1));
    assert!(bench.asked().is_empty(), "the next run has asked nothing");
}

#[tokio::test]
async fn token_in_flight_at_deadline_is_not_reused() {
    let once = MANIFEST.replace("  replayable: true\n", "");
    let minute = |bench: &Bench| Deadline::killed_at(bench.clock.now().plus_ms(60_000));
    let just_in_time = |bench: &Bench| bench.clock.advance_ms(60_000 - limits::RELEASE_MS);
    let (bench, outcome) = run_and(&once, 0, minute, just_in_time).await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    let window = bench.window().await;
    assert_eq!((window.cursor(), window.restarts()), (None, 1));
}
