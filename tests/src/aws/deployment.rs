//! One deployment of windlass: its table, both functions with their real bootstraps, a stream, a
//! bucket for rejects, and a source that pulls a vendor's whole timeline.

mod functions;
mod setup;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use windlass_core::clock::{Clock, Entropy};
use windlass_core::limits;
use windlass_core::system::{SystemClock, SystemEntropy};

pub use setup::{SecretStore, Setup};

use super::binaries::{Bootstraps, bootstraps};
use super::calls::Calls;
use super::emulator::{Emulator, REGION};
use super::lambda::{Invocation, LAMBDA_TIMEOUT_MS_MAX, LambdaService};
use super::refusals::Refusals;
use super::state_proxy::StateProxy;
use super::streams::{StreamKind, Streams};
use super::table::{Table, WindowRow};
use crate::ledger::{Ledger, Verdict};
use crate::test_key::PRIVATE_KEY_PEM;
use crate::vendor::{ACCESS_TOKEN_PREFIX, OKTA_TOKEN, Vendor};
use crate::windlass::{Pull, Running, binary};

/// The name of the orchestrator's function.
pub const ORCHESTRATOR: &str = "windlass-orchestrator";
/// The name of the worker's function.
pub const WORKER: &str = "windlass-worker";
/// The prefix of the access key ids of the orchestrator's environments.
pub const ORCHESTRATOR_KEYS: &str = "AKIAORCHESTRATE";
/// The prefix of the access key ids of the worker's environments.
pub const WORKER_KEYS: &str = "AKIAWORK";
/// The access key id of the operator who runs the `windlass` command.
pub const OPERATOR_KEY: &str = "AKIAOPERATOR";
/// The name of the stream.
pub const STREAM: &str = "audit";
/// The name of the bucket for rejects.
pub const BUCKET: &str = "rejects";
/// Maximum pause between two ticks without progress, in milliseconds: the tests' substitute for a
/// minute.
const MINUTE_MS: i64 = 1_000;
/// Maximum number of ticks of one wait. Ends a hanging test and decides nothing else.
const HANG_GUARD_TICKS: usize = 10_000;
/// Claims of a window without a page after which workers get twice the time: a timeout that suits a
/// fast machine may be too short for a slow one.
const STARVED_ATTEMPTS: u64 = 4;
/// Simulated time between two ticks while nothing runs, in milliseconds.
const STEP_MS: i64 = 30_000;
/// Maximum number of log lines in a message.
const LINES_SHOWN_MAX: usize = 20;

/// A deployment. All of its parts stop on drop.
#[derive(Debug)]
pub struct Deployment {
    /// Every call of every service.
    pub calls: Calls,
    /// The permanent errors of the services.
    pub refusals: Refusals,
    /// The proxy before the table and the secrets.
    pub proxy: StateProxy,
    /// The service that runs both functions.
    pub lambda: LambdaService,
    /// The stream and the bucket.
    pub streams: Streams,
    /// The state table.
    pub table: Table,
    /// The vendor of the source.
    pub vendor: Vendor,
    setup: Setup,
    bootstraps: Bootstraps,
    pull: Pull,
    secret: String,
    folder: TempDir,
    commands: AtomicU32,
}

impl Deployment {
    /// Creates the deployment without applying the source. `name` is the prefix of the table's
    /// name.
    pub async fn new(name: &str, vendor: Vendor, setup: Setup) -> anyhow::Result<Self> {
        Self::with_bootstraps(name, vendor, setup, bootstraps()?).await
    }

    /// The same, with the given bootstraps.
    pub async fn with_bootstraps(
        name: &str,
        vendor: Vendor,
        setup: Setup,
        bootstraps: Bootstraps,
    ) -> anyhow::Result<Self> {
        let emulator = Emulator::shared().await?;
        let name = format!("{name}-{:08x}", SystemEntropy.next_u64() >> 32);
        let table = Table::create(emulator, &name).await?;
        let (calls, refusals) = (Calls::default(), Refusals::default());
        let proxy = StateProxy::start(emulator.address(), calls.clone(), refusals.clone()).await?;
        let lambda = LambdaService::start(calls.clone(), refusals.clone()).await?;
        let streams = Streams::start(calls.clone(), refusals.clone()).await?;
        streams.create(setup.kind, STREAM);
        streams.create_bucket(BUCKET);
        let pull = Pull {
            window: setup.window.to_owned(),
            max_in_flight: setup.max_in_flight,
            ..Pull::of(&vendor)
        };
        let secret = format!("windlass/{name}");
        let stored = match setup.secret {
            SecretStore::SecretsManager => json!({"Name": secret, "SecretString": pull.secret()}),
            SecretStore::ParameterStore => json!({
                "Name": format!("/{secret}"), "Value": pull.secret(), "Type": "SecureString",
            }),
        };
        emulator.call(setup.secret.create(), &stored).await?;
        let deployment = Self {
            calls,
            refusals,
            proxy,
            lambda,
            streams,
            table,
            vendor,
            setup,
            bootstraps,
            pull,
            secret,
            folder: tempfile::tempdir().context("no temporary directory")?,
            commands: AtomicU32::new(0),
        };
        deployment.deploy(&BTreeMap::new())?;
        deployment.configure(&deployment.yaml())?;
        Ok(deployment)
    }

