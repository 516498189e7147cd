//! A bench: one source with one window, its vendor, sink, store and clock, and a tick for the moves
//! that only ticks make.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use windlass_connectors::scripted::ScriptedTransport;
use windlass_connectors::{Client, Connector, Credentials, Manifest, Settings};
use windlass_core::clock::{Clock as _, ManualClock, SeededEntropy};
use windlass_core::scavenge::{recover, scavenge};
use windlass_core::source::{BlockChange, Policy, SourceDefinition, SourceRecord};
use windlass_core::task::{TASK_VERSION, Task, TaskWindow};
use windlass_core::time::HOUR_MS;
use windlass_core::transition::Event;
use windlass_core::{Progress, Status, Timestamp, Window, WindowId, limits};
use windlass_sink::failing::FailingSink;
use windlass_sink::holding::HoldingSink;
use windlass_sink::memory::MemorySink;
use windlass_state::failing::{FailingStore, Fault, Operation};
use windlass_state::{MemoryStore, StateStore};

use super::fake_vendor::{Asked, MANIFEST, Response, token, transport};
use super::slow_sink::SlowSink;
use crate::{AdapterError, AdapterFactory, Adapters};
use crate::{Deadline, Outcome, Report, Seams, Stop, Worker};

/// The secret of the source: must never appear outside a request's header.
pub(super) const CANARY: &str = "canary-5f1e9c02";
pub(super) const SETTLE_MS: i64 = 600_000;
/// Initial time of the clock.
pub(super) const NOW: &str = "2026-01-02T00:00:00Z";

pub(super) type TestSink = FailingSink<SlowSink>;

/// Builds clients and returns the bench's sink.
#[derive(Debug, Clone)]
pub(super) struct TestAdapterFactory {
    client: Arc<Client<ScriptedTransport>>,
    sink: Arc<TestSink>,
    pub(super) problem: Option<AdapterError>,
}

impl AdapterFactory for TestAdapterFactory {
    type Transport = ScriptedTransport;
    type Sink = TestSink;

    async fn adapters(
        &self,
        _: &SourceRecord,
    ) -> Result<Adapters<ScriptedTransport, TestSink>, AdapterError> {
        // Building clients takes time in production; here it lets rivals run in between.
        tokio::task::yield_now().await;
        match &self.problem {
            Some(problem) => Err(problem.clone()),
            None => Ok(Adapters {
                client: Arc::clone(&self.client),
                sink: Arc::clone(&self.sink),
            }),
        }
    }
}

pub(super) struct Bench {
    pub(super) store: MemoryStore,
    pub(super) sink: TestSink,
    pub(super) output: MemorySink,
    pub(super) transport: ScriptedTransport,
    pub(super) clock: Arc<ManualClock>,
    pub(super) stop: Stop,
    pub(super) factory: TestAdapterFactory,
    pub(super) rate: Option<u32>,
    pub(super) reserves_requests: bool,
    /// Log of fetches and writes.
    pub(super) log: Log,
    pub(super) id: WindowId,
    pub(super) definition: SourceDefinition,
    /// Number of processes so far: each draws its own randomness.
    pub(super) processes: AtomicU64,
}

/// The options of a bench.
pub(super) struct Setting {
    pub(super) manifest: String,
    pub(super) policy: Policy,
    /// True if the sink takes nothing back.
    pub(super) is_stream: bool,
    /// True if the sink holds pages until it is flushed.
    pub(super) holds: bool,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            manifest: MANIFEST.to_owned(),
            policy: definition().policy,
            is_stream: false,
            holds: false,
        }
    }
}

