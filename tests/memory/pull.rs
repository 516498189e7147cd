//! One window of one page, pulled by the production worker over the production transport.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use secrecy::SecretString;
use windlass_connectors::http::HttpTransport;
use windlass_connectors::{Client, Connector, Credentials, Manifest, Settings};
use windlass_core::clock::{Clock, ManualClock, SeededEntropy};
use windlass_core::source::{Policy, SourceDefinition, SourceRecord};
use windlass_core::task::{TASK_VERSION, Task, TaskWindow};
use windlass_core::time::{DAY_MS, HOUR_MS};
use windlass_core::{Status, Timestamp, Window, limits};
use windlass_sink::Sink;
use windlass_state::{MemoryStore, StateStore};
use windlass_worker::{AdapterError, AdapterFactory, Adapters, Deadline, Seams, Stop, Worker};

use crate::bodies::Body;
use crate::services::serve_vendor;

const MANIFEST: &str = r#"
connector: sample
title: A sample
docs: https://vendor.test/docs
base_url: https://api.vendor.test
auth: { kind: bearer }
request: { path: /activity, query: { startTime: "{from}", endTime: "{to}" } }
window:
  mode: window
  clock: event
  format: rfc3339_ms
  unit: 1ms
  start_bound: inclusive
  end_bound: exclusive
  initial: 1h
  settle: 10m
page:
  token: { body: nextPageToken }
  to: { query: pageToken }
  end: [token_absent]
  replayable: true
records: { path: items, id: [id], order: unknown }
"#;

/// Start of the source and of its window: 2026-01-01T00:00:00Z.
const START_MS: i64 = 1_767_225_600_000;
const NOW_MS: i64 = START_MS + DAY_MS;

/// A clock that shows the day after the window.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(Timestamp::from_ms(NOW_MS)))
}

/// A source with one ready window.
pub(crate) struct Pull<K: Sink> {
    store: MemoryStore,
    worker: Worker<MemoryStore, Fixed<K>>,
    task: Task,
}

struct Fixed<K> {
    client: Arc<Client<HttpTransport>>,
    sink: Arc<K>,
}

impl<K: Sink> AdapterFactory for Fixed<K> {
    type Transport = HttpTransport;
    type Sink = K;

    async fn adapters(&self, _: &SourceRecord) -> Result<Adapters<HttpTransport, K>, AdapterError> {
        Ok(Adapters {
            client: Arc::clone(&self.client),
            sink: Arc::clone(&self.sink),
        })
    }
}

impl<K: Sink> Pull<K> {
    /// A pull of `body` from a server into `sink`.
    pub(crate) async fn new(body: &Body, sink: K) -> anyhow::Result<Self> {
        let address = serve_vendor(body.sent.clone(), body.is_gzip)?;
        let settings = Settings {
            base_url: Some(format!("http://{address}")),
            ..Settings::default()
        };
        let manifest = Manifest::load("sample.yaml", MANIFEST)?;
        let connector = Connector::compile(&manifest, &settings)?;
        let secret = SecretString::from("not-a-secret");
        let credentials = Credentials::new(connector.auth(), Some(&secret))?;
        let entropy = Arc::new(SeededEntropy::new(7));
        let transport = HttpTransport::new()?;
        let client = Client::new(connector, credentials, transport, clock(), entropy.clone());
        let store = MemoryStore::new();
        let definition = definition(body)?;
        let now = clock().now();
        store.apply_source(&definition, now).await?;
        let id = "sample/0123456789ab/live/2026-01-01T00:00:00Z";
        let window = Window::new(id.parse()?, definition.start.plus_ms(HOUR_MS), now)?;
        store.create(&window).await?;
        let task = Task {
            version: TASK_VERSION,
            source: definition.name.clone(),
            shard: definition.shard(),
            windows: vec![TaskWindow {
                id: window.id().clone(),
                epoch: window.epoch(),
            }],
            requests_per_minute: None,
            reserves_requests: false,
            crowded: false,
            witnesses: Vec::new(),
        };
        let factory = Fixed {
            client: Arc::new(client),
            sink: Arc::new(sink),
        };
        let seams = Seams {
            clock: clock(),
            entropy,
            stop: Stop::default(),
            observer: None,
        };
        let worker = Worker::new(store.clone(), factory, seams);
        Ok(Self {
            store,
            worker,
            task,
        })
    }

    /// Pulls the window to its end. Returns the stored window.
    pub(crate) async fn run(&self) -> anyhow::Result<Window> {
        let report = self.worker.run(&self.task, Deadline::NONE).await;
        let id = &self.task.windows[0].id;
        let window = self.store.window(id).await?.context("the window is gone")?;
        ensure!(window.status() == Status::Done, "{report:?}");
        Ok(window)
    }
}

fn definition(body: &Body) -> anyhow::Result<SourceDefinition> {
    Ok(SourceDefinition {
        name: "sample".parse()?,
        connector: "sample".to_owned(),
        params: BTreeMap::new(),
        generation: "0123456789ab".parse()?,
        secret: None,
        base_url: None,
        token_url: None,
        start: Timestamp::from_ms(START_MS),
        end: None,
        sink: "sink".to_owned(),
        destination: BTreeMap::new(),
        metadata: body.metadata,
        paused: false,
        file: None,
        manifest_hash: None,
        policy: Policy {
            unit_ms: 1,
            initial_ms: HOUR_MS,
            min_ms: HOUR_MS,
            max_ms: HOUR_MS,
            every_ms: HOUR_MS,
            settle_ms: 600_000,
            max_lookback_ms: None,
            max_in_flight: 1,
            max_open_windows: 64,
            rate_group: "sample".parse()?,
            group_in_flight: 1,
            requests_per_minute: None,
            history_ms: limits::HISTORY_MS_DEFAULT,
            strict_order: None,
            sweeps_ms: if body.swept { vec![DAY_MS] } else { Vec::new() },
            clock: None,
        },
    })
}
