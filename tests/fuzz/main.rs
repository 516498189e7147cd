//! Feeds made-up and damaged inputs to everything that reads what others wrote: replies of vendors,
//! manifests, configurations, times, names, stored items.
//!
//! ```text
//! cargo run --release -p windlass-tests --bin fuzz -- [--target NAME] [--inputs N] [--seed S] [--json]
//! ```
//!
//! An input is made from a seed: a manifest, a recorded reply or an edge case with a few changes, or
//! something made up that is valid. Counted are panics, inputs that need much more memory than they
//! have bytes, and properties that do not hold, which each target names in its own file. The first
//! of them are printed with the seed that makes the input again. Ends with 1 when something was
//! found, and with 2 when it was asked for something that it does not know.
//!
//! The same seeds give the same inputs everywhere. In a build with checks of overflow, which
//! `cargo run` without `--release` makes, an overflow is a panic.

mod configuration;
mod corpus;
mod draw;
mod input;
mod items;
mod json;
mod links;
mod manifests;
mod meter;
mod mutate;
mod names;
mod options;
mod pages;
mod reference;
mod replies;
mod report;
mod run;
mod target;
#[cfg(test)]
mod tests;
mod times;
mod tokens;
mod vendors;
mod waits;
mod yaml;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::thread;

use windlass_core::system::SystemClock;

use crate::options::Options;
use crate::report::Report;

/// Stack of the thread that feeds: what the threads have on which records are read, so that what
/// would overflow there does so here.
const STACK_BYTES: usize = 2 * 1024 * 1024;

fn main() -> ExitCode {
    let outcome = Options::parse(std::env::args().skip(1)).and_then(|options| {
        let feeder = thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || {
                run::keep_panics_quiet();
                fuzz(&options).map(|report| (options, report))
            });
        let feeder = feeder.map_err(|error| format!("no thread to feed from: {error}"))?;
        feeder
            .join()
            .map_err(|_| "an input could not be made".to_owned())?
    });
    match outcome {
        Ok((options, report)) => print(&options, &report),
        Err(problem) => {
            drop(writeln!(io::stderr(), "error: {problem}"));
            ExitCode::from(2)
        }
    }
}

/// Runs what `options` ask for.
fn fuzz(options: &Options) -> Result<Report, String> {
    let mut targets = target::all();
    if let Some(name) = &options.target {
        let known: Vec<_> = targets.iter().map(|target| target.name()).collect();
        targets.retain(|target| target.name() == name);
        if targets.is_empty() {
            return Err(format!(
                "there is no target `{name}`; there are {}",
                known.join(", ")
            ));
        }
    }
    let shares: u64 = targets.iter().map(|target| target.share()).sum();
    let mut reports = Vec::new();
    for target in &targets {
        let inputs = options
            .inputs
            .saturating_mul(target.share())
            .div_ceil(shares);
        reports.push(run::run(
            target.as_ref(),
            inputs,
            options.seed,
            &SystemClock,
        ));
    }
    Ok(Report(reports))
}

fn print(options: &Options, report: &Report) -> ExitCode {
    let mut out = io::stdout();
    let printed = if options.json {
        writeln!(out, "{:#}", report.json())
    } else {
        writeln!(out, "{report}")
    };
    drop(write!(io::stderr(), "{}", report.findings()));
    if printed.is_ok() && report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
