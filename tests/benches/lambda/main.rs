//! The start and run costs of the two functions: the deployed bootstraps, from the start of the
//! process to its first request for work, and the memory of a running worker.
//!
//! ```text
//! cargo bench -p windlass-tests --bench lambda [-- --json]
//! ```
//!
//! Measures the output of `cargo lambda build` (README.md) in `target/lambda`, which must be built
//! for this machine's processor. Prints the median of several starts and, in brackets, the fastest
//! and the slowest. Exits with 1 when a limit is exceeded, and with 2 when a measurement fails.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;
use windlass_tests::aws::binaries::packaged_bootstraps;
use windlass_tests::aws::deployment::{Deployment, ORCHESTRATOR, Setup, WORKER};
use windlass_tests::aws::lambda::Invocation;
use windlass_tests::timeline::{BOUND_MS, Timeline, TimelineSpec, recent_span};
use windlass_tests::vendor::{Settings, Shape, Vendor};

/// Number of starts of each function.
const STARTS: usize = 25;
/// Maximum median of the start times, in milliseconds.
const START_MS_MAX: f64 = 60.0;
/// Maximum resident memory of a running worker, in KB.
const WORKER_KB_MAX: u64 = 64 * 1024;
/// Number of pulled windows of ten minutes.
const WINDOWS: i64 = 10;
/// Total number of records, in pages of [`PAGE`].
const RECORDS: usize = 100_000;
/// Records per page.
const PAGE: usize = 1_000;
/// Approximate size of one record in a vendor's audit log.
const RECORD_BYTES: usize = 850;
/// More than the pull takes.
const TICKS_MAX: usize = 200;
/// The argument that `cargo bench` adds, but not `cargo test`, which also runs benchmarks.
const CARGO_BENCH: &str = "--bench";

/// The measurements of one function.
#[derive(Debug)]
struct Measured {
    function: &'static str,
    bytes: u64,
    zip_bytes: u64,
    starts_ms: Vec<f64>,
    rss_kb: u64,
    invocations: usize,
    billed_ms: u64,
}

impl Measured {
    fn median_ms(&self) -> f64 {
        self.starts_ms[self.starts_ms.len() / 2]
    }

    fn is_within_budget(&self) -> bool {
        self.median_ms() <= START_MS_MAX && self.rss_kb <= WORKER_KB_MAX
    }
}

fn main() -> ExitCode {
    if !std::env::args().any(|arg| arg == CARGO_BENCH) {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let measured = runtime
        .context("no async runtime")
        .and_then(|runtime| runtime.block_on(measure()));
    match measured.and_then(|measured| report(&measured)) {
        Ok(code) => code,
        Err(error) => {
            // If even this write fails, the exit code still reports the error.
            drop(writeln!(io::stderr(), "error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

async fn measure() -> anyhow::Result<Vec<Measured>> {
    let built = packaged_bootstraps()?;
    let deployment =
        Deployment::with_bootstraps("bench", vendor().await, Setup::default(), built.clone())
            .await?;
    deployment.apply().await?;
    deployment.until_caught_up(TICKS_MAX).await?;
    deployment.check_complete(0).await?;
    // Before the next deployment, which discards these invocations.
    let mut at_work = BTreeMap::new();
    for function in [ORCHESTRATOR, WORKER] {
        let invocations = deployment.lambda.invocations(function)?;
        let rss_kb = invocations.iter().filter_map(|it| it.max_rss_kb).max();
        let billed_ms: u64 = invocations.iter().map(Invocation::billed_ms).sum();
        at_work.insert(function, (rss_kb, invocations.len(), billed_ms));
    }
    let mut all = Vec::new();
    for (function, binary) in [(ORCHESTRATOR, &built.orchestrator), (WORKER, &built.worker)] {
        let (rss_kb, invocations, billed_ms) = at_work[function];
        let mut starts_ms = starts(&deployment, function).await?;
        starts_ms.sort_by(f64::total_cmp);
        all.push(Measured {
            function,
            bytes: std::fs::metadata(binary)?.len(),
            zip_bytes: zipped(binary)?,
            starts_ms,
            rss_kb: rss_kb.context("this system does not tell the memory of a process")?,
            invocations,
            billed_ms,
        });
    }
    Ok(all)
}

/// The start times of `function`'s environments in milliseconds, in order.
async fn starts(deployment: &Deployment, function: &str) -> anyhow::Result<Vec<f64>> {
    // A tick with nothing due, and a worker without a task.
    let payload = if function == WORKER {
        json!([])
    } else {
        json!({})
    };
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        // A new deployment begins with a new environment.
        deployment.deploy(&BTreeMap::new())?;
        let invocation = deployment.lambda.invoke(function, &payload).await?;
        invocation.expect_success()?;
        let init: Duration = invocation.init.context("the environment was not new")?;
        starts.push(init.as_secs_f64() * 1_000.0);
    }
    Ok(starts)
}

async fn vendor() -> Vendor {
    let timeline = Timeline::generate(&TimelineSpec {
        seed: 1,
        span: recent_span(WINDOWS * BOUND_MS),
        events: RECORDS,
        record_bytes: RECORD_BYTES,
    });
    let settings = Settings {
        seed: 1,
        latency_ms: 0..=0,
        ..Settings::new(Shape::Google, PAGE)
    };
    Vendor::start(settings, timeline).await
}

/// The size of `binary` in a package.
fn zipped(binary: &std::path::Path) -> anyhow::Result<u64> {
    let gzip = Command::new("gzip").arg("-9c").arg(binary).output();
    let gzip = gzip.context("gzip, which packs like zip, is needed")?;
    ensure!(gzip.status.success(), "gzip failed");
    Ok(u64::try_from(gzip.stdout.len())?)
}

fn report(measured: &[Measured]) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout();
    if std::env::args().any(|arg| arg == "--json") {
        let functions: Vec<_> = measured
            .iter()
            .map(|one| {
                json!({
                    "function": one.function, "bytes": one.bytes, "zip_bytes": one.zip_bytes,
                    "start_ms_median": one.median_ms(), "start_ms_min": one.starts_ms[0],
                    "start_ms_max": one.starts_ms[one.starts_ms.len() - 1], "rss_kb": one.rss_kb,
                    "invocations": one.invocations, "billed_ms": one.billed_ms,
                })
            })
            .collect();
        writeln!(out, "{}", json!({ "functions": functions }))?;
    } else {
        for one in measured {
            writeln!(
                out,
                "{}: {:.1} MB, {:.1} MB packed; start {:.1} ms ({:.1} to {:.1} in {STARTS}); \
                 {:.1} MB at most, {} invocations and {} ms billed while {RECORDS} records were pulled",
                one.function,
                mb(one.bytes),
                mb(one.zip_bytes),
                one.median_ms(),
                one.starts_ms[0],
                one.starts_ms[one.starts_ms.len() - 1],
                mb(one.rss_kb * 1024),
                one.invocations,
                one.billed_ms,
            )?;
        }
        writeln!(
            out,
            "budget: {START_MS_MAX} ms, {} MB",
            WORKER_KB_MAX / 1024
        )?;
    }
    let within = measured.iter().all(Measured::is_within_budget);
    Ok(if within {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[expect(clippy::cast_precision_loss, reason = "printed with one digit")]
fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