    /// The configuration: one source, one stream.
    pub fn yaml(&self) -> String {
        let kind = match self.setup.kind {
            StreamKind::Firehose => "firehose",
            StreamKind::Kinesis => "kinesis",
        };
        let secret = match self.setup.secret {
            SecretStore::SecretsManager => format!("secretsmanager:{}", self.secret),
            SecretStore::ParameterStore => format!("ssm:/{}", self.secret),
        };
        format!(
            "state: {{ dynamodb: {{ table: {table} }} }}\n\
             sinks:\n  lake: {{ {kind}: {{ stream: {STREAM}, rejects: s3://{BUCKET}/rejected }} }}\n\
             sources:\n{source}",
            table = self.table.name(),
            source = self.pull.source_yaml(&secret),
        )
    }

    /// Replaces `old` in the configuration, which must contain it.
    pub fn reconfigure(&self, old: &str, new: &str) -> anyhow::Result<()> {
        let yaml = self.yaml();
        ensure!(
            yaml.contains(old),
            "the configuration has no `{old}`:\n{yaml}"
        );
        self.configure(&yaml.replace(old, new))
    }

    /// Stores another value for the secret, in Secrets Manager.
    pub async fn set_secret(&self, value: &str) -> anyhow::Result<()> {
        let stored = json!({"SecretId": self.secret, "SecretString": value});
        let emulator = Emulator::shared().await?;
        emulator
            .call("secretsmanager.PutSecretValue", &stored)
            .await?;
        Ok(())
    }

    /// A secret that the vendor accepts.
    pub fn good_secret(&self) -> String {
        self.pull.secret()
    }

