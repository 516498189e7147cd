//! One source of one vendor, from its configuration to its lines, with a tick a minute in virtual
//! time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use secrecy::SecretString;
use windlass_connectors::scripted::ScriptedTransport;
use windlass_connectors::{
    ApiResponse, Client, Connector, Credentials, Manifest, Settings, TransportError,
};
use windlass_core::clock::{Clock, ManualClock, SeededEntropy};
use windlass_core::shard::Shards;
use windlass_core::source::{SourceDefinition, SourceRecord};
use windlass_core::task::Task;
use windlass_core::time::{HOUR_MS, MINUTE_MS};
use windlass_core::window::Window;
use windlass_core::{Status, Timestamp};
use windlass_orchestrator::{Dispatch, DispatchError, Tick, TickOptions, TickReport, read_source};
use windlass_sink::memory::MemorySink;
use windlass_state::{MemoryStore, StateStore};
use windlass_worker::{AdapterError, AdapterFactory, Adapters, Deadline, Seams, Stop, Worker};

use crate::vendor::{Asked, start};

/// Life of a worker, as on Lambda.
const WORKER_MS: i64 = 14 * MINUTE_MS;

/// The secret of the source.
const SECRET: &str = "canary-5f1e9c02";

type Response = Result<ApiResponse, TransportError>;

/// A running source, its vendor and its output.
pub(crate) struct Stage {
    store: MemoryStore,
    output: MemorySink,
    transport: ScriptedTransport,
    clock: Arc<ManualClock>,
    worker: Worker<MemoryStore, Factory>,
    source: SourceDefinition,
    said: BTreeSet<String>,
}

/// The delivered records, and the words that a person can read about their source.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Number of lines by record id, the ones of unfinished windows included.
    pub(crate) lines: BTreeMap<String, usize>,
    /// Number of rejects.
    pub(crate) rejects: usize,
    /// Number of requests.
    pub(crate) requests: usize,
    /// The windows that are not done, with the reason of each.
    pub(crate) unfinished: Vec<Window>,
    /// Everything before this instant is delivered, or a gap.
    pub(crate) complete_through: Timestamp,
    /// Number of parked windows, which are gaps.
    pub(crate) gaps: usize,
    /// The reason why the source is blocked at the end; `None` when it is not.
    pub(crate) blocked: Option<String>,
    /// Every message of a tick, a window or a block so far.
    pub(crate) said: BTreeSet<String>,
}

impl Seen {
    /// Number of different records.
    pub(crate) fn records(&self) -> usize {
        self.lines.len()
    }

    /// Number of lines beyond the first of each record.
    pub(crate) fn repeated(&self) -> usize {
        self.lines.values().map(|lines| lines - 1).sum()
    }

    /// Fails unless a message contains `words`.
    pub(crate) fn expect_said(&self, words: &str) {
        let found = self.said.iter().any(|message| message.contains(words));
        assert!(found, "no message contains {words:?}: {:#?}", self.said);
    }

    /// Fails unless every record of `hours` hours is delivered once, without a gap.
    pub(crate) fn expect_whole(&self, hours: usize) {
        let whole = (self.records(), self.repeated(), self.gaps, self.rejects);
        assert_eq!(whole, (60 * hours, 0, 0, 0), "{self:#?}");
    }
}

