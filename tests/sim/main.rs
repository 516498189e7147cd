//! The seeded simulator: the production engine (ticks, workers, clients, manifests, sinks) in
//! worlds of its own, single-threaded, under virtual time. Stores, vendors, streams, functions and
//! clocks fail in every way they can; the checks show that nothing is lost.
//!
//! A world is a function of its seed and its list of operations, so a failure can be repeated,
//! reduced, and kept as a test.

// A worker of the simulator holds a whole run of production futures. The compiler must see all of
// it before the worker can be spawned.
#![recursion_limit = "256"]

mod adapters;
mod args;
mod books;
mod checked;
mod clock;
mod ends;
mod faulty;
mod files;
mod lambda;
mod mortal;
mod op;
mod operator;
#[cfg(test)]
mod replays;
mod report;
mod run;
mod runner;
mod scenarios;
mod shrink;
#[cfg(test)]
mod sim_tests;
mod spec;
mod stream;
mod terminal;
mod ticks;
mod true_time;
mod truth;
mod vendor;
mod world;
mod wrong_clock;

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use clap::Parser;
use windlass_core::clock::Clock;
use windlass_core::system::SystemClock;

use crate::args::{Args, WORLDS, WORLDS_BROKEN};
use crate::report::{Listing, Reduced};
use crate::runner::{Summary, run_caught, run_many, shrunk};
use crate::scenarios::Scenario;
use crate::spec::WorldSpec;
use crate::terminal::{EXIT_INTERRUPTED, Interrupt, Progress};

/// Worlds between two lines of progress.
const PROGRESS_WORLDS: u64 = 10;

fn main() -> ExitCode {
    // Exits with 2 on invalid arguments.
    let args = Args::parse();
    let mut out = io::stdout().lock();
    let listing = || match (args.json, out.is_terminal()) {
        (true, _) => Listing::Json,
        (false, true) => Listing::Described,
        (false, false) => Listing::Names,
    };
    let ended = if args.list_breaks {
        let list = report::breaks(listing());
        write!(out, "{list}").map(|()| ExitCode::SUCCESS)
    } else if args.list_scenarios {
        let list = report::scenarios(listing());
        write!(out, "{list}").map(|()| ExitCode::SUCCESS)
    } else if let Some(scenario) = args.scenario {
        play(&mut out, scenario, args.json)
    } else if let Some(seed) = args.world {
        one(&mut out, &args, seed)
    } else {
        many(&mut out, &args)
    };
    // A closed pipe means that the reader has enough.
    ended.unwrap_or(ExitCode::FAILURE)
}

/// Plays a scenario. A failure means that it could not be played.
fn play(out: &mut impl Write, scenario: Scenario, as_json: bool) -> io::Result<ExitCode> {
    match scenario.play(as_json) {
        Ok(text) => write!(out, "{text}").map(|()| ExitCode::SUCCESS),
        Err(error) => {
            writeln!(io::stderr(), "error: {}: {error:#}", scenario.name())?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Runs one world.
fn one(out: &mut impl Write, args: &Args, seed: u64) -> io::Result<ExitCode> {
    let mut spec = WorldSpec::draw(seed);
    if let Some(kept) = &args.only {
        spec = spec.keeping(kept);
    }
    let started = SystemClock.now();
    let outcome = run_caught(&spec, args.broken, args.trace);
    let ms = SystemClock.now().ms_since(started);
    let held = outcome.violations.is_empty();
    if args.json {
        let summary = Summary::of_one(spec, outcome);
        writeln!(out, "{}", report::as_json(&summary, seed, args.broken, ms))?;
    } else {
        if args.trace {
            writeln!(out, "{spec:#?}")?;
            for line in &outcome.trace {
                writeln!(out, "{line}")?;
            }
        }
        write!(out, "{}", report::as_world(&spec, &outcome))?;
    }
    Ok(if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs many worlds.
fn many(out: &mut impl Write, args: &Args) -> io::Result<ExitCode> {
    let started = SystemClock.now();
    let default = if args.broken.is_some() {
        WORLDS_BROKEN
    } else {
        WORLDS
    };
    let worlds = args.worlds.unwrap_or(default);
    let until_first = args.broken.is_some();
    let interrupt = Interrupt::listen();
    let progress = Progress::of(worlds, "world", PROGRESS_WORLDS);
    let summary = run_many(args.seed, worlds, args.broken, until_first, |done| {
        progress.show(done);
        !interrupt.came()
    });
    progress.end();
    let ms = SystemClock.now().ms_since(started);
    if args.json {
        writeln!(
            out,
            "{}",
            report::as_json(&summary, args.seed, args.broken, ms)
        )?;
    } else {
        print_summary(out, args, &summary, ms, &interrupt)?;
    }
    Ok(match &summary {
        summary if summary.failed > 0 => ExitCode::FAILURE,
        summary if summary.interrupted => ExitCode::from(EXIT_INTERRUPTED),
        _ => ExitCode::SUCCESS,
    })
}

fn print_summary(
    out: &mut impl Write,
    args: &Args,
    summary: &Summary,
    ms: i64,
    interrupt: &Interrupt,
) -> io::Result<()> {
    write!(out, "{}", report::as_table(summary, args.seed, ms))?;
    if let Some(failure) = &summary.first {
        write!(out, "{}", report::others_failed(summary))?;
        out.flush()?;
        let (kept, outcome) = shrunk(failure, args.broken, || !interrupt.came());
        let reduced = Reduced {
            failure,
            kept,
            outcome,
        };
        write!(out, "{}", report::as_story(&reduced, args.broken))?;
    }
    match (args.broken, &summary.first) {
        (Some(way), Some(failure)) => {
            let seed = failure.spec.seed;
            writeln!(out, "{} was noticed in world {seed}", way.name())
        }
        (Some(way), None) => {
            let worlds = terminal::counted(summary.worlds, "world");
            writeln!(out, "{} was not noticed in {worlds}", way.name())
        }
        (None, _) => Ok(()),
    }
}