    /// Replaces the configuration without applying it.
    pub fn configure(&self, yaml: &str) -> anyhow::Result<()> {
        let path = self.folder.path().join("windlass.yaml");
        std::fs::write(&path, yaml).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The folder of the configuration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts `windlass ARGS` on the table, as an operator.
    pub fn windlass(&self, args: &[&str]) -> anyhow::Result<Running> {
        let mut command = Command::new(binary()?);
        command
            .args(args)
            .args(["--state", &format!("dynamodb:{}", self.table.name())])
            .args(["--endpoint-url", &self.proxy.uri()])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", OPERATOR_KEY)
            .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
            .env("RUST_BACKTRACE", "1");
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        Running::start(
            command,
            &self.folder.path().join(format!("command-{number}")),
        )
    }

    /// Applies the configuration's source to the table.
    pub async fn apply(&self) -> anyhow::Result<()> {
        self.windlass(&["apply", "--yes"])?
            .finish()
            .await?
            .expect_success()?;
        Ok(())
    }

    /// Runs one tick, as the schedule would.
    pub async fn tick(&self) -> anyhow::Result<Invocation> {
        let input = json!({"shards": {"from": 0, "to": 64}});
        self.lambda.invoke(ORCHESTRATOR, &input).await
    }

    /// Ticks until every window of the source is done and its timeline is complete. While nothing
    /// runs, simulated time passes, so that waits in the table become shorter. Returns the number
    /// of ticks that came to rest, without those beside running workers; more than `ticks_max` are
    /// an error that shows the stuck windows.
    pub async fn until_caught_up(&self, ticks_max: usize) -> anyhow::Result<usize> {
        let mut rests = 0;
        for _ in 0..HANG_GUARD_TICKS {
            self.tick().await?;
            tokio::select! {
                rested = self.lambda.rest() => rested?,
                () = SystemClock.sleep(MINUTE_MS) => {}
            }
            if self.is_caught_up().await? {
                self.lambda.rest().await?;
                return Ok(rests);
            }
            if self.lambda.pending(WORKER)? > 0 {
                continue;
            }
            rests += 1;
            if rests > ticks_max {
                break;
            }
            self.table.let_time_pass(STEP_MS).await?;
            self.feed_starved_windows().await?;
        }
        let windows = self.table.windows().await?;
        let open: Vec<_> = windows.iter().filter(|row| row.status != "done").collect();
        bail!(
            "not caught up after {rests} ticks that came to rest: {open:#?}\n{}",
            self.trouble()?
        )
    }

    /// Doubles the workers' timeout when a window receives no page within the present one.
    async fn feed_starved_windows(&self) -> anyhow::Result<()> {
        let windows = self.table.windows().await?;
        if windows
            .iter()
            .any(|row| row.status != "done" && row.attempts >= STARVED_ATTEMPTS)
        {
            let timeout_ms = self.lambda.timeout_ms(WORKER)?;
            let margin_ms = limits::DEADLINE_MARGIN_MS.unsigned_abs();
            let work_ms = timeout_ms.saturating_sub(margin_ms);
            let longer_ms = (margin_ms + 2 * work_ms).min(LAMBDA_TIMEOUT_MS_MAX);
            self.lambda.set_timeout_ms(WORKER, longer_ms)?;
        }
        Ok(())
    }

    /// Returns true if the windows of the source cover its whole span, and all are done.
    async fn is_caught_up(&self) -> anyhow::Result<bool> {
        let span = self.pull.span;
        let mut reached = span.from();
        for WindowRow {
            from, to, status, ..
        } in self.table.windows().await?
        {
            if from > reached || status != "done" {
                return Ok(false);
            }
            reached = reached.max(to);
        }
        Ok(reached >= span.to())
    }

    /// All delivered lines of the stream, and their comparison with the vendor's records.
    pub fn ledger(&self) -> anyhow::Result<(Ledger, Verdict)> {
        let lines = self.streams.lines(self.setup.kind, STREAM)?;
        let ledger = Ledger::of_lines(&lines, self.pull.shape)?;
        let verdict = ledger.compare(self.vendor.timeline(), &self.pull.source);
        Ok((ledger, verdict))
    }

    /// Fails unless every record arrived, with at most `repeats_max` repeats, and no secret is in a
    /// wrong place. Returns the number of repeats.
    pub async fn check_complete(&self, repeats_max: usize) -> anyhow::Result<usize> {
        let (ledger, verdict) = self.ledger()?;
        ensure!(verdict.is_complete(), "{verdict}");
        let repeats = ledger.repeats();
        ensure!(
            repeats <= repeats_max,
            "{repeats} repeats, {repeats_max} allowed"
        );
        self.check_secrets().await?;
        Ok(repeats)
    }

    /// Fails if a secret is in the table, in a log, or in a payload.
    pub async fn check_secrets(&self) -> anyhow::Result<()> {
        let key = PRIVATE_KEY_PEM
            .lines()
            .nth(1)
            .context("the key has no second line")?;
        let table = self.table.dump().await?;
        let said = self.said()?;
        for secret in [OKTA_TOKEN, ACCESS_TOKEN_PREFIX, key] {
            ensure!(!table.contains(secret), "a secret is in the table");
            ensure!(!said.contains(secret), "a secret is in a log or a payload");
        }
        Ok(())
    }

    /// All logs and payloads of both functions.
    pub fn said(&self) -> anyhow::Result<String> {
        let mut said = String::new();
        for function in [ORCHESTRATOR, WORKER] {
            for line in self.lambda.logs(function)? {
                said.push_str(&format!("{function} {}: {}\n", line.environment, line.text));
            }
            for invocation in self.lambda.invocations(function)? {
                said.push_str(&String::from_utf8_lossy(&invocation.payload));
                said.push('\n');
            }
        }
        Ok(said)
    }

    /// The last warnings and errors in both functions' logs, for messages.
    pub fn trouble(&self) -> anyhow::Result<String> {
        let mut lines = Vec::new();
        for function in [ORCHESTRATOR, WORKER] {
            for line in self.lambda.logs(function)? {
                let level = line.json().map(|json| json["level"].clone());
                if level.is_none_or(|level| level != "INFO") {
                    lines.push(format!("{function} {}: {}", line.environment, line.text));
                }
            }
        }
        let shown = lines.len().saturating_sub(LINES_SHOWN_MAX);
        Ok(lines.split_off(shown).join("\n"))
    }

    /// The sum of a metric over all log lines of a function.
    pub fn metric(&self, function: &str, name: &str) -> anyhow::Result<u64> {
        let lines = self.lambda.logs(function)?;
        let lines = lines.iter().filter_map(super::lambda::LogLine::json);
        let lines = lines.filter(|line| line.get("_aws").is_some());
        Ok(lines
            .filter_map(|line| line.get(name).and_then(Value::as_u64))
            .sum())
    }
}
