//! The seeded simulator: the production engine (ticks, workers, clients, manifests, sinks) in
//! worlds of its own, single-threaded, under virtual time, where stores, vendors, streams, functions
//! and clocks fail in every way they can; and the checks that nothing is lost.
//!
//! A world is a function of its seed and its list of operations, so a failure can be repeated,
//! reduced, and kept as a test.

mod args;
mod books;
mod checked;
mod clock;
mod ends;
mod faulty;
mod lambda;
mod mortal;
mod op;
mod operator;
mod outfit;
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
mod ticks;
mod true_time;
mod truth;
mod vendor;
mod world;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use windlass_core::breaks::Break;
use windlass_core::clock::Clock;
use windlass_core::system::SystemClock;

use crate::args::{Args, WORLDS, WORLDS_BROKEN};
use crate::report::Reduced;
use crate::runner::{Failure, Summary, run_caught, run_many, shrunk};
use crate::scenarios::Scenario;
use crate::spec::WorldSpec;

fn main() -> ExitCode {
    // Exits with 2 when the arguments make no sense.
    let args = Args::parse();
    let mut out = io::stdout().lock();
    let held = if args.list_breaks {
        list_breaks(&mut out).map(|()| true)
    } else if args.list_scenarios {
        list_scenarios(&mut out).map(|()| true)
    } else if let Some(scenario) = args.scenario {
        play(&mut out, scenario, args.json)
    } else if let Some(seed) = args.world {
        one(&mut out, &args, seed)
    } else {
        many(&mut out, &args)
    };
    match held {
        Ok(true) => ExitCode::SUCCESS,
        // A reader that went away has seen what it wanted.
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

fn list_breaks(out: &mut impl Write) -> io::Result<()> {
    Break::ALL
        .iter()
        .try_for_each(|way| writeln!(out, "{}", way.name()))
}

fn list_scenarios(out: &mut impl Write) -> io::Result<()> {
    Scenario::ALL
        .iter()
        .try_for_each(|scenario| writeln!(out, "{}", scenario.name()))
}

/// Plays a scenario, and says whether it could be played.
fn play(out: &mut impl Write, scenario: Scenario, as_json: bool) -> io::Result<bool> {
    match scenario.play(as_json) {
        Ok(text) => write!(out, "{text}").map(|()| true),
        Err(error) => writeln!(io::stderr(), "{}: {error:#}", scenario.name()).map(|()| false),
    }
}

/// Runs one world, and says whether everything held.
fn one(out: &mut impl Write, args: &Args, seed: u64) -> io::Result<bool> {
    let mut spec = WorldSpec::draw(seed);
    if let Some(kept) = &args.only {
        spec = spec.keeping(kept);
    }
    let outcome = run_caught(&spec, args.broken, args.trace);
    if args.trace {
        writeln!(out, "{spec:#?}")?;
        for line in &outcome.trace {
            writeln!(out, "{line}")?;
        }
    }
    let held = outcome.violations.is_empty();
    let failure = Failure { spec, outcome };
    write!(out, "{}", report::as_list(&failure))?;
    let outcome = &failure.outcome;
    writeln!(out, "{:?}", outcome.faults)?;
    writeln!(
        out,
        "{:?} after {} virtual ms; trace {:016x}",
        outcome.tally, outcome.virtual_ms, outcome.trace_hash
    )?;
    for violation in &outcome.violations {
        writeln!(out, "{violation}")?;
    }
    Ok(held)
}

/// Runs many worlds, and says whether everything held in all of them.
fn many(out: &mut impl Write, args: &Args) -> io::Result<bool> {
    let started = SystemClock.now();
    let default = if args.broken.is_some() {
        WORLDS_BROKEN
    } else {
        WORLDS
    };
    let worlds = args.worlds.unwrap_or(default);
    let until_first = args.broken.is_some();
    let summary = run_many(args.seed, worlds, args.broken, until_first, |done| {
        show_progress(done, worlds);
    });
    let ms = SystemClock.now().ms_since(started);
    if args.json {
        writeln!(
            out,
            "{}",
            report::as_json(&summary, args.seed, args.broken, ms)
        )?;
    } else {
        tell(out, args, &summary, ms)?;
    }
    Ok(summary.failed == 0)
}

fn tell(out: &mut impl Write, args: &Args, summary: &Summary, ms: i64) -> io::Result<()> {
    write!(out, "{}", report::as_table(summary, args.seed, ms))?;
    if let Some(failure) = &summary.first {
        let (kept, outcome) = shrunk(failure, args.broken);
        let reduced = Reduced {
            failure,
            kept,
            outcome,
        };
        write!(out, "{}", report::as_story(&reduced, args.broken))?;
    }
    match (args.broken, &summary.first) {
        (Some(way), Some(failure)) => {
            let problem = failure.outcome.violations.first();
            let problem = problem.map_or("", String::as_str);
            writeln!(out, "{} was noticed: {problem}", way.name())
        }
        (Some(way), None) => writeln!(
            out,
            "{} was not noticed in {} worlds",
            way.name(),
            summary.worlds
        ),
        (None, _) => Ok(()),
    }
}

/// Says on a terminal how many worlds are done.
fn show_progress(done: u64, worlds: u64) {
    let mut err = io::stderr();
    if err.is_terminal() && (done.is_multiple_of(10) || done == worlds) {
        let end = if done == worlds { "\n" } else { "" };
        // Nobody is helped when progress that cannot be shown stops the worlds.
        drop(write!(err, "\r{done} of {worlds} worlds{end}"));
    }
}
