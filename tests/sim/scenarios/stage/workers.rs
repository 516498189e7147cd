//! Workers in separate processes: an asynchronous invocation for each, killed at its timeout.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;
use windlass_connectors::{Client, Connector, Credentials};
use windlass_core::clock::{Clock, Entropy, SeededEntropy};
use windlass_core::ids::SourceName;
use windlass_core::source::SourceRecord;
use windlass_core::task::Task;
use windlass_core::time::Timestamp;
use windlass_orchestrator::{Dispatch, DispatchError};
use windlass_sink::aws::StreamSink;
use windlass_state::MemoryStore;
use windlass_state::failing::FailingStore;
use windlass_worker::lambda::run_side_by_side;
use windlass_worker::{AdapterError, AdapterFactory, Adapters, Deadline, Seams, Stop, Worker};

use super::counted::{Counts, counted};
use crate::clock::{SimClock, wait_ms};
use crate::mortal::{Ended, Fate, run};
use crate::scenarios::log::Log;
use crate::true_time;
use crate::world::lock;

/// Delay of an invocation, in milliseconds.
const QUEUE_MS: i64 = 200;

/// The connectors, vendors and the sink of a stage.
#[derive(Debug)]
pub(super) struct Services {
    pub(super) vendors: BTreeMap<SourceName, (Connector, Arc<Log>)>,
    pub(super) sink: Arc<StreamSink>,
}

type StageWorker = Worker<FailingStore<MemoryStore>, StageAdapterFactory>;

/// The worker function.
#[derive(Debug)]
pub(super) struct Workers {
    pub(super) services: Arc<Services>,
    pub(super) store: MemoryStore,
    pub(super) counts: Arc<Counts>,
    /// Lifetime of a worker, in milliseconds.
    pub(super) timeout_ms: i64,
    pub(super) idle: Mutex<Vec<StageWorker>>,
    pub(super) runs: Mutex<Vec<Invocation>>,
    pub(super) environments: AtomicU64,
}

/// One invocation of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// Instant of its start.
    pub(crate) from: Timestamp,
    /// Instant of its end.
    pub(crate) to: Timestamp,
}

impl Workers {
    async fn invoke(&self, tasks: &[Task]) {
        let idle = lock(&self.idle).pop();
        let worker = idle.unwrap_or_else(|| self.environment());
        let from = true_time::now();
        let timeout_ms = self.timeout_ms.unsigned_abs();
        let fate = Fate {
            deadline: Instant::now() + Duration::from_millis(timeout_ms),
            kill_at_poll: None,
            pause: None,
        };
        let deadline = Deadline::killed_at(from.plus_ms(self.timeout_ms));
        let ended = run(fate, || true, work(&worker, tasks, deadline)).await;
        if ended == Ended::With(()) {
            lock(&self.idle).push(worker);
        }
        let to = true_time::now();
        lock(&self.runs).push(Invocation { from, to });
    }

    fn environment(&self) -> StageWorker {
        let number = self.environments.fetch_add(1, Ordering::SeqCst);
        let clock: Arc<dyn Clock> = Arc::new(SimClock::TRUE);
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(number));
        let factory = StageAdapterFactory {
            services: Arc::clone(&self.services),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        };
        let seams = Seams {
            clock,
            entropy,
            stop: Stop::default(),
            observer: None,
        };
        Worker::new(counted(&self.store, &self.counts), factory, seams)
    }
}

/// The same run of `tasks` as in the function's main.
async fn work(worker: &StageWorker, tasks: &[Task], deadline: Deadline) {
    if let [only] = tasks {
        worker.run(only, deadline).await;
        return;
    }
    run_side_by_side(worker, tasks, deadline).await;
}

/// A tick's access to the workers.
#[derive(Debug)]
pub(super) struct Invoker(pub(super) Arc<Workers>);

impl Dispatch for Invoker {
    async fn dispatch(&self, tasks: Vec<Task>) -> Result<(), DispatchError> {
        // Serialized, as tasks travel.
        let bad = |error: serde_json::Error| DispatchError(error.to_string());
        let payload = serde_json::to_vec(&tasks).map_err(bad)?;
        let tasks: Vec<Task> = serde_json::from_slice(&payload).map_err(bad)?;
        let workers = Arc::clone(&self.0);
        tokio::spawn(async move {
            wait_ms(QUEUE_MS).await;
            workers.invoke(&tasks).await;
        });
        Ok(())
    }
}

/// Clients on the scenario's vendors, and the one sink.
#[derive(Debug)]
pub(super) struct StageAdapterFactory {
    services: Arc<Services>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl AdapterFactory for StageAdapterFactory {
    type Transport = Arc<Log>;
    type Sink = StreamSink;

    async fn adapters(
        &self,
        source: &SourceRecord,
    ) -> Result<Adapters<Arc<Log>, StreamSink>, AdapterError> {
        let name = &source.definition.name;
        let Some((connector, vendor)) = self.services.vendors.get(name) else {
            return Err(AdapterError::Refused(format!("no source {name}")));
        };
        let secret = SecretString::from("not-a-secret");
        let credentials = Credentials::new(connector.auth(), Some(&secret))
            .map_err(|error| AdapterError::Refused(error.to_string()))?;
        let client = Client::new(
            connector.clone(),
            credentials,
            Arc::clone(vendor),
            Arc::clone(&self.clock),
            Arc::clone(&self.entropy),
        );
        Ok(Adapters {
            client: Arc::new(client),
            sink: Arc::clone(&self.services.sink),
        })
    }
}
