//! The cost of many sources: the real `windlass` over sources of three empty windows each, from an
//! HTTP server on loopback, and then idle over the same sources.
//!
//! ```text
//! cargo bench -p windlass-tests --bench many -- [--quick] [--shared] [--binary PATH] [--json]
//! ```
//!
//! Prints the median of several rounds and, in brackets, the lowest and the highest. Exits with 1
//! when a limit is exceeded, and with 2 when a measurement fails.
//!
//! `--quick` measures 50 and 200 sources only. `--shared` puts all sources into one rate group;
//! without it, each has its own. `--binary` measures an existing build.

#[path = "../pull/measure.rs"]
mod measure;
mod project;
mod report;
mod vendor;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use serde_json::json;
use windlass_tests::windlass::shipped_binary;

use crate::measure::{Sample, measure};
use crate::project::{Project, WINDOWS_PER_SOURCE};
use crate::report::{Scale, missed};
use crate::vendor::Vendor;

/// Number of sources and rounds of each scale, fewest sources first.
const SCALES: [(usize, usize); 4] = [(50, 5), (200, 5), (1_000, 3), (5_000, 3)];
/// The scales with `--quick`.
const QUICK_SCALES: [(usize, usize); 2] = [(50, 3), (200, 3)];
/// Lengths of the two idle runs whose difference is measured, in seconds: the cost of a start is in
/// both.
const IDLE_SECONDS: (u32, u32) = (5, 25);
/// The argument that `cargo bench` adds, but not `cargo test`, which also runs benchmarks.
const CARGO_BENCH: &str = "--bench";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            // If even this write fails, the exit code still reports the error.
            drop(writeln!(io::stderr(), "error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run() -> anyhow::Result<ExitCode> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    if !args.iter().any(|arg| arg == CARGO_BENCH) {
        writeln!(io::stdout(), "many: measures only under `cargo bench`")?;
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options::read(args)?;
    let windlass = match &options.binary {
        Some(path) => path.clone(),
        None => shipped_binary()?,
    };
    let vendor = Vendor::start()?;
    let mut scales = Vec::new();
    for (sources, rounds) in options.scales() {
        let scale = scale(&windlass, &vendor, *sources, *rounds, options.shared)
            .with_context(|| format!("{sources} sources"))?;
        if !options.json {
            writeln!(io::stdout(), "{scale}")?;
        }
        scales.push(scale);
    }
    let missed = missed(&scales);
    if options.json {
        let scales: Vec<_> = scales.iter().map(Scale::to_json).collect();
        let document = json!({ "scales": scales, "missed": missed });
        writeln!(io::stdout(), "{document:#}")?;
    } else {
        for budget in &missed {
            writeln!(io::stdout(), "missed: {budget}")?;
        }
    }
    let code = u8::from(!missed.is_empty());
    Ok(ExitCode::from(code))
}

/// Pulls `sources` sources in `rounds` fresh projects, and lets windlass idle over the last one.
fn scale(
    windlass: &Path,
    vendor: &Vendor,
    sources: usize,
    rounds: usize,
    shared: bool,
) -> anyhow::Result<Scale> {
    let mut samples = Vec::new();
    let mut last = None;
    for _ in 0..rounds {
        let project = Project::new(vendor.address(), sources, shared)?;
        let before = vendor.requests();
        let sample = run_in(&project, windlass, &["--until-caught-up"])?;
        let asked = vendor.requests() - before;
        let windows = sources * WINDOWS_PER_SOURCE;
        ensure!(
            asked == windows,
            "{asked} requests were sent for {windows} windows"
        );
        samples.push(sample);
        last = Some(project);
    }
    let project = last.context("no rounds")?;
    let idle = |seconds: u32| {
        let length = format!("{seconds}s");
        run_in(&project, windlass, &["--max-runtime", &length])
    };
    let (short, long) = (idle(IDLE_SECONDS.0)?, idle(IDLE_SECONDS.1)?);
    let idle_cpu = long.cpu.saturating_sub(short.cpu).as_secs_f64();
    let idle_share = idle_cpu / f64::from(IDLE_SECONDS.1 - IDLE_SECONDS.0);
    Scale::new(sources, &samples, idle_share)
}

fn run_in(project: &Project, windlass: &Path, args: &[&str]) -> anyhow::Result<Sample> {
    measure(&mut project.command(windlass, args)?)
        .with_context(|| format!("windlass, which says: {}", project.log()))
}

/// The options of the command line.
#[derive(Debug, Default)]
struct Options {
    quick: bool,
    shared: bool,
    json: bool,
    binary: Option<PathBuf>,
}

impl Options {
    fn read(args: Vec<String>) -> anyhow::Result<Self> {
        let mut options = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--shared" => options.shared = true,
                "--json" => options.json = true,
                "--binary" => {
                    let path = args.next().context("--binary needs a path")?;
                    options.binary = Some(path.into());
                }
                CARGO_BENCH => {}
                other => bail!(
                    "unknown argument `{other}`; there are --quick, --shared, --binary PATH and \
                     --json"
                ),
            }
        }
        Ok(options)
    }

    fn scales(&self) -> &'static [(usize, usize)] {
        if self.quick { &QUICK_SCALES } else { &SCALES }
    }
}
