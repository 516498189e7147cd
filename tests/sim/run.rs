//! The life of one world: it is built, has faults for a while, and must then catch up without
//! faults within a stated number of ticks.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_core::Timestamp;
use windlass_core::breaks::{self, Break};
use windlass_core::clock::SeededEntropy;
use windlass_core::ids::Lane;
use windlass_core::source::SourceDefinition;
use windlass_orchestrator::read_source;
use windlass_sink::aws::StreamSink;
use windlass_sink::stream_config::{StreamConfig, StreamKind};
use windlass_sink::{Seams, SinkConfig};
use windlass_state::StateStore;

use crate::adapters::Services;
use crate::checked::CheckedStore;
use crate::clock::{SimClock, wait_until};
use crate::ends::{self, Tally};
use crate::files::{Files, Output, SimSink};
use crate::lambda::Lambda;
use crate::op::What;
use crate::operator::{Operator, Outside};
use crate::spec::WorldSpec;
use crate::stream::{Stream, StreamSpec};
use crate::ticks::{TICK_MS, Ticks};
use crate::true_time;
use crate::truth::{SourceTruth, Truths};
use crate::vendor::{Vendor, VendorSpec};
use crate::world::World;
use crate::wrong_clock::Seat;

/// Ticks after the last fault within which every source must be caught up: stored waits of up to an
/// hour, a lease of a quarter, and a day's requests at a vendor with a low request rate.
pub(crate) const CATCH_UP_TICKS: u64 = 300;
/// Allowed lag of a source that is caught up beyond its settle and `every`, in milliseconds: a
/// tick, a run, and another tick.
const TRAIL_MS: i64 = 10 * TICK_MS;

/// The outcome of a world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The violations, in order.
    pub(crate) violations: Vec<String>,
    /// Counts of records, by delivery.
    pub(crate) tally: Tally,
    /// Count of each fault.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// Its length in milliseconds of its own time.
    pub(crate) virtual_ms: i64,
    /// Time of wrong clocks, summed over its operations, in milliseconds.
    pub(crate) wrong_clock_ms: i64,
    /// Ticks that completed.
    pub(crate) ticks: u64,
    /// Worker invocations that began.
    pub(crate) invocations: u64,
    /// Hash of its whole history.
    pub(crate) trace_hash: u64,
    /// Its whole history, if requested.
    pub(crate) trace: Vec<String>,
}

/// Runs the world of `spec` on this thread, with the protocol `broken` in one way or not at all.
pub(crate) fn run(spec: &WorldSpec, broken: Option<Break>, traced: bool) -> Outcome {
    breaks::set(broken);
    // The SDK draws its randomness from here.
    fastrand::seed(spec.seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(live(spec, traced)),
        Err(error) => failed(format!("no runtime: {error}")),
    };
    breaks::set(None);
    outcome
}

/// The outcome of a world that could not begin.
pub(crate) fn failed(problem: String) -> Outcome {
    Outcome {
        violations: vec![problem],
        ..Outcome::default()
    }
}

async fn live(spec: &WorldSpec, traced: bool) -> Outcome {
    true_time::begin();
    let world = Arc::new(World::new(spec.seed, spec.ops.clone(), traced));
    match Scene::build(spec, &world).await {
        Ok(scene) => scene.live(spec).await,
        Err(problem) => failed(problem),
    }
}

/// The parts of a world, connected.
struct Scene {
    world: Arc<World>,
    vendors: Vec<Arc<Vendor>>,
    stream: Arc<Stream>,
    output: Output,
    truths: Arc<Truths>,
    lambda: Arc<Lambda>,
    ticks: Ticks,
    operator: Operator,
}

