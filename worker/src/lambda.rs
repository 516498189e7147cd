//! The tasks of one invocation as a Lambda function: settings, clients for the life of the
//! environment, the deadline, and metrics.

mod adapters;
mod settings;
mod shared;
mod tally;

use std::process::ExitCode;
use std::sync::Arc;

use aws_config::SdkConfig;
use serde::Serialize;
use windlass_connectors::http::TransportError;
use windlass_core::checkpoint::PageTotals;
use windlass_core::clock::Clock;
use windlass_core::system::{SystemClock, SystemEntropy};
use windlass_core::task::Task;
use windlass_core::time::{MINUTE_MS, Timestamp};
use windlass_core::window::Window;
use windlass_function::{Environment, Function, MetricLog, StartError};
use windlass_state::StateError;
use windlass_state::dynamodb::DynamoStore;

pub use self::adapters::LambdaAdapterFactory;
pub use self::settings::Settings;
pub use self::shared::run_side_by_side;
use self::tally::Tally;
use crate::{Deadline, Observer, Outcome, Report, Seams, Stop, Worker};

// Unwinding confines a panic to its own window. An abort would end the other windows of the process
// too, with all that they have in flight.
const _: () = assert!(
    cfg!(panic = "unwind"),
    "build the worker with `panic = \"unwind\"`: see `work_unwound`"
);

/// Milliseconds until the deadline of an invocation whose given deadline has passed.
const NO_DEADLINE_MS: i64 = MINUTE_MS;

/// Counts of an invocation's windows, by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    /// Completed windows.
    pub done: u64,
    /// Released to be resumed later, those of blocked sources included.
    pub yielded: u64,
    /// Released because of an error of their own.
    pub failed: u64,
    /// Owned by another worker, before the claim or since.
    pub fenced: u64,
}

/// The worker with its clients.
#[derive(Debug)]
pub struct WorkerFunction {
    worker: Worker<DynamoStore, Arc<LambdaAdapterFactory>>,
    metrics: Arc<Metrics>,
    settings: Settings,
    clock: SystemClock,
}

impl WorkerFunction {
    /// A worker configured by `settings`. Sends nothing yet.
    ///
    /// # Errors
    /// If the HTTP client cannot be created.
    pub fn new(settings: Settings, sdk: SdkConfig) -> Result<Self, TransportError> {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let store = DynamoStore::from_sdk(&sdk, &settings.table, clock.clone(), entropy.clone());
        let factory = LambdaAdapterFactory::new(&settings, sdk, clock.clone(), entropy.clone())?;
        let factory = Arc::new(factory);
        let metrics = Arc::new(Metrics {
            tally: Tally::default(),
            factory: factory.clone(),
            log: MetricLog::new(settings.deployment.clone()),
        });
        let seams = Seams {
            clock,
            entropy,
            stop: Stop::default(),
            observer: Some(metrics.clone()),
        };
        Ok(Self {
            worker: Worker::new(store, factory, seams),
            metrics,
            settings,
            clock: SystemClock,
        })
    }

    /// Works on `tasks` until `deadline_ms`, in milliseconds since 1970, when Lambda kills the
    /// process. Several tasks belong to quiet windows and run concurrently.
    ///
    /// # Errors
    /// If the state failed. The windows that were not claimed stay dispatched until the dispatch
    /// expires.
    pub async fn run(&self, tasks: &[Task], deadline_ms: u64) -> Result<Summary, StateError> {
        let deadline = Deadline::killed_at(self.deadline(deadline_ms))
            .with_lease_slack_ms(self.settings.lease_slack_ms);
        let reports: Vec<Report> = match tasks {
            // Boxed: a run is one large future.
            [only] => vec![Box::pin(self.worker.run(only, deadline)).await],
            many => run_side_by_side(&self.worker, many, deadline).await,
        };
        let summary = summarise(&reports);
        self.metrics.invocation_ended(&summary);
        tracing::info!(?summary, "invocation done");
        let failure = reports.iter().find_map(Report::state_failure);
        failure.map_or(Ok(summary), |error| Err(error.clone()))
    }

    /// The deadline; a minute from now if it has passed already, which a test service may send.
    fn deadline(&self, deadline_ms: u64) -> Timestamp {
        let now = self.clock.now();
        let logged = i64::try_from(deadline_ms).map(Timestamp::from_ms);
        logged
            .ok()
            .filter(|deadline| *deadline > now)
            .unwrap_or_else(|| now.plus_ms(NO_DEADLINE_MS))
    }
}

/// The program that Lambda starts. It logs its `version`.
pub fn main(version: &str) -> ExitCode {
    windlass_function::main::<WorkerFunction>(version)
}

impl Function for WorkerFunction {
    type Event = Vec<Task>;
    type Summary = Summary;
    type Error = StateError;
    const ERROR_TYPE: &'static str = "StateFailed";

    fn new(environment: &Environment, sdk: SdkConfig) -> Result<Self, StartError> {
        Ok(Self::new(Settings::read(environment)?, sdk)?)
    }

    async fn invoke(&self, tasks: Vec<Task>, deadline_ms: u64) -> Result<Summary, StateError> {
        self.run(&tasks, deadline_ms).await
    }
}

/// Counts, and writes the counts to the function's log.
#[derive(Debug)]
struct Metrics {
    tally: Tally,
    factory: Arc<LambdaAdapterFactory>,
    log: MetricLog,
}

impl Observer for Metrics {
    fn page(&self, _: &Window, totals: &PageTotals) {
        if let Some(values) = self.tally.page(totals, &self.factory.take_usage()) {
            self.log.write(values);
        }
    }
}

impl Metrics {
    fn invocation_ended(&self, summary: &Summary) {
        let values = self.tally.take(summary, &self.factory.take_usage());
        self.log.write(values);
    }
}

fn summarise(reports: &[Report]) -> Summary {
    let mut summary = Summary::default();
    for (_, outcome) in reports.iter().flat_map(|report| &report.windows) {
        match outcome {
            Outcome::Completed => summary.done += 1,
            Outcome::Yielded { .. } | Outcome::Blocked { .. } => summary.yielded += 1,
            Outcome::Failed { .. } | Outcome::StateFailed(_) => summary.failed += 1,
            Outcome::Fenced => summary.fenced += 1,
        }
    }
    summary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_profile_unwinds_panics() {
        let workspace = include_str!("../../Cargo.toml");
        let (_, profile) = workspace.split_once("\n[profile.lambda]\n").unwrap();
        let profile = profile.split("\n[").next().unwrap();
        assert!(profile.contains("inherits = \"dist\""), "{profile}");
        assert!(!workspace.contains("\npanic = \"abort\""), "{profile}");
    }

    #[test]
    fn every_outcome_is_counted_once() {
        let id = "okta/0123456789ab/live/2026-01-01T00:00:00Z";
        let why = String::new();
        let outcomes = [
            Outcome::Completed,
            Outcome::Yielded {
                not_before: None,
                why: why.clone(),
            },
            Outcome::Blocked { why: why.clone() },
            Outcome::Failed { why: why.clone() },
            Outcome::StateFailed(StateError::Unavailable(why)),
            Outcome::Fenced,
        ];
        let windows = outcomes
            .map(|outcome| (id.parse().unwrap(), outcome))
            .to_vec();
        let summary = summarise(&[Report { windows }]);
        let Summary {
            done,
            yielded,
            failed,
            fenced,
        } = summary;
        assert_eq!((done, yielded, failed, fenced), (1, 2, 2, 1));
    }
}
