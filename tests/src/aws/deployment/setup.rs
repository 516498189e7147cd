//! How a deployment is set up.

use crate::aws::lambda::LAMBDA_TIMEOUT_MS_MAX;
use crate::aws::streams::StreamKind;

/// Where the source's secret is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretStore {
    /// AWS Secrets Manager.
    SecretsManager,
    /// The SSM Parameter Store.
    ParameterStore,
}

impl SecretStore {
    /// The operation that makes a secret.
    pub(super) fn create(self) -> &'static str {
        match self {
            Self::SecretsManager => "secretsmanager.CreateSecret",
            Self::ParameterStore => "AmazonSSM.PutParameter",
        }
    }
}

/// How a deployment is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The stream's service.
    pub kind: StreamKind,
    /// Where the source's secret is kept.
    pub secret: SecretStore,
    /// After how many milliseconds a worker is killed.
    pub worker_timeout_ms: u64,
    /// Workers at once: the reserved concurrency.
    pub workers: usize,
    /// How long an event waits for a worker, in milliseconds.
    pub event_age_ms: u64,
    /// `WINDLASS_DISPATCH_SECONDS`.
    pub dispatch_seconds: u32,
    /// `WINDLASS_LEASE_SLACK_SECONDS`.
    pub lease_slack_seconds: u32,
    /// The width of every window, such as `10m`.
    pub window: &'static str,
    /// Windows of the source at once.
    pub max_in_flight: u32,
}

impl Default for Setup {
    /// Times that no machine is too slow for. A test in which events are lost or workers die names
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
