//! The two functions of a deployment, with the environment variables of the template.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Deployment, ORCHESTRATOR, ORCHESTRATOR_KEYS, WORKER, WORKER_KEYS};
use crate::aws::lambda::{Function, LAMBDA_TIMEOUT_MS_MAX};

impl Deployment {
    /// Deploys both functions, or deploys them again, with `variables` added to or replacing their
    /// own.
    pub fn deploy(&self, variables: &BTreeMap<String, String>) -> anyhow::Result<()> {
        let built = &self.bootstraps;
        let function = |name: &str, keys: &str, bootstrap: &PathBuf| Function {
            name: name.to_owned(),
            bootstrap: bootstrap.clone(),
            key_prefix: keys.to_owned(),
            variables: variables.clone(),
            timeout_ms: LAMBDA_TIMEOUT_MS_MAX,
            memory_mb: 256,
            concurrency: 2,
            event_age_ms: self.setup.event_age_ms,
        };
        let mut orchestrator = function(ORCHESTRATOR, ORCHESTRATOR_KEYS, &built.orchestrator);
        let mut worker = function(WORKER, WORKER_KEYS, &built.worker);
        worker.timeout_ms = self.setup.worker_timeout_ms;
        worker.concurrency = self.setup.workers;
        let host = self.vendor.address().to_string();
        let seconds = |seconds: u32| seconds.to_string();
        let of_orchestrator = [
            ("WINDLASS_WORKER_FUNCTION", format!("{WORKER}:live")),
            (
                "WINDLASS_DISPATCH_SECONDS",
                seconds(self.setup.dispatch_seconds),
            ),
        ];
        let of_worker = [
            ("WINDLASS_ALLOWED_HOSTS", host),
            (
                "WINDLASS_LEASE_SLACK_SECONDS",
                seconds(self.setup.lease_slack_seconds),
            ),
        ];
        for (function, own) in [
            (&mut orchestrator, of_orchestrator),
            (&mut worker, of_worker),
        ] {
            let own = own.map(|(name, value)| (name.to_owned(), value));
            for (name, value) in self.environment().into_iter().chain(own) {
                function.variables.entry(name).or_insert(value);
            }
        }
        self.lambda.deploy(orchestrator);
        self.lambda.deploy(worker);
        Ok(())
    }

    /// The environment of both functions: the table, and the endpoints of the services.
    fn environment(&self) -> Vec<(String, String)> {
        let services = [
            ("WINDLASS_TABLE", self.table.name().to_owned()),
            ("WINDLASS_DEPLOYMENT", "test".to_owned()),
            ("WINDLASS_LOG", "info".to_owned()),
            ("RUST_BACKTRACE", "1".to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.proxy.uri()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.proxy.uri()),
            ("AWS_ENDPOINT_URL_SSM", self.proxy.uri()),
            ("AWS_ENDPOINT_URL_STS", self.proxy.uri()),
            ("AWS_ENDPOINT_URL_LAMBDA", self.lambda.uri()),
            ("AWS_ENDPOINT_URL_FIREHOSE", self.streams.uri()),
            ("AWS_ENDPOINT_URL_KINESIS", self.streams.uri()),
            ("AWS_ENDPOINT_URL_S3", self.streams.uri()),
            // Every other service is unreachable.
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9".to_owned()),
        ];
        services
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }
}