/// The events, in order. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(super) fn push(&self, event: String) {
        self.0.lock().unwrap().push(event);
    }

    pub(super) fn events(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Bench {
    pub(super) async fn new(vendor: impl Fn(&Asked) -> Response + Send + Sync + 'static) -> Self {
        Self::with(Setting::default(), vendor).await
    }

    /// A vendor with one-time tokens.
    pub(super) async fn single_use(
        vendor: impl Fn(&Asked) -> Response + Send + Sync + 'static,
    ) -> Self {
        let setting = Setting {
            manifest: MANIFEST.replace("  replayable: true\n", ""),
            ..Setting::default()
        };
        Self::with(setting, vendor).await
    }

    pub(super) async fn with(
        setting: Setting,
        vendor: impl Fn(&Asked) -> Response + Send + Sync + 'static,
    ) -> Self {
        let clock = Arc::new(ManualClock::at(NOW.parse().unwrap()));
        let manifest = Manifest::load("sample.yaml", &setting.manifest).unwrap();
        let connector = Connector::compile(&manifest, &Settings::default()).unwrap();
        let secret = SecretString::from(CANARY);
        let credentials = Credentials::new(connector.auth(), Some(&secret)).unwrap();
        let log = Log::default();
        let transport = transport(vendor, log.clone());
        let client = Client::new(
            connector,
            credentials,
            transport.clone(),
            clock.clone(),
            Arc::new(SeededEntropy::new(7)),
        );
        let output = MemorySink::new("memory");
        let inner = HoldingSink::new(output.clone(), setting.holds);
        let sink = FailingSink::new(SlowSink {
            inner,
            log: log.clone(),
            is_stream: setting.is_stream,
            hangs: Arc::default(),
        });
        let bench = Self {
            store: MemoryStore::new(),
            output,
            transport,
            stop: Stop::default(),
            factory: TestAdapterFactory {
                client: Arc::new(client),
                sink: Arc::new(sink.clone()),
                problem: None,
            },
            sink,
            log,
            clock,
            rate: None,
            reserves_requests: false,
            id: "sample/0123456789ab/live/2026-01-01T00:00:00Z"
                .parse()
                .unwrap(),
            definition: SourceDefinition {
                policy: setting.policy,
                ..definition()
            },
            processes: AtomicU64::new(0),
        };
        let now = bench.clock.now();
        let definition = &bench.definition;
        bench.store.apply_source(definition, now).await.unwrap();
        bench.create(0).await;
        bench
    }

    /// Creates the window `hour` hours after the first one.
    pub(super) async fn create(&self, hour: i64) -> WindowId {
        let from = self.id.from.plus_ms(hour * HOUR_MS);
        let id = WindowId {
            from,
            ..self.id.clone()
        };
        let window = Window::new(id.clone(), from.plus_ms(HOUR_MS), self.clock.now()).unwrap();
        self.store.create(&window).await.unwrap();
        id
    }

    /// Creates the marks of `hours` hours of windows, so that they can be found.
    pub(super) async fn create_windows(&self, hours: i64) {
        let timeline = self.id.timeline.clone();
        let (policy, now) = (definition().policy, self.clock.now());
        let mut progress = Progress::begin(timeline, self.id.from, None, &policy, now);
        progress.scheduled_through = self.id.from.plus_ms(hours * HOUR_MS);
        self.store
            .save_progress(definition().shard(), &progress)
            .await
            .unwrap();
    }

    pub(super) async fn window(&self) -> Window {
        self.store.window(&self.id).await.unwrap().unwrap()
    }

    pub(super) async fn source(&self) -> SourceRecord {
        let name = &self.id.timeline.source;
        self.store
            .source(definition().shard(), name)
            .await
            .unwrap()
            .unwrap()
    }

    pub(super) async fn cooldown(&self) -> Option<windlass_core::wait::Cooldown> {
        let group = definition().policy.rate_group;
        self.store.cooldown(&group).await.unwrap()
    }

    pub(super) async fn task(&self) -> Task {
        let window = self.window().await;
        Task {
            version: TASK_VERSION,
            source: window.id().timeline.source.clone(),
            shard: definition().shard(),
            windows: vec![TaskWindow {
                id: window.id().clone(),
                epoch: window.epoch(),
            }],
            requests_per_minute: self.rate,
            reserves_requests: self.reserves_requests,
            crowded: false,
            witnesses: Vec::new(),
        }
    }

    /// A worker of its own process, on `store`.
    pub(super) fn worker<S: StateStore>(&self, store: S) -> Worker<S, TestAdapterFactory> {
        let process = self.processes.fetch_add(1, Ordering::SeqCst);
        let seams = Seams {
            clock: self.clock.clone(),
            entropy: Arc::new(SeededEntropy::new(process)),
            stop: self.stop.clone(),
            observer: None,
        };
        Worker::new(store, self.factory.clone(), seams)
    }

    /// A worker whose store fails as `script` decides.
    pub(super) fn worker_with(
        &self,
        script: impl Fn(Operation, u64) -> Fault + Send + Sync + 'static,
    ) -> Worker<FailingStore<MemoryStore>, TestAdapterFactory> {
        let store = FailingStore::new(self.store.clone(), script);
        self.worker(store.with_clock(self.clock.clone()))
    }

    pub(super) async fn run(&self) -> Outcome {
        self.run_for(Deadline::NONE).await
    }

    pub(super) async fn run_for(&self, deadline: Deadline) -> Outcome {
        let (worker, task) = (self.worker(self.store.clone()), self.task().await);
        only(worker.run(&task, deadline).await)
    }

    /// Waits until the window is due, then runs it.
    pub(super) async fn run_when_due(&self) -> Outcome {
        self.wait_until_due().await;
        self.run().await
    }

    pub(super) async fn wait_until_due(&self) {
        let cooldown = self.cooldown().await.map(|it| it.not_before);
        if let Some(at) = self.window().await.not_before().max(cooldown) {
            let wait_ms = at.ms_since(self.clock.now());
            self.clock.advance_ms(wait_ms.max(0));
        }
    }

    /// A tick's moves of the window: expires an old lease, parks at the retry limit.
    pub(super) async fn tick(&self) {
        let (window, policy) = (self.window().await, &self.definition.policy);
        if let Some(event) = scavenge(&window, policy, self.clock.now(), Timestamp::MAX) {
            self.store.decide(&window, &event).await.unwrap();
        }
    }

    /// The next process's recovery of a window that a dead one left running.
    pub(super) async fn recover(&self) {
        let window = self.window().await;
        if let Some(event) = recover(&window, self.clock.now()) {
            self.store.decide(&window, &event).await.unwrap();
        }
    }

    /// An operator's retry of a parked window and of a blocked source.
    pub(super) async fn mend(&self) {
        let source = self.source().await;
        let name = &source.definition.name;
        let change = BlockChange::Clear;
        let cleared = self
            .store
            .block_source(source.shard(), name, source.version, &change);
        cleared.await.unwrap();
        let window = self.window().await;
        if window.status() == Status::Parked {
            let now = self.clock.now();
            let retried = self.store.decide(&window, &Event::Retry { now }).await;
            retried.unwrap();
        }
    }

    /// The final output of the window, as the records' names.
    pub(super) fn output(&self) -> Vec<String> {
        let lines = self.output.output(&self.id).unwrap_or_default();
        lines.iter().map(|line| name_of(&line.text)).collect()
    }

    /// Every record that ever reached the sink, in order, including those taken back.
    pub(super) fn written(&self) -> Vec<String> {
        let written = self.output.written();
        written
            .iter()
            .map(|(_, line)| name_of(&line.text))
            .collect()
    }

    /// The tokens of the requests, in order; the first page is "-".
    pub(super) fn asked(&self) -> Vec<String> {
        let requests = self.transport.requests();
        let token = |request| token(request).unwrap_or_else(|| "-".to_owned());
        requests.iter().map(token).collect()
    }
}

fn name_of(line: &[u8]) -> String {
    let line: serde_json::Value = serde_json::from_slice(line).unwrap();
    line["id"].as_str().unwrap().to_owned()
}

/// The one outcome of a run of one window.
pub(super) fn only(report: Report) -> Outcome {
    let [(_, outcome)] = report.windows.try_into().expect("one window");
    outcome
}

pub(super) fn after(ms: i64) -> Timestamp {
    NOW.parse::<Timestamp>().unwrap().plus_ms(ms)
}

pub(super) fn definition() -> SourceDefinition {
    SourceDefinition {
        name: "sample".parse().unwrap(),
        connector: "sample".to_owned(),
        params: std::collections::BTreeMap::new(),
        generation: "0123456789ab".parse().unwrap(),
        secret: None,
        base_url: None,
        token_url: None,
        file: None,
        manifest_hash: None,
        start: "2026-01-01T00:00:00Z".parse().unwrap(),
        end: None,
        sink: "memory".to_owned(),
        destination: [].into(),
        metadata: true,
        paused: false,
        policy: Policy {
            unit_ms: 1,
            initial_ms: HOUR_MS,
            min_ms: HOUR_MS,
            max_ms: HOUR_MS,
            every_ms: HOUR_MS,
            settle_ms: SETTLE_MS,
            max_lookback_ms: None,
            max_in_flight: 1,
            max_open_windows: 64,
            rate_group: "sample".parse().unwrap(),
            group_in_flight: 1,
            requests_per_minute: None,
            history_ms: limits::HISTORY_MS_DEFAULT,
            strict_order: None,
            sweeps_ms: Vec::new(),
            clock: None,
        },
    }
}