impl Scene {
    async fn build(spec: &WorldSpec, world: &Arc<World>) -> Result<Self, String> {
        let seeds = |number: usize| spec.seed.wrapping_mul(31).wrapping_add(number as u64);
        let vendors: Vec<_> = (0..)
            .zip(&spec.vendors)
            .map(|(number, vendor)| {
                let wrong = world.wrong_clocks();
                let spec = VendorSpec {
                    clock: SimClock::TRUE.at(Seat::Vendor(number), wrong.clone()),
                    unpaced: wrong.has_divided(),
                    ..vendor.clone()
                };
                Vendor::new(spec, seeds(number))
            })
            .collect();
        let canaries = vendors.iter().map(|vendor| vendor.secret().to_owned());
        let stream = StreamSpec {
            canaries: canaries.collect(),
            ..spec.stream.clone()
        };
        let stream = Stream::new(stream, seeds(100));
        let stream_settings = settings(&stream, spec.packed);
        let destination = SinkConfig::Firehose(stream_settings.clone()).to_map();
        let (sink, output) = if spec.files {
            let files = Files::new(world);
            (SimSink::Files(files.clone()), Output::Files(files))
        } else {
            let sink = sink(&stream_settings, &stream, spec.seed).await?;
            (SimSink::Stream(sink), Output::Stream(Arc::clone(&stream)))
        };
        let mut services = BTreeMap::new();
        let mut truths = BTreeMap::new();
        let mut definitions: Vec<SourceDefinition> = Vec::new();
        for settings in &spec.settings {
            let vendor = &vendors[settings.vendor];
            let (connector, definition) = settings.define(vendor, &destination)?;
            let name = definition.name.clone();
            let (shard, policy) = (definition.shard(), &definition.policy);
            let truth = SourceTruth::new(vendor, settings.feed, shard, policy);
            truths.insert(name.clone(), truth);
            services.insert(name, (connector, Arc::clone(vendor)));
            definitions.push(definition);
        }
        let truths = Arc::new(Truths::new(truths, output.clone()));
        let services = Arc::new(Services {
            vendors: services,
            world: Arc::clone(world),
            sink: Arc::new(sink),
        });
        let store = CheckedStore::new(Arc::clone(world), Arc::clone(&truths));
        let lambda = Lambda::new(Arc::clone(world), store.clone(), services, spec.timeout_ms);
        let ticks = Ticks {
            world: Arc::clone(world),
            store,
            lambda: Arc::clone(&lambda),
            tasks_per_invocation: spec.tasks_per_invocation,
        };
        let operator = Operator::new(
            Arc::clone(world),
            Outside {
                vendors: vendors.clone(),
                stream: Arc::clone(&stream),
            },
            definitions,
        );
        operator.apply_all().await?;
        Ok(Self {
            world: Arc::clone(world),
            vendors,
            stream,
            output,
            truths,
            lambda,
            ticks,
            operator,
        })
    }

    async fn live(self, spec: &WorldSpec) -> Outcome {
        let is_on = |wanted: What| spec.ops.iter().any(|op| op.what == wanted);
        if !is_on(What::VendorFaults) {
            self.vendors.iter().for_each(|vendor| vendor.quiet());
        }
        if !is_on(What::StreamFaults) {
            self.stream.quiet();
        }
        let faults_end = true_time::WORLD_EPOCH.plus_ms(spec.faults_ms);
        while true_time::now() < faults_end && self.world.holds() {
            self.minute().await;
        }
        self.world.be_quiet();
        self.vendors.iter().for_each(|vendor| vendor.quiet());
        self.stream.quiet();
        self.operator.release_all().await;
        self.catch_up(faults_end, spec).await;
        self.conclude().await
    }

    /// Runs one tick, and the operator's acts until the next.
    async fn minute(&self) {
        let end = true_time::now().plus_ms(TICK_MS);
        self.ticks.begin();
        self.operator.until(end).await;
        wait_until(true_time::instant(end)).await;
    }

    /// Runs until everything from the time of faults is delivered, or a limit of ticks is reached.
    async fn catch_up(&self, faults_end: Timestamp, spec: &WorldSpec) {
        for _ in 0..CATCH_UP_TICKS {
            if !self.world.holds() {
                return;
            }
            self.operator.mend().await;
            self.minute().await;
            if self.behind(None).await.is_empty() {
                return self.sweep_up(faults_end, spec).await;
            }
        }
        for problem in self.behind(None).await {
            let problem =
                format!("not caught up {CATCH_UP_TICKS} ticks after the last fault: {problem}");
            self.world.violate(problem);
        }
    }

