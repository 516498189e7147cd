//! Operator commands on a state in DynamoDB, with the real program, beside workers and between
//! them. Output and effects equal those on a state file; every command is limited to the
//! permissions in infra/README.md.

mod applying;
mod holding;
mod holes;
mod permissions;
pub(crate) mod refused;

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use aws_sdk_dynamodb::config::{Config, Credentials, Region};
use serde_json::{Value, json};
use windlass_core::clock::Clock;
use windlass_core::ids::{Timeline, WindowId};
use windlass_core::system::{SystemClock, SystemEntropy};
use windlass_core::transition::Event;
use windlass_core::{Lane, Timestamp, Window};
use windlass_state::{DynamoStore, StateStore};
use windlass_tests::aws::deployment::{Deployment, OPERATOR_KEY, Setup};
use windlass_tests::aws::emulator::{Emulator, REGION};
use windlass_tests::aws::table::Item;
use windlass_tests::timeline::BOUND_MS;
use windlass_tests::windlass::{Outcome, SourceStatus};

use self::permissions::Permissions;
use crate::vendors::Stock;

/// The exit code of a `diff` that found a difference.
const DIFFERENT: i32 = 8;
/// More than any test here takes.
const TICKS_MAX: usize = 100;
/// Simulated time between two ticks, in milliseconds.
const STEP_MS: i64 = 30_000;

/// An operator with the `windlass` command, the configuration of a deployment and its table.
struct Operator {
    deployment: Deployment,
    permissions: Permissions,
}

impl Operator {
    /// A deployment without an applied source.
    async fn new(name: &str, stock: Stock, setup: Setup) -> anyhow::Result<Self> {
        Ok(Self {
            deployment: Deployment::new(name, stock.start().await, setup).await?,
            permissions: Permissions::documented()?,
        })
    }

    /// Runs `windlass ARGS` from start to end. Fails if it calls more than the permissions allow,
    /// or if a read-only command writes.
    async fn run(&self, args: &[&str]) -> anyhow::Result<Outcome> {
        let before = self.deployment.calls.of(OPERATOR_KEY).len();
        let outcome = self.deployment.windlass(args)?.finish().await?;
        let calls = self.deployment.calls.of(OPERATOR_KEY).split_off(before);
        self.permissions.check(args, &calls)?;
        Ok(outcome)
    }

    /// The standard output of a successful `windlass ARGS`.
    async fn says(&self, args: &[&str]) -> anyhow::Result<String> {
        Ok(self.run(args).await?.expect_success()?.stdout)
    }

    /// The JSON of a successful `windlass ARGS --json`.
    async fn json(&self, args: &[&str]) -> anyhow::Result<Value> {
        let said = self.says(&[args, &["--json"]].concat()).await?;
        serde_json::from_str(&said).with_context(|| format!("no JSON: {said}"))
    }

    /// The status of the source from the JSON, whose state must also appear in the text.
    async fn status(&self) -> anyhow::Result<SourceStatus> {
        let status = self.says(&["status", "--json"]).await?;
        let status = SourceStatus::read(&status, "pull")?;
        let text = self.says(&["status", "pull"]).await?;
        let row = text.lines().nth(1).context("no row")?;
        ensure!(row.contains(&status.state), "{status:?} is not in: {text}");
        Ok(status)
    }

    /// Asserts that every record arrived once, and that the status shows it.
    async fn check_finished(&self) -> anyhow::Result<()> {
        self.deployment.check_complete(0).await?;
        let status = self.status().await?;
        let end = self.deployment.vendor.timeline().span().to();
        ensure!(
            (&*status.state, status.complete_through, status.holes) == ("finished", end, 0),
            "{status:?}"
        );
        Ok(())
    }

    /// Asserts that `commands` do not change the table.
    async fn changes_nothing(
        &self,
        commands: impl AsyncFnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let before = self.deployment.table.dump().await?;
        commands().await?;
        ensure!(
            self.deployment.table.dump().await? == before,
            "the table was changed"
        );
        Ok(())
    }

    /// Ticks until `count` windows are done.
    async fn until_done(&self, count: usize) -> anyhow::Result<()> {
        for _ in 0..TICKS_MAX {
            self.deployment.tick().await?.expect_success()?;
            self.deployment.lambda.rest().await?;
            let windows = self.deployment.table.windows().await?;
            if windows.iter().filter(|row| row.status == "done").count() == count {
                return Ok(());
            }
            self.deployment.table.let_time_pass(STEP_MS).await?;
        }
        bail!("not {count} are done: {}", self.deployment.trouble()?)
    }

    /// Stores a parked window of ten minutes at `from`. Parking by ticks alone takes many of them,
    /// and the fault tests cover it.
    async fn park(&self, from: Timestamp) -> anyhow::Result<WindowId> {
        let config = Config::builder()
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("AKIDPARK", "none", None, None, "test"))
            .endpoint_url(Emulator::shared().await?.uri());
        let store = DynamoStore::new(
            config,
            self.deployment.table.name(),
            Arc::new(SystemClock),
            Arc::new(SystemEntropy),
        );
        let sources = store.all_sources().await?;
        let source = sources.first().context("nothing is applied")?;
        let timeline = Timeline {
            source: source.definition.name.clone(),
            generation: source.definition.generation.clone(),
            lane: Lane::Live,
        };
        let id = WindowId { timeline, from };
        let now = SystemClock.now();
        let window = Window::new(id.clone(), from.plus_ms(BOUND_MS), now)?;
        store.create(&window).await?;
        let reason = "page 2 leads to itself".to_owned();
        store.decide(&window, &Event::Park { reason, now }).await?;
        Ok(id)
    }
}

/// Fails unless `window`, as a command prints it, equals the stored `item`.
fn same(window: &Value, item: &Item) -> anyhow::Result<()> {
    let fields = window.as_object().context("a window is an object")?;
    ensure!(fields.len() > 20, "{window:#}");
    for (name, value) in fields.iter().filter(|(name, _)| *name != "window") {
        let held = item.get(name).unwrap_or(&Value::Null);
        // Empty values are not stored.
        let nothing = [json!(0), json!(false), json!("nothing")];
        let left_out = held.is_null() && nothing.contains(value);
        ensure!(
            held == value || left_out,
            "{name}: {value} is shown, {held} is held"
        );
    }
    Ok(())
}
