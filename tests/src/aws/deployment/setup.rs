//! The settings of a deployment.

use crate::aws::lambda::LAMBDA_TIMEOUT_MS_MAX;
use crate::aws::streams::StreamKind;

/// The store of the source's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretStore {
    /// AWS Secrets Manager.
    SecretsManager,
    /// The SSM Parameter Store.
    ParameterStore,
}

impl SecretStore {
    /// The operation that creates a secret.
    pub(super) fn create(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager.CreateSecret",
            Self::ParameterStore => "AmazonSSM.PutParameter",
        }
    }
}

/// The settings of a deployment.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The stream's service.
    pub kind: StreamKind,
    /// The store of the source's secret.
    pub secret: SecretStore,
    /// Timeout of a worker, in milliseconds.
    pub worker_timeout_ms: u64,
    /// Concurrent workers: the reserved concurrency.
    pub workers: usize,
    /// Maximum wait of an event for a worker, in milliseconds.
    pub event_age_ms: u64,
    /// `WINDLASS_DISPATCH_SECONDS`.
    pub dispatch_seconds: u32,
    /// `WINDLASS_LEASE_SLACK_SECONDS`.
    pub lease_slack_seconds: u32,
    /// The width of every window, such as `10m`.
    pub window: &'static str,
    /// Maximum number of the source's windows in flight.
    pub max_in_flight: u32,
}

impl Default for Setup {
    /// Timeouts that suffice on every machine. A test that loses events or kills workers sets
    /// shorter ones.
    fn default() -> Self {
        Self {
            kind: StreamKind::Firehose,
            secret: SecretStore::SecretsManager,
            worker_timeout_ms: LAMBDA_TIMEOUT_MS_MAX,
            workers: 8,
            event_age_ms: LAMBDA_TIMEOUT_MS_MAX,
            dispatch_seconds: 960,
            lease_slack_seconds: 1,
            window: "10m",
            max_in_flight: 8,
        }
    }
}