    /// Runs until the sweeps have read everything from the time of faults.
    async fn sweep_up(&self, faults_end: Timestamp, spec: &WorldSpec) {
        let Some(longest_ms) = self.operator.longest_sweep_ms() else {
            return;
        };
        let due = faults_end.plus_ms(longest_ms + longest_ms / 2);
        let records_end = spec.vendors.iter().map(|vendor| vendor.length_ms).min();
        let records_end = true_time::WORLD_EPOCH.plus_ms(records_end.unwrap_or(0));
        while true_time::now() < due.min(records_end) && self.world.holds() {
            self.minute().await;
        }
        for _ in 0..CATCH_UP_TICKS {
            if !self.world.holds() || self.behind(Some(faults_end)).await.is_empty() {
                return;
            }
            self.operator.mend().await;
            self.minute().await;
        }
        for problem in self.behind(Some(faults_end)).await {
            self.world.violate(format!("not swept: {problem}"));
        }
    }

    /// The lanes that are behind, with the reason of each: the live and backfill lanes near now, or
    /// the sweeps past `swept`.
    async fn behind(&self, swept: Option<Timestamp>) -> Vec<String> {
        let now = true_time::now();
        let Ok(sources) = self.world.store.all_sources().await else {
            return vec!["the sources cannot be read".to_owned()];
        };
        let mut behind = Vec::new();
        for record in sources {
            let policy = record.definition.policy.clone();
            let near = now.minus_ms(policy.settle_ms + policy.every_ms + TRAIL_MS);
            let name = record.definition.name.clone();
            let Ok(view) = read_source(&self.world.store, record, now).await else {
                behind.push(format!("{name} cannot be read"));
                continue;
            };
            let through = view.complete_through();
            if swept.is_none() && through < near {
                let open = view.windows().find(|window| window.is_unfinished());
                behind.push(format!(
                    "{name} is complete through {through}; open: {open:?}"
                ));
            }
            let sweeps = view
                .lanes
                .iter()
                .filter(|lane| matches!(lane.progress.timeline.lane, Lane::Sweep(_)));
            for lane in sweeps {
                let through = lane.complete_through();
                if swept.is_some_and(|swept| through < swept) {
                    let timeline = &lane.progress.timeline;
                    behind.push(format!("{timeline} is complete through {through}"));
                }
            }
        }
        behind
    }

    async fn conclude(self) -> Outcome {
        // Workers of the last tick may still be running; the checks ignore those that the world cut
        // short.
        let tally = if self.world.holds() {
            ends::check(&self.world, &self.truths, &self.vendors, &self.output).await
        } else {
            Tally::default()
        };
        let mut faults = self.world.faults();
        let of_edges = self.vendors.iter().map(|vendor| vendor.faults());
        for (fault, count) in of_edges.chain([self.stream.faults()]).flatten() {
            *faults.entry(fault).or_default() += count;
        }
        let (ticks, invocations) = {
            let books = self.world.books();
            (books.ticks, books.invocations)
        };
        drop(self.lambda);
        Outcome {
            violations: self.world.violations(),
            tally,
            faults,
            virtual_ms: true_time::now().ms_since(true_time::WORLD_EPOCH),
            wrong_clock_ms: self.world.wrong_clocks().total_ms(),
            ticks,
            invocations,
            trace_hash: self.world.trace_hash(),
            trace: self.world.trace_lines(),
        }
    }
}

fn settings(stream: &Arc<Stream>, packed: bool) -> StreamConfig {
    StreamConfig {
        packed,
        ..stream.settings()
    }
}

async fn sink(
    settings: &StreamConfig,
    stream: &Arc<Stream>,
    seed: u64,
) -> Result<StreamSink, String> {
    let seams = Seams {
        clock: Arc::new(SimClock::TRUE),
        entropy: Arc::new(SeededEntropy::new(seed)),
    };
    let (name, sdk) = ("lake".to_owned(), stream.sdk());
    let sink = StreamSink::new(name, StreamKind::Firehose, settings, &sdk, seams);
    sink.await.map_err(|error| error.to_string())
}
