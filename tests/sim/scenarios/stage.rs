//! The stage of a scenario: the production engine on vendors, a stream and functions in this
//! process, under virtual time and without faults, which records everything that the figures need.

mod counted;
mod workers;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use anyhow::{Context, anyhow, ensure};
use windlass_connectors::{Connector, Manifest, Settings};
use windlass_core::clock::SeededEntropy;
use windlass_core::ids::{Generation, Lane, SourceName};
use windlass_core::limits;
use windlass_core::progress::Progress;
use windlass_core::seen::{SeenBy, SeenPage};
use windlass_core::shard::Shards;
use windlass_core::source::{Policy, SourceDefinition};
use windlass_core::span::Span;
use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use windlass_core::window::Window;
use windlass_orchestrator::{Tick, TickOptions, TickReport};
use windlass_sink::SinkConfig;
use windlass_sink::aws::StreamSink;
use windlass_sink::stream_config::StreamKind;
use windlass_state::{MemoryStore, StateStore};

pub(crate) use self::counted::Counts;
use self::counted::counted;
pub(crate) use self::workers::Invocation;
use self::workers::{Invoker, Services, Workers};
use super::log::Log;
use crate::clock::{SimClock, wait_until};
use crate::lambda::EVENT_AGE_MS;
use crate::stream::{Delivered, Stream, StreamSpec};
use crate::true_time;

/// The options of a stage's workers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StageSpec {
    /// Lifetime of a worker, in milliseconds.
    pub(crate) timeout_ms: i64,
    /// Most quiet windows that share a worker.
    pub(crate) tasks_per_invocation: usize,
}

impl StageSpec {
    /// The values of the template.
    pub(crate) const DEPLOYED: Self = Self {
        timeout_ms: 900 * SECOND_MS,
        tasks_per_invocation: limits::TASKS_PER_INVOCATION_MAX,
    };
}

/// The configuration of one feed.
#[derive(Debug, Clone)]
pub(crate) struct SourceSpec {
    pub(crate) name: &'static str,
    pub(crate) vendor: Arc<Log>,
    pub(crate) feed: usize,
    pub(crate) start: Timestamp,
    pub(crate) max_ms: i64,
    pub(crate) every_ms: i64,
    pub(crate) max_in_flight: u32,
    pub(crate) sweeps_ms: Vec<i64>,
}

impl SourceSpec {
    /// The first feed of `vendor` from the world's beginning on, with default settings.
    pub(crate) fn plain(vendor: &Arc<Log>) -> Self {
        Self {
            name: "audit",
            vendor: Arc::clone(vendor),
            feed: 0,
            start: true_time::WORLD_EPOCH,
            max_ms: DAY_MS,
            every_ms: limits::EVERY_MS_DEFAULT,
            max_in_flight: 8,
            sweeps_ms: Vec::new(),
        }
    }

    /// Its name as the engine's type.
    ///
    /// # Panics
    /// If a scenario's name has characters other than letters, digits and -.
    pub(crate) fn source(&self) -> SourceName {
        self.name.parse().expect("a scenario's own name")
    }

    fn define(
        &self,
        destination: &BTreeMap<String, String>,
    ) -> anyhow::Result<(Connector, SourceDefinition)> {
        let manifest = Manifest::load("scenario.yaml", &self.vendor.manifest());
        let manifest = manifest.map_err(|error| anyhow!("{error}"))?;
        let params = BTreeMap::from([("feed".to_owned(), self.feed.to_string())]);
        let settings = Settings {
            params,
            ..Settings::default()
        };
        let connector = Connector::compile(&manifest, &settings);
        let connector = connector.map_err(|error| anyhow!("{error}"))?;
        let defaults = connector.defaults();
        let policy = Policy {
            unit_ms: defaults.unit_ms,
            initial_ms: HOUR_MS.min(self.max_ms),
            min_ms: MINUTE_MS,
            max_ms: self.max_ms,
            every_ms: self.every_ms,
            settle_ms: defaults.settle_ms,
            max_lookback_ms: defaults.max_lookback_ms,
            max_in_flight: self.max_in_flight,
            max_open_windows: limits::OPEN_WINDOWS_DEFAULT,
            rate_group: defaults.rate_group.clone(),
            group_in_flight: defaults.group_in_flight,
            requests_per_minute: defaults.requests_per_minute,
            history_ms: limits::HISTORY_MS_DEFAULT,
            strict_order: defaults.strict_order,
            sweeps_ms: self.sweeps_ms.clone(),
            clock: None,
        };
        policy.check()?;
        let origin = connector.origin().to_string();
        let params = connector.params().clone();
        let definition = SourceDefinition {
            name: self.source(),
            connector: connector.name().to_owned(),
            generation: Generation::of(connector.name(), &params, &origin),
            params,
            secret: Some("env:SIM".to_owned()),
            base_url: None,
            token_url: None,
            file: None,
            manifest_hash: None,
            start: self.start,
            end: None,
            sink: "lake".to_owned(),
            destination: destination.clone(),
            metadata: true,
            paused: false,
            policy,
        };
        Ok((connector, definition))
    }
}

/// A stage with its sources.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) store: MemoryStore,
    pub(crate) counts: Arc<Counts>,
    stream: Arc<Stream>,
    workers: Arc<Workers>,
    definitions: BTreeMap<SourceName, SourceDefinition>,
    tasks_per_invocation: usize,
}