impl Stage {
    /// A source of the vendor that `manifest` describes and `vendor` plays, with windows of an hour
    /// and `hours` hours of records, at the end of those hours and its settle.
    pub(crate) async fn new(
        manifest: &str,
        hours: i64,
        vendor: impl Fn(&Asked<'_>) -> ApiResponse + Send + Sync + 'static,
    ) -> Self {
        Self::with(manifest, hours, move |asked| Ok(vendor(asked))).await
    }

    /// [`Self::new`] with a vendor that also fails without a response.
    pub(crate) async fn with(
        manifest: &str,
        hours: i64,
        vendor: impl Fn(&Asked<'_>) -> Response + Send + Sync + 'static,
    ) -> Self {
        let start = start();
        let end = start.plus_ms(hours * HOUR_MS);
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("t.yaml"), manifest).expect("a written manifest");
        let config = format!(
            "state: {{ sqlite: ./state.db }}\nsinks: {{ files: {{ ndjson: {{ dir: ./out }} }} }}\n\
             sources:\n  t:\n    connector: ./t.yaml\n    secret: env:T\n    start: {start}\n    \
             end: {end}\n    window: {{ max: 1h }}\n"
        );
        let source = windlass::definitions("windlass.yaml", &config, folder.path());
        let source = source.unwrap_or_else(|error| panic!("{error}")).remove(0);
        let manifest = Manifest::load("t.yaml", manifest).expect("a valid manifest");
        let connector =
            Connector::compile(&manifest, &Settings::default()).expect("a compiled connector");
        let clock = Arc::new(ManualClock::at(end.plus_ms(2 * MINUTE_MS)));
        let transport = {
            let (clock, count) = (Arc::clone(&clock), AtomicUsize::new(0));
            ScriptedTransport::new(move |http| {
                let number = 1 + count.fetch_add(1, Ordering::SeqCst);
                let now = clock.now();
                vendor(&Asked { http, number, now })
            })
        };
        let secret = SecretString::from(SECRET);
        let entropy = Arc::new(SeededEntropy::new(7));
        let client = Client::new(
            connector.clone(),
            Credentials::new(connector.auth(), Some(&secret)).expect("valid credentials"),
            transport.clone(),
            clock.clone(),
            entropy.clone(),
        );
        let (store, output) = (MemoryStore::new(), MemorySink::new("memory"));
        store
            .apply_source(&source, clock.now())
            .await
            .expect("an applied source");
        let factory = Factory(Adapters {
            client: Arc::new(client),
            sink: Arc::new(output.clone()),
        });
        let seams = Seams {
            clock: clock.clone(),
            entropy,
            stop: Stop::default(),
            observer: None,
        };
        Self {
            worker: Worker::new(store.clone(), factory, seams),
            store,
            output,
            transport,
            clock,
            source,
            said: BTreeSet::new(),
        }
    }

    /// Runs a tick, and the workers that it starts, each virtual minute for `minutes`; ends early
    /// once nothing is left to do.
    pub(crate) async fn run(&mut self, minutes: i64) -> Seen {
        let end = self.clock.now().plus_ms(minutes * MINUTE_MS);
        while self.clock.now() < end {
            let begun = self.clock.now();
            let report = self.tick().await;
            if self.is_finished(&report) {
                break;
            }
            let passed_ms = self.clock.now().ms_since(begun);
            self.clock.advance_ms((MINUTE_MS - passed_ms).max(0));
        }
        self.seen().await
    }

    async fn tick(&mut self) -> TickReport {
        let inbox = Inbox::default();
        let tick = Tick {
            store: &self.store,
            dispatch: &inbox,
            options: TickOptions {
                shards: Shards::ALL,
                dispatch_ms: None,
                share_request_rate: false,
                tasks_per_invocation: 1,
            },
            suspects: None,
            now: self.clock.now(),
        };
        let report = tick.run().await.expect("a tick");
        let tasks: Vec<Task> = std::mem::take(&mut *inbox.0.lock().expect("no panic"));
        for task in &tasks {
            let deadline = Deadline::killed_at(self.clock.now().plus_ms(WORKER_MS));
            self.worker.run(task, deadline).await;
        }
        self.listen(&report).await;
        report
    }

    fn is_finished(&self, report: &TickReport) -> bool {
        let end = self.source.end.expect("a bounded source");
        let is_done = |source: &windlass_orchestrator::SourceReport| source.complete_through >= end;
        report.sources.iter().all(is_done)
    }

    /// Collects the messages that `status`, `show` and the log would have after this minute.
    async fn listen(&mut self, report: &TickReport) {
        for source in &report.sources {
            self.said.extend(source.error.clone());
            let last = source.last_error.as_ref();
            self.said.extend(last.map(|last| last.error.clone()));
        }
        for record in self.store.all_sources().await.expect("the sources") {
            self.said
                .extend(record.blocked.as_ref().map(|it| it.reason.clone()));
            let view = read_source(&self.store, record, self.clock.now()).await;
            for window in view.expect("a view").windows() {
                self.said.extend(window.last_error().map(str::to_owned));
            }
        }
    }

    async fn seen(&self) -> Seen {
        let record = self
            .store
            .all_sources()
            .await
            .expect("the sources")
            .remove(0);
        let blocked = record.blocked.as_ref().map(|it| it.reason.clone());
        let view = read_source(&self.store, record, self.clock.now()).await;
        let view = view.expect("a view");
        let mut seen = Seen {
            lines: BTreeMap::new(),
            rejects: 0,
            requests: self.transport.requests().len(),
            unfinished: view
                .windows()
                .filter(|it| it.is_unfinished())
                .cloned()
                .collect(),
            complete_through: view.complete_through(),
            gaps: view
                .windows()
                .filter(|it| it.status() == Status::Parked)
                .count(),
            blocked,
            said: self.said.clone(),
        };
        for window in self.output.windows() {
            let done = self.output.output(&window);
            let lines = done.unwrap_or_else(|| self.output.in_progress(&window));
            for line in lines {
                *seen.lines.entry(id_of(&line.text)).or_default() += 1;
            }
            seen.rejects += self.output.rejects(&window).len();
        }
        seen
    }
}

/// The record's `id`, or the whole line without one.
fn id_of(line: &[u8]) -> String {
    let record: Option<serde_json::Value> = serde_json::from_slice(line).ok();
    let id = record.as_ref().and_then(|it| it.get("id")?.as_str());
    let whole = || String::from_utf8_lossy(line).into_owned();
    id.map_or_else(whole, str::to_owned)
}

/// Keeps the tasks of a tick.
#[derive(Debug, Default)]
struct Inbox(Mutex<Vec<Task>>);

impl Dispatch for Inbox {
    async fn dispatch(&self, tasks: Vec<Task>) -> Result<(), DispatchError> {
        self.0.lock().expect("no panic").extend(tasks);
        Ok(())
    }
}

/// Returns the one client and sink.
#[derive(Debug)]
struct Factory(Adapters<ScriptedTransport, MemorySink>);

impl AdapterFactory for Factory {
    type Transport = ScriptedTransport;
    type Sink = MemorySink;

    async fn adapters(
        &self,
        _: &SourceRecord,
    ) -> Result<Adapters<ScriptedTransport, MemorySink>, AdapterError> {
        Ok(self.0.clone())
    }
}
