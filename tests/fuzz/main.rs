//! Feeds generated and damaged inputs to every parser of foreign data: vendor responses, manifests,
//! configurations, times, names, stored items.
//!
//! ```text
//! cargo run --release -p windlass-tests --bin fuzz -- [--target NAME] [--inputs N] [--seed S] [--json]
//! ```
//!
//! An input is made from a seed: a mutated manifest, recorded response or edge case, or generated
//! valid data. Findings are panics, inputs that need much more memory than they have bytes, and
//! violated properties, which each target names in its own file. The first findings are printed
//! with the seed that reproduces the input. Exits with 1 when there are findings, and with 2 on
//! invalid arguments.
//!
//! The same seeds give the same inputs everywhere. In a build with overflow checks, as made by
//! `cargo run` without `--release`, an overflow is a panic.

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
mod report;
mod responses;
mod run;
mod target;
#[path = "../sim/terminal.rs"]
mod terminal;
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

use clap::Parser as _;
use windlass_core::system::SystemClock;

use crate::options::Options;
use crate::report::Report;
use crate::terminal::{EXIT_INTERRUPTED, Interrupt, Progress};

/// Stack of the fuzzing thread, in bytes: that of the threads on which records are read, so that an
/// overflow there shows here.
const STACK_BYTES: usize = 2 * 1024 * 1024;
/// Inputs between two lines of progress, and between two checks for an interrupt.
const PROGRESS_INPUTS: u64 = 10_000;

fn main() -> ExitCode {
    // Exits with 2 on invalid arguments.
    let options = Options::parse();
    let (inputs, as_json) = (options.inputs, options.json);
    let interrupt = Interrupt::listen();
    let feeder = thread::Builder::new().stack_size(STACK_BYTES);
    let feeder = feeder.spawn(move || {
        run::keep_panics_quiet();
        let progress = Progress::of(inputs, "input", PROGRESS_INPUTS);
        let report = fuzz(&options, |done| {
            progress.show(done);
            !done.is_multiple_of(PROGRESS_INPUTS) || !interrupt.came()
        });
        progress.end();
        report
    });
    let fed = feeder.map_err(|error| format!("no thread to feed from: {error}"));
    let fed = fed.and_then(|feeder| {
        let joined = feeder.join();
        joined.map_err(|_| "an input could not be made".to_owned())
    });
    match fed {
        Ok(report) => print(as_json, &report),
        Err(problem) => {
            drop(writeln!(io::stderr(), "error: {problem}"));
            ExitCode::from(2)
        }
    }
}

/// Runs the fuzzer with `options`, and calls `goes_on` after each input with the count so far; ends
/// once it returns false.
fn fuzz(options: &Options, goes_on: impl Fn(u64) -> bool) -> Report {
    let mut targets = target::all();
    if let Some(name) = &options.target {
        targets.retain(|target| target.name() == name);
    }
    let shares: u64 = targets.iter().map(|target| target.share()).sum();
    let mut report = Report::default();
    for target in &targets {
        let inputs = u128::from(options.inputs) * u128::from(target.share());
        let inputs = inputs.div_ceil(u128::from(shares));
        let inputs = u64::try_from(inputs).unwrap_or(u64::MAX);
        let before: u64 = report.targets.iter().map(|it| it.inputs).sum();
        let found = run::run(
            target.as_ref(),
            inputs,
            options.seed,
            &SystemClock,
            |done| goes_on(before + done),
        );
        report.interrupted = found.inputs < inputs;
        report.targets.push(found);
        if report.interrupted {
            break;
        }
    }
    report
}

fn print(as_json: bool, report: &Report) -> ExitCode {
    let mut out = io::stdout();
    let printed = if as_json {
        writeln!(out, "{:#}", report.json())
    } else {
        writeln!(out, "{report}")
    };
    drop(write!(io::stderr(), "{}", report.findings()));
    match printed {
        Ok(()) if !report.is_clean() => ExitCode::FAILURE,
        Ok(()) if report.interrupted => ExitCode::from(EXIT_INTERRUPTED),
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
