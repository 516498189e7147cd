//! Workers in separate processes that share one vendor quota: request reservations and cooldowns.

use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use secrecy::SecretString;
use tokio::time::{Duration, Instant};
use windlass_connectors::exchange::{ApiRequest, ApiResponse};
use windlass_connectors::http::{Transport, TransportError};
use windlass_connectors::scripted::ScriptedTransport;
use windlass_connectors::{Client, Connector, Credentials, Manifest, Settings};
use windlass_core::clock::{Clock, SeededEntropy, Sleep};
use windlass_core::limits;
use windlass_core::reservation::{ReservationRequest, ReservationResponse};
use windlass_core::source::SourceRecord;
use windlass_core::task::{Task, TaskWindow};
use windlass_core::time::{MINUTE_MS, SECOND_MS};
use windlass_core::wait::Cooldown;
use windlass_core::{Status, Timestamp, WindowId};
use windlass_sink::memory::MemorySink;
use windlass_state::failing::{FailingStore, Fault, Operation};
use windlass_state::{MemoryStore, StateStore as _};

use super::fake_vendor::{MANIFEST, response, transport, well};
use super::harness::{Bench, CANARY, NOW, after, only};
use crate::{AdapterError, AdapterFactory, Adapters, Deadline, Outcome, Seams, Stop, Worker};

/// The paused clock of the runtime, which moves when all tasks wait.
#[derive(Debug)]
struct SharedClock(Instant);

impl Clock for SharedClock {
    fn now(&self) -> Timestamp {
        let ms = i64::try_from(self.0.elapsed().as_millis()).unwrap();
        let start: Timestamp = NOW.parse().unwrap();
        start.plus_ms(ms)
    }