impl Stage {
    /// Builds it without applying a definition: see [`Self::apply`].
    pub(crate) async fn build(spec: StageSpec, sources: &[SourceSpec]) -> anyhow::Result<Self> {
        let stream = Stream::new(StreamSpec::plain(), 1);
        let settings = stream.settings();
        let seams = windlass_sink::Seams {
            clock: Arc::new(SimClock::TRUE),
            entropy: Arc::new(SeededEntropy::new(2)),
        };
        let (name, sdk) = ("lake".to_owned(), stream.sdk());
        let sink = StreamSink::new(name, StreamKind::Firehose, &settings, &sdk, seams);
        let sink = Arc::new(sink.await.context("the sink")?);
        let destination = SinkConfig::Firehose(settings).to_map();
        let (mut vendors, mut definitions) = (BTreeMap::new(), BTreeMap::new());
        for source in sources {
            let (connector, definition) = source.define(&destination)?;
            vendors.insert(source.source(), (connector, Arc::clone(&source.vendor)));
            definitions.insert(source.source(), definition);
        }
        let (store, counts) = (MemoryStore::new(), Arc::new(Counts::default()));
        let workers = Workers {
            services: Arc::new(Services { vendors, sink }),
            store: store.clone(),
            counts: Arc::clone(&counts),
            timeout_ms: spec.timeout_ms,
            idle: Mutex::default(),
            runs: Mutex::default(),
            environments: 0.into(),
        };
        Ok(Self {
            store,
            counts,
            stream,
            workers: Arc::new(workers),
            definitions,
            tasks_per_invocation: spec.tasks_per_invocation,
        })
    }

    /// Applies the definition of `source`.
    pub(crate) async fn apply(&self, source: &SourceSpec) -> anyhow::Result<()> {
        let definition = self.definition(&source.source())?;
        self.store
            .apply_source(definition, true_time::now())
            .await?;
        Ok(())
    }

    /// Pauses or resumes `source` as an operator.
    pub(crate) async fn hold(&self, source: &SourceSpec, is_held: bool) -> anyhow::Result<()> {
        let definition = self.definition(&source.source())?;
        let since = is_held.then(true_time::now);
        let held = self
            .store
            .set_pause(definition.shard(), &definition.name, since);
        held.await?;
        Ok(())
    }

    /// Runs one tick, and the time until `minutes` after it began.
    pub(crate) async fn tick(&self, minutes: i64) -> anyhow::Result<TickReport> {
        let end = true_time::now().plus_ms(minutes * MINUTE_MS);
        let store = counted(&self.store, &self.counts);
        let invoker = Invoker(Arc::clone(&self.workers));
        let tick = Tick {
            store: &store,
            dispatch: &invoker,
            options: TickOptions {
                shards: Shards::ALL,
                dispatch_ms: Some(EVENT_AGE_MS + limits::CLOCK_SKEW_MS),
                share_request_rate: true,
                tasks_per_invocation: self.tasks_per_invocation,
            },
            suspects: None,
            now: true_time::now(),
        };
        let report = tick.run().await?;
        wait_until(true_time::instant(end)).await;
        Ok(report)
    }

    /// Every window of a lane, ascending.
    pub(crate) async fn windows(
        &self,
        source: &SourceSpec,
        lane: &Lane,
    ) -> anyhow::Result<Vec<Window>> {
        let ever = Span::new(Timestamp::MIN, Timestamp::MAX)?;
        for progress in self.lanes(source).await? {
            if progress.timeline.lane == *lane {
                let windows = self.store.history(&progress.timeline, ever, usize::MAX);
                return Ok(windows.await?);
            }
        }
        Ok(Vec::new())
    }

    /// The marks of every lane.
    pub(crate) async fn lanes(&self, source: &SourceSpec) -> anyhow::Result<Vec<Progress>> {
        let definition = self.definition(&source.source())?;
        let lanes = self
            .store
            .progress_of(definition.shard(), &definition.name)
            .await?;
        Ok(lanes)
    }

    /// Every seen page.
    pub(crate) async fn seen(&self, source: &SourceSpec) -> anyhow::Result<Vec<SeenPage>> {
        let definition = self.definition(&source.source())?;
        let by = SeenBy {
            source: definition.name.clone(),
            generation: definition.generation.clone(),
        };
        let ever = Span::new(Timestamp::MIN, Timestamp::MAX)?;
        let seen = self.store.seen(&by, ever, usize::MAX).await?;
        seen.context("there are more than can be counted")
    }

    /// The policy of a source.
    pub(crate) fn policy(&self, source: &SourceSpec) -> anyhow::Result<&Policy> {
        Ok(&self.definition(&source.source())?.policy)
    }

    /// Every line that arrived, in order.
    pub(crate) fn delivered(&self) -> Vec<Delivered> {
        self.stream.delivered_from(0)
    }

    /// Every invocation that has ended.
    pub(crate) fn invocations(&self) -> Vec<Invocation> {
        crate::world::lock(&self.workers.runs).clone()
    }

    /// Fails if a forbidden line or call reached the stream.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let violations = self.stream.violations();
        ensure!(violations.is_empty(), "{violations:?}");
        Ok(())
    }

    fn definition(&self, source: &SourceName) -> anyhow::Result<&SourceDefinition> {
        self.definitions.get(source).context("no such source")
    }
}

/// Runs `scenario` in a world of its own.
pub(crate) fn play<T>(scenario: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    // The SDK draws its randomness from here.
    fastrand::seed(7);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(async {
        true_time::begin();
        scenario.await
    })
}
