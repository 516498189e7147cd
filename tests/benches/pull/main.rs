//! The cost of a pull beyond the network: the real `windlass`, from an HTTP server on loopback into
//! synced files, beside a bare loop that fetches the same pages and discards them.
//!
//! ```text
//! cargo bench -p windlass-tests --bench pull -- [--quick] [--latency-ms N] [--binary PATH] [--json]
//! ```
//!
//! Prints the median of several rounds and, in brackets, the lowest and the highest. Exits with 1
//! when a limit is exceeded, and with 2 when a measurement fails.
//!
//! `--quick` omits the million records. `--latency-ms` sets the latency of the vendor's responses: 0
//! by default, which no real vendor has, and which hides no cost. `--binary` measures an existing
//! build, to compare two of them.

mod bare;
mod measure;
mod project;
mod report;
mod vendor;
mod workload;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::json;
use windlass_tests::windlass::shipped_binary;

use crate::measure::{Sample, measure};
use crate::project::Project;
use crate::report::{Comparison, missed};
use crate::vendor::Vendor;
use crate::workload::Workload;

/// Number of records and rounds of each comparison, fewest records first.
const COMPARISONS: [(u64, usize); 2] = [(100_000, 9), (1_000_000, 1)];
/// The comparisons with `--quick`.
const QUICK_COMPARISONS: [(u64, usize); 1] = [(100_000, 3)];
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
    let mut args = std::env::args().skip(1).peekable();
    match args.peek().map(String::as_str) {
        Some(vendor::ROLE) => return vendor::run(args.skip(1)).map(|()| ExitCode::SUCCESS),
        Some(bare::ROLE) => return bare::run(args.skip(1)).map(|()| ExitCode::SUCCESS),
        _ => {}
    }
    let args: Vec<_> = args.collect();
    if !args.iter().any(|arg| arg == CARGO_BENCH) {
        writeln!(io::stdout(), "pull: measures only under `cargo bench`")?;
        return Ok(ExitCode::SUCCESS);
    }
    let options = Options::read(args)?;
    let windlass = match &options.binary {
        Some(path) => path.clone(),
        None => shipped_binary()?,
    };
    let mut comparisons = Vec::new();
    for (records, rounds) in options.comparisons() {
        let comparison = compare(
            &windlass,
            Workload::new(*records)?,
            *rounds,
            options.latency_ms,
        )?;
        if !options.json {
            writeln!(io::stdout(), "{comparison}")?;
        }
        comparisons.push(comparison);
    }
    let missed = missed(&comparisons);
    if options.json {
        let comparisons: Vec<_> = comparisons.iter().map(Comparison::to_json).collect();
        let document = json!({ "comparisons": comparisons, "missed": missed });
        writeln!(io::stdout(), "{document:#}")?;
    } else {
        for budget in &missed {
            writeln!(io::stdout(), "missed: {budget}")?;
        }
    }
    let code = u8::from(!missed.is_empty());
    Ok(ExitCode::from(code))
}

/// Runs both contestants in turn, `rounds` times, so that other load on the machine affects both.
fn compare(
    windlass: &Path,
    workload: Workload,
    rounds: usize,
    latency_ms: i64,
) -> anyhow::Result<Comparison> {
    let vendor = Vendor::start(latency_ms)?;
    let measured: anyhow::Result<Vec<_>> = (0..rounds)
        .map(|_| round(windlass, &vendor, workload))
        .collect();
    Comparison::new(workload, &measured?)
}

fn round(windlass: &Path, vendor: &Vendor, workload: Workload) -> anyhow::Result<(Sample, Sample)> {
    let bare = measure(&mut bare::command(vendor.address(), workload)?).context("the bare loop")?;
    let project = Project::new(vendor.address(), workload)?;
    let pulled = measure(&mut project.command(windlass)?)
        .with_context(|| format!("windlass, which says: {}", project.log()))?;
    project.check()?;
    Ok((bare, pulled))
}

/// The options of the command line.
#[derive(Debug, Default)]
struct Options {
    quick: bool,
    json: bool,
    latency_ms: i64,
    binary: Option<PathBuf>,
}

impl Options {
    fn read(args: Vec<String>) -> anyhow::Result<Self> {
        let mut options = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--json" => options.json = true,
                "--latency-ms" => {
                    let ms = args.next().context("--latency-ms needs a number")?;
                    options.latency_ms = ms.parse().context("--latency-ms")?;
                }
                "--binary" => {
                    let path = args.next().context("--binary needs a path")?;
                    options.binary = Some(path.into());
                }
                CARGO_BENCH => {}
                other => bail!(
                    "unknown argument `{other}`; there are --quick, --latency-ms N, --binary PATH \
                     and --json"
                ),
            }
        }
        Ok(options)
    }

    fn comparisons(&self) -> &'static [(u64, usize)] {
        if self.quick {
            &QUICK_COMPARISONS
        } else {
            &COMPARISONS
        }
    }
}