    fn steady_ms(&self) -> i64 {
        self.now().as_ms()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the runtime's clock is paused: nobody sleeps"
    )]
    fn sleep(&self, ms: i64) -> Sleep {
        let duration = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A slow vendor that records the times of its requests.
#[derive(Clone)]
struct Timed {
    inner: ScriptedTransport,
    clock: Arc<SharedClock>,
    asked_at: Arc<Mutex<Vec<i64>>>,
}

impl Transport for Timed {
    async fn send(&self, request: &ApiRequest) -> Result<ApiResponse, TransportError> {
        let at = self.clock.now().ms_since(after(0));
        self.asked_at.lock().unwrap().push(at);
        self.clock.sleep(400).await;
        self.inner.send(request).await
    }
}

type TimedAdapters = Adapters<Timed, MemorySink>;

struct TimedAdapterFactory(TimedAdapters);

impl AdapterFactory for TimedAdapterFactory {
    type Transport = Timed;
    type Sink = MemorySink;

    async fn adapters(&self, _: &SourceRecord) -> Result<TimedAdapters, AdapterError> {
        Ok(self.0.clone())
    }
}

/// The times of the requests of `workers` processes of one worker each, which share 60 requests per
/// minute for `minutes`; in milliseconds, ascending. Each has more pages than it can request.
async fn asked_by(workers: u64, minutes: i64) -> Vec<i64> {
    asked_of(60, workers, minutes, |_, _| Fault::None).await
}

/// The same with a rate of `per_minute`, and a state that fails as `faults` decides by the
/// operation and the milliseconds since the start.
async fn asked_of(
    per_minute: u32,
    workers: u64,
    minutes: i64,
    faults: impl Fn(Operation, i64) -> Fault + Copy + Send + Sync + 'static,
) -> Vec<i64> {
    let bench = Bench::new(|asked| well(asked.page, 1)).await;
    let clock = Arc::new(SharedClock(Instant::now()));
    let end = after(minutes * MINUTE_MS);
    let asked_at = Arc::new(Mutex::new(Vec::new()));
    let mut processes = Vec::new();
    for number in 0..workers {
        let id = bench.create(i64::try_from(number).unwrap()).await;
        let manifest = Manifest::load("sample.yaml", MANIFEST).unwrap();
        let connector = Connector::compile(&manifest, &Settings::default()).unwrap();
        let secret = SecretString::from(CANARY);
        let credentials = Credentials::new(connector.auth(), Some(&secret)).unwrap();
        let entropy = Arc::new(SeededEntropy::new(number));
        let vendor = Timed {
            inner: transport(|asked| well(asked.page, usize::MAX), bench.log.clone()),
            clock: clock.clone(),
            asked_at: asked_at.clone(),
        };
        let time = clock.clone();
        let client = Client::new(connector, credentials, vendor, time, entropy.clone());
        let adapters = Adapters {
            client: Arc::new(client),
            sink: Arc::new(MemorySink::new("memory")),
        };
        let seams = Seams {
            clock: clock.clone(),
            entropy,
            stop: Stop::default(),
            observer: None,
        };
        let watch = clock.clone();
        let script = move |operation, _| faults(operation, watch.now().ms_since(after(0)));
        let store = FailingStore::new(bench.store.clone(), script).with_clock(clock.clone());
        let worker = Worker::new(store, TimedAdapterFactory(adapters), seams);
        let rate = (per_minute, clock.clone());
        processes.push(keep_working(worker, &bench, id, rate, end));
    }
    join_all(processes).await;
    let mut asked_at = asked_at.lock().unwrap().clone();
    asked_at.sort_unstable();
    asked_at
}

/// Runs the window `id` again and again, each time as soon as it may be claimed.
async fn keep_working(
    worker: Worker<FailingStore<MemoryStore>, TimedAdapterFactory>,
    bench: &Bench,
    id: WindowId,
    (per_minute, clock): (u32, Arc<SharedClock>),
    end: Timestamp,
) {
    while clock.now() < end.minus_ms(limits::DEADLINE_MARGIN_MS + SECOND_MS) {
        let window = bench.store.window(&id).await.unwrap().unwrap();
        let task = Task {
            windows: vec![TaskWindow {
                id: id.clone(),
                epoch: window.epoch(),
            }],
            requests_per_minute: Some(per_minute),
            reserves_requests: true,
            crowded: false,
            witnesses: Vec::new(),
            ..bench.task().await
        };
        let outcome = only(worker.run_named(&task, Deadline::killed_at(end)).await);
        let Outcome::Yielded { not_before, .. } = outcome else {
            panic!("{outcome:?}")
        };
        let wait_ms = not_before.map_or(0, |until| until.ms_since(clock.now()));
        clock.sleep(wait_ms.max(1)).await;
    }
}

/// The largest number of requests in any one minute.
fn busiest_minute(asked: &[i64]) -> usize {
    let of = |(number, at): (usize, &i64)| {
        let within = asked[number..].iter();
        within.take_while(|later| **later < at + MINUTE_MS).count()
    };
    asked.iter().enumerate().map(of).max().unwrap_or(0)
}

/// Reservations that pass while the state is slow are not used in a burst when it responds again.
#[tokio::test(start_paused = true)]
async fn slow_state_releases_no_request_burst() {
    // From minute two on it does not respond for nine seconds.
    let slow = |operation, ms: i64| match operation {
        Operation::RateState if (120_000..129_000).contains(&ms) => {
            Fault::Delay { ms: 129_000 - ms }
        }
        _ => Fault::None,
    };
    let asked = asked_of(60, 20, 5, slow).await;
    assert!(asked.len() > 200, "{}", asked.len());
    let busiest = busiest_minute(&asked);
    assert!(busiest <= 60, "{busiest} in a minute");
}

/// A request that is sent late is nearer to the next ones than its reservation.
#[tokio::test(start_paused = true)]
async fn low_request_rate_holds_with_slow_state() {
    let slow = |operation, ms: i64| match operation {
        Operation::ReserveRequests if ms < 30_000 => Fault::SlowResponse { ms: 4_000 },
        _ => Fault::None,
    };
    for per_minute in [7, 10, 12, 15, 20, 30] {
        let asked = asked_of(per_minute, 6, 5, slow).await;
        let busiest = busiest_minute(&asked);
        let most = usize::try_from(per_minute).unwrap();
        assert!(busiest <= most, "{busiest} in a minute of {per_minute}");
    }
}

/// Workers in many processes together keep one declared request rate, and use it up.
#[tokio::test(start_paused = true)]
async fn processes_share_declared_request_rate() {
    for workers in [20, 3] {
        let minutes = 10;
        let asked = asked_by(workers, minutes).await;
        let busiest = busiest_minute(&asked);
        assert!(busiest <= 60, "{workers}: {busiest}");
        let full = 0..(minutes - 1) * MINUTE_MS;
        let count = asked.iter().filter(|at| full.contains(at)).count();
        let each_minute = i64::try_from(count).unwrap() / (minutes - 1);
        assert!(each_minute >= 55, "{workers}: {each_minute} a minute");
    }
}

/// Reserves requests of the bench's group as another process would, the last one `ms` from now.
async fn others_reserve_requests(bench: &Bench, ms: i64) {
    let asked = ReservationRequest {
        count: 1,
        interval_ms: ms,
        within_ms: limits::RATE_SLEEP_MAX_MS,
        now: bench.clock.now(),
    };
    let group = &bench.definition.policy.rate_group;
    let given = bench.store.reserve_requests(group, &asked).await.unwrap();
    assert!(matches!(given, ReservationResponse::From { .. }));
}

#[tokio::test]
async fn only_near_reservation_is_waited_for() {
    for (taken_ms, waits) in [(10_000, true), (10_001, false)] {
        let mut bench = Bench::new(|asked| well(asked.page, 1)).await;
        (bench.rate, bench.reserves_requests) = (Some(60), true);
        others_reserve_requests(&bench, taken_ms).await;
        let outcome = bench.run().await;
        if waits {
            assert_eq!(outcome, Outcome::Completed);
            assert_eq!(bench.clock.slept_ms(), taken_ms);
        } else {
            let until = Some(after(taken_ms));
            assert!(
                matches!(outcome, Outcome::Yielded { not_before, .. } if not_before == until),
                "{outcome:?}"
            );
            assert_eq!((bench.asked().len(), bench.cooldown().await), (0, None));
            assert_eq!(bench.window().await.attempts(), 0);
        }
    }
}

#[tokio::test]
async fn delivered_page_is_checkpointed_without_next_reservation() {
    let mut bench = Bench::new(|asked| well(asked.page, 3)).await;
    (bench.rate, bench.reserves_requests) = (Some(60), true);
    let (store, clock) = (bench.store.clone(), bench.clock.clone());
    let group = bench.definition.policy.rate_group.clone();
    let worker = bench.worker_with(move |operation, call| {
        use futures_util::FutureExt as _;
        if (operation, call) == (Operation::ReserveRequests, 2) {
            let asked = ReservationRequest {
                count: 20,
                interval_ms: SECOND_MS,
                within_ms: limits::RATE_SLEEP_MAX_MS,
                now: clock.now(),
            };
            let given = store.reserve_requests(&group, &asked).now_or_never();
            given.expect("memory responds at once").unwrap();
        }
        Fault::None
    });
    let outcome = only(worker.run(&bench.task().await, Deadline::NONE).await);
    assert!(matches!(outcome, Outcome::Yielded { .. }), "{outcome:?}");
    let window = bench.window().await;
    assert_eq!((window.page(), bench.asked().len()), (1, 1));
    assert!(window.not_before().is_some());
}

#[tokio::test]
async fn failed_reservation_ends_run_without_request() {
    let mut bench = Bench::new(|asked| well(asked.page, 1)).await;
    (bench.rate, bench.reserves_requests) = (Some(60), true);
    let worker = bench.worker_with(|operation, _| match operation {
        Operation::ReserveRequests => Fault::LoseResponse,
        _ => Fault::None,
    });
    let outcome = only(worker.run(&bench.task().await, Deadline::NONE).await);
    assert!(matches!(outcome, Outcome::StateFailed(_)), "{outcome:?}");
    assert!(bench.asked().is_empty());
    assert_eq!(bench.window().await.status(), Status::Running);
}

#[tokio::test]
async fn failing_requests_need_reservations_too() {
    let mut bench = Bench::new(|asked| match asked.number {
        1..=3 => Ok(response(503, &[("retry-after", "0")], "{}")),
        _ => well(asked.page, 1),
    })
    .await;
    (bench.rate, bench.reserves_requests) = (Some(30), true);
    assert_eq!(bench.run().await, Outcome::Completed);
    // Four requests with 2.1 s between them.
    assert_eq!(bench.clock.slept_ms(), 3 * 2_100);
}

#[tokio::test]
async fn request_rate_lowered_after_dispatch_holds() {
    for (declared, spacing_ms) in [(None, 1_050), (Some(30), 2_100), (Some(600), 1_050)] {
        let mut bench = Bench::new(|asked| well(asked.page, 4)).await;
        (bench.rate, bench.reserves_requests) = (Some(60), true);
        let mut lowered = bench.definition.clone();
        lowered.policy.requests_per_minute = declared;
        let now = bench.clock.now();
        bench.store.apply_source(&lowered, now).await.unwrap();
        assert_eq!(bench.run().await, Outcome::Completed);
        assert_eq!(bench.clock.slept_ms(), 3 * spacing_ms, "{declared:?}");
    }
}

/// A run of five pages, in the middle of which another process starts a cooldown and `ms` pass.
async fn cooldown_starts_and(ms: i64) -> (Outcome, Bench) {
    let bench = Bench::new(|asked| well(asked.page, 5)).await;
    let (store, clock) = (bench.store.clone(), bench.clock.clone());
    let cooldown = Cooldown {
        group: bench.definition.policy.rate_group.clone(),
        not_before: after(5 * MINUTE_MS),
        reason: "a requested wait".to_owned(),
    };
    let worker = bench.worker_with(move |operation, call| {
        use futures_util::FutureExt as _;
        if (operation, call) == (Operation::Checkpoint, 2) {
            let closed = store.start_cooldown(&cooldown, clock.now()).now_or_never();
            closed.expect("memory responds at once").unwrap();
            clock.advance_ms(ms);
        }
        Fault::None
    });
    let outcome = only(worker.run(&bench.task().await, Deadline::NONE).await);
    (outcome, bench)
}

#[tokio::test]
async fn foreign_cooldown_stops_run_within_seconds() {
    let (outcome, bench) = cooldown_starts_and(limits::COOLDOWN_READ_MS + 1).await;
    let until = Some(after(5 * MINUTE_MS));
    assert!(
        matches!(outcome, Outcome::Yielded { not_before, .. } if not_before == until),
        "{outcome:?}"
    );
    // Page 2 was already in flight.
    let window = bench.window().await;
    assert_eq!((window.page(), window.attempts()), (3, 0));
    assert_eq!(bench.asked(), ["-", "p1", "p2"]);
    bench.clock.advance_ms(5 * MINUTE_MS);
    assert_eq!(bench.run().await, Outcome::Completed);
}

#[tokio::test]
async fn cooldown_is_not_reread_within_seconds() {
    let (outcome, bench) = cooldown_starts_and(limits::COOLDOWN_READ_MS).await;
    assert_eq!(outcome, Outcome::Completed);
    assert_eq!(bench.asked().len(), 5);
}

#[tokio::test]
async fn cooldown_stops_other_runs_of_process() {
    let bench = Bench::new(|asked| match asked.number {
        3 => Ok(response(429, &[("retry-after", "600")], "{}")),
        _ => well(asked.page, 9),
    })
    .await;
    let worker = bench.worker(bench.store.clone());
    let first = bench.task().await;
    let id = bench.create(1).await;
    let second = Task {
        windows: vec![TaskWindow { id, epoch: 1 }],
        ..first.clone()
    };
    let reports = futures_util::future::join(
        worker.run(&first, Deadline::NONE),
        worker.run(&second, Deadline::NONE),
    )
    .await;
    for report in [reports.0, reports.1] {
        assert!(matches!(only(report), Outcome::Yielded { .. }));
    }
    let asked = bench.asked().len();
    assert!(asked <= 6, "{asked} requests");
}
