//! The template itself: deployed into an emulator that enforces its policies, with the real
//! bootstraps as its packages. Its schedule ticks, its functions run in its roles, and its delivery
//! stream writes to its bucket.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use windlass_core::clock::Clock;
use windlass_core::system::SystemClock;
use windlass_tests::aws::binaries::bootstraps;
use windlass_tests::aws::emulator::{Emulator, EmulatorSettings, REGION};
use windlass_tests::aws::tools;
use windlass_tests::ledger::Ledger;
use windlass_tests::vendor::Vendor;
use windlass_tests::windlass::{Pull, SourceStatus, binary};

use crate::template::deployed::{Deployed, deploy};
use crate::vendors::Stock;

/// The name of the stack.
const STACK: &str = "windlass";
/// The name of the secret: below the prefix that the template lets workers read.
const SECRET: &str = "windlass/google";
/// Maximum time until the schedule, which ticks once a minute, has delivered everything, in
/// milliseconds. Ends a hanging test and decides nothing else.
const HANG_GUARD_MS: i64 = 1_800_000;
/// Interval between two looks, in milliseconds.
const LOOK_MS: i64 = 2_000;

/// Each bootstrap in a folder of its own, like a package, without debug symbols.
fn packages(folder: &Path) -> anyhow::Result<()> {
    let built = bootstraps()?;
    for (name, bootstrap) in [
        ("orchestrator", &built.orchestrator),
        ("worker", &built.worker),
    ] {
        let package = folder.join(name).join("bootstrap");
        fs::create_dir(folder.join(name))?;
        let stripped = Command::new("strip")
            .arg("-o")
            .arg(&package)
            .arg(bootstrap)
            .status();
        if !stripped.is_ok_and(|status| status.success()) {
            // An unstripped bootstrap is only larger.
            fs::copy(bootstrap, &package)?;
        }
    }
    Ok(())
}

/// Runs `services.py` with `args`, and returns its output.
fn services(emulator: &Emulator, args: &[&str], input: &str) -> anyhow::Result<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("aws/stack/services.py");
    let mut python = tools::python()?
        .arg(script)
        .arg(emulator.uri())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = python.stdin.take().context("Python has no input")?;
    stdin.write_all(input.as_bytes())?;
    drop(stdin);
    let output = python.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{args:?}: {}", said.trim());
    Ok(String::from_utf8(output.stdout)?)
}

/// An operator's shell: a configuration, and credentials with full access.
struct Operator<'a> {
    emulator: &'a Emulator,
    folder: tempfile::TempDir,
    table: String,
}

impl Operator<'_> {
    fn windlass(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(binary()?)
            .args(args)
            .args(["--state", &format!("dynamodb:{}", self.table)])
            .args(["--endpoint-url", &self.emulator.uri()])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "windlass {args:?}: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Applies the source to the table, with the sinks from the stack's output.
    fn apply(&self, deployed: &Deployed, pull: &Pull) -> anyhow::Result<()> {
        let yaml = format!(
            "state: {{ dynamodb: {{ table: {} }} }}\n{}\nsources:\n{}",
            self.table,
            deployed.outputs["Sinks"],
            pull.source_yaml(&format!("secretsmanager:{SECRET}")),
        );
        fs::write(self.folder.path().join("windlass.yaml"), yaml)?;
        self.windlass(&["apply", "--yes"]).map(drop)
    }

    fn status(&self, source: &str) -> anyhow::Result<SourceStatus> {
        SourceStatus::read(&self.windlass(&["status", "--json"])?, source)
    }
}

async fn wait_until_complete(operator: &Operator<'_>, vendor: &Vendor) -> anyhow::Result<()> {
    let end = vendor.timeline().span().to();
    let mut status = operator.status("pull")?;
    for _ in 0..HANG_GUARD_MS / LOOK_MS {
        if status.complete_through == end {
            return Ok(());
        }
        SystemClock.sleep(LOOK_MS).await;
        status = operator.status("pull")?;
    }
    bail!(
        "not complete: {status:?}; the emulator says: {}",
        operator.emulator.log()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deployed_template_delivers_everything_into_bucket() -> anyhow::Result<()> {
    let emulator = Emulator::start(EmulatorSettings { auth: true }).await?;
    let vendor = Stock::google(3, 4, 100).start().await;
    let pull = Pull::of(&vendor);
    services(&emulator, &["secret", SECRET], &pull.secret())?;
    let folder = tempfile::tempdir()?;
    packages(folder.path())?;
    let hosts = vendor.address().to_string();
    // The emulator does not support partitions by source: its jq cannot parse their query.
    let parameters = [("AllowedHosts", hosts.as_str())];
    let deployed = deploy(&emulator.uri(), STACK, &parameters, folder.path())?;
    let operator = Operator {
        emulator: &emulator,
        folder: tempfile::tempdir()?,
        table: deployed.outputs["StateTableName"].clone(),
    };
    operator.apply(&deployed, &pull)?;

    wait_until_complete(&operator, &vendor).await?;

    let bucket = &deployed.outputs["RecordsBucketName"];
    let lines = services(&emulator, &["lines", bucket, "records/"], "")?;
    let ledger = Ledger::of_lines(lines.lines(), pull.shape)?;
    let verdict = ledger.compare(vendor.timeline(), &pull.source);
    ensure!(verdict.is_exact(), "{verdict}");
    Ok(())
}
