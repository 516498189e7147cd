//! One tick as a Lambda function: its settings, its invocation, and its metrics.
//!
//! Clients are created once for the life of the environment. The schedule's invocation names a
//! range of shards; several schedules may divide the shards among them.

mod dispatch;
mod settings;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use serde::{Deserialize, Serialize};
use tracing::Instrument;
use windlass_core::clock::Clock;
use windlass_core::limits;
use windlass_core::metric::{self, Metric};
use windlass_core::shard::Shards;
use windlass_core::system::{SystemClock, SystemEntropy};
use windlass_core::time::SECOND_MS;
use windlass_function::{Environment, Function, MetricLog, StartError};
use windlass_state::StateError;
use windlass_state::dynamodb::DynamoStore;

pub use self::dispatch::LambdaDispatch;
pub use self::settings::Settings;
use crate::losses::Losses;
use crate::report::{Activity, SourceReport, TickReport, WindowError};
use crate::tick::{Tick, TickOptions};

/// The input of an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Invocation {
    /// The shards to plan; all of them by default.
    #[serde(default = "all_shards")]
    pub shards: Shards,
}

const fn all_shards() -> Shards {
    Shards::ALL
}

/// The error of a tick that planned nothing.
#[derive(Debug, thiserror::Error)]
pub enum TickError {
    /// The range of shards is invalid.
    #[error("invalid shards {0:?}: not a range below {max}; correct the schedule's input", max = limits::SHARDS)]
    Shards(Shards),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The result of a tick, for a manual invocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Sources read.
    pub sources: usize,
    /// Sources and shards that could not be read or planned.
    pub failed: usize,
    /// Windows created.
    pub created: usize,
    /// Windows dispatched to workers.
    pub dispatched: usize,
    /// Worker invocations that Lambda accepted.
    pub invocations: usize,
    /// Worker invocations that Lambda did not accept.
    pub refused: usize,
}

/// The tick with its clients.
#[derive(Debug)]
pub struct Orchestrator {
    store: DynamoStore,
    dispatch: LambdaDispatch,
    metrics: MetricLog,
    dispatch_ms: i64,
    clock: SystemClock,
    /// What the ticks of this environment have logged.
    losses: Mutex<Losses>,
}

impl Orchestrator {
    /// An orchestrator configured by `settings`. Sends nothing yet.
    pub fn new(settings: &Settings, sdk: &SdkConfig) -> Self {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        Self {
            store: DynamoStore::from_sdk(sdk, &settings.table, clock, entropy),
            dispatch: LambdaDispatch::new(sdk, settings.worker_function.clone()),
            metrics: MetricLog::new(settings.deployment.clone()),
            dispatch_ms: settings.dispatch_ms,
            clock: SystemClock,
            losses: Mutex::default(),
        }
    }

    /// Plans the shards that `invocation` names, and writes one line of metrics.
    ///
    /// # Errors
    /// If nothing could be planned. A partial failure is in the summary, the log and the metrics.
    pub async fn tick(&self, invocation: Invocation) -> Result<Summary, TickError> {
        let Invocation { shards } = invocation;
        if !shards.is_valid() {
            return Err(TickError::Shards(shards));
        }
        let started = self.clock.now();
        let options = TickOptions {
            shards,
            dispatch_ms: Some(self.dispatch_ms),
            share_request_rate: true,
            tasks_per_invocation: limits::TASKS_PER_INVOCATION_MAX,
        };
        let tick = Tick {
            store: &self.store,
            dispatch: &self.dispatch,
            options,
            suspects: None,
            now: started,
        };
        let span = tick.span();
        let run = async {
            let report = tick.run().await?;
            let took_ms = self.clock.now().ms_since(started);
            self.metrics.write(values(&report, took_ms));
            log_troubles(&report);
            self.log_losses(&report);
            let summary = summary(&report);
            tracing::info!(?summary, "tick done");
            Ok(summary)
        };
        // Boxed: the whole tick is one large future.
        Box::pin(run.instrument(span)).await
    }

    fn log_losses(&self, report: &TickReport) {
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        for source in &report.sources {
            losses.log(source);
        }
    }
}

/// The program that Lambda starts. It logs its `version`.
pub fn main(version: &str) -> ExitCode {
    windlass_function::main::<Orchestrator>(version)
}

impl Function for Orchestrator {
    type Event = Invocation;
    type Summary = Summary;
    type Error = TickError;
    const ERROR_TYPE: &'static str = "TickFailed";

    fn new(environment: &Environment, sdk: SdkConfig) -> Result<Self, StartError> {
        Ok(Self::new(&Settings::read(environment)?, &sdk))
    }

    async fn invoke(&self, event: Invocation, _deadline_ms: u64) -> Result<Summary, TickError> {
        self.tick(event).await
    }
}

fn summary(report: &TickReport) -> Summary {
    Summary {
        sources: report.sources.len(),
        failed: failures(report),
        created: report.sources.iter().map(|source| source.created).sum(),
        dispatched: report.sources.iter().map(|source| source.dispatched).sum(),
        invocations: report.invocations,
        refused: report.refused,
    }
}

/// Logs the trouble of each source: the error of its oldest window that waits or fails.
fn log_troubles(report: &TickReport) {
    for SourceReport {
        source, last_error, ..
    } in &report.sources
    {
        if let Some(WindowError { window, error }) = last_error {
            tracing::info!(%source, %window, error, "the oldest unfinished window waits or fails");
        }
    }
}

fn failures(report: &TickReport) -> usize {
    let failed = report
        .sources
        .iter()
        .filter(|source| source.error.is_some());
    failed.count() + report.unread.len()
}

/// The values of a tick's metrics.
fn values(report: &TickReport, took_ms: i64) -> Vec<(Metric, u64)> {
    let sources = &report.sources;
    let sum = |of: fn(&SourceReport) -> usize| count(sources.iter().map(of).sum());
    let longest = |of: fn(&SourceReport) -> i64| {
        let ms = sources.iter().map(of).max().unwrap_or(0).max(0);
        (ms / SECOND_MS).unsigned_abs()
    };
    let blocked = |source: &SourceReport| usize::from(source.activity == Activity::Blocked);
    let endangered = |source: &SourceReport| usize::from(source.is_endangered);
    vec![
        (metric::TICK_COMPLETED, u64::from(report.unread.is_empty())),
        (metric::TICK_DURATION, took_ms.max(0).unsigned_abs()),
        (metric::SOURCES, count(sources.len())),
        (metric::SOURCES_FAILED, count(failures(report))),
        (metric::SOURCES_BLOCKED, sum(blocked)),
        (metric::SOURCES_ENDANGERED, sum(endangered)),
        (metric::MAX_SOURCE_LAG, longest(|source| source.lag_ms)),
        (
            metric::OLDEST_OPEN_WINDOW,
            longest(|source| source.oldest_open_ms),
        ),
        (metric::WINDOWS_CREATED, sum(|source| source.created)),
        (metric::WINDOWS_DISPATCHED, sum(|source| source.dispatched)),
        (metric::WINDOWS_EXPIRED, sum(|source| source.expired)),
        (
            metric::WINDOWS_PARKED,
            sum(|source| source.holes + source.sweep_holes),
        ),
        (metric::WINDOWS_LAPSED, sum(|source| source.lapsed)),
        (metric::INVOCATIONS, count(report.invocations)),
        (metric::INVOCATIONS_REFUSED, count(report.refused)),
    ]
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "lambda_tests.rs"]
mod tests;
