//! The output: one JSON object, or a table with the full reproduction of the first world that
//! failed.

mod breaks;
mod ops;

use std::collections::BTreeMap;

use serde_json::json;
use windlass_core::breaks::Break;
use windlass_core::time::{DAY_MS, SECOND_MS};

use crate::run::Outcome;
use crate::runner::{Failure, Summary};
use crate::scenarios::Scenario;
use crate::spec::WorldSpec;
use crate::terminal::{counted, grouped};

/// The first world that failed, with its operations reduced.
#[derive(Debug)]
pub(crate) struct Reduced<'a> {
    /// The original failure.
    pub(crate) failure: &'a Failure,
    /// The numbers of the operations it needs.
    pub(crate) kept: Vec<usize>,
    /// Its outcome with only these.
    pub(crate) outcome: Outcome,
}

/// The format of a list of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// One name per line, for scripts.
    Names,
    /// With a description of each, for a terminal.
    Described,
    /// The same as JSON.
    Json,
}

/// The list of breaks.
pub(crate) fn breaks(listing: Listing) -> String {
    let all = Break::ALL.map(|way| (way.name(), breaks::what(way)));
    list(&all, listing)
}

/// The list of scenarios.
pub(crate) fn scenarios(listing: Listing) -> String {
    let all = Scenario::ALL.map(|scenario| (scenario.name(), scenario.what()));
    list(&all, listing)
}

fn list(all: &[(&str, &str)], listing: Listing) -> String {
    let widest = all.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = |line: &dyn Fn(&str, &str) -> String| {
        let lines = all.iter().map(|(name, what)| line(name, what));
        lines.collect::<String>()
    };
    match listing {
        Listing::Names => lines(&|name, _| format!("{name}\n")),
        Listing::Described => lines(&|name, what| format!("{name:<widest$}  {what}\n")),
        Listing::Json => {
            let object = |(name, what): &(&str, &str)| json!({"name": name, "what": what});
            let objects: Vec<_> = all.iter().map(object).collect();
            format!("{}\n", json!(objects))
        }
    }
}

/// The summary as one line of JSON.
pub(crate) fn as_json(summary: &Summary, seed: u64, broken: Option<Break>, ms: i64) -> String {
    let Summary { total, .. } = summary;
    let faults: u64 = total.faults.values().sum();
    let object = json!({
        "seed": seed,
        "worlds": summary.worlds,
        "interrupted": summary.interrupted,
        "failed": summary.failed,
        "violations": total.violations.len(),
        "lost": total.tally.lost,
        "duplicates": total.tally.duplicates,
        "delivered": total.tally.delivered,
        "swept": total.tally.swept,
        "faults": faults,
        "faults_by_kind": total.faults,
        "ticks": total.ticks,
        "invocations": total.invocations,
        "virtual_days": days(total.virtual_ms),
        "wrong_clock_days": days(total.wrong_clock_ms),
        "seconds": seconds(ms),
        "broken": broken.map(Break::name),
        "first_violations": listed(summary),
    });
    object.to_string()
}

/// Largest number of failed worlds in the list.
const FAILURES_LISTED: usize = 40;

/// The first violation of each failed world, by its seed.
fn listed(summary: &Summary) -> BTreeMap<String, &str> {
    let listed = summary.failures.iter().take(FAILURES_LISTED);
    listed
        .map(|(seed, problem)| (seed.to_string(), problem.as_str()))
        .collect()
}

/// The failed worlds except the first, which is shown in full: one line each, up to a limit.
pub(crate) fn others_failed(summary: &Summary) -> String {
    let mut text = String::new();
    for (seed, problem) in summary.failures.iter().skip(1).take(FAILURES_LISTED) {
        text.push_str(&format!("world {seed} failed too: {problem}\n"));
    }
    text
}

/// The summary as a table.
pub(crate) fn as_table(summary: &Summary, seed: u64, ms: i64) -> String {
    let Summary { total, worlds, .. } = summary;
    let mut rows = vec![
        ("worlds", grouped(*worlds)),
        ("from seed", seed.to_string()),
        ("virtual days", format!("{:.0}", days(total.virtual_ms))),
        (
            "days of wrong clocks",
            format!("{:.1}", days(total.wrong_clock_ms)),
        ),
    ];
    rows.extend(outcome_rows(total));
    rows.push(("worlds that failed", grouped(summary.failed)));
    rows.push(("seconds", format!("{:.1}", seconds(ms))));
    let mut text = rows.iter().map(row).collect();
    if summary.interrupted {
        text += "interrupted\n";
    }
    text
}

fn outcome_rows(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let tally = outcome.tally;
    vec![
        ("ticks", grouped(outcome.ticks)),
        ("worker invocations", grouped(outcome.invocations)),
        ("faults", grouped(outcome.faults.values().sum())),
        ("records delivered", grouped(tally.delivered)),
        ("of these by sweeps", grouped(tally.swept)),
        ("repeated within bounds", grouped(tally.duplicates)),
        ("lost", grouped(tally.lost)),
    ]
}

fn row((name, value): &(&'static str, String)) -> String {
    format!("{name:<24}{value:>20}\n")
}

/// One world that ran alone: its operations and its outcome.
pub(crate) fn as_world(spec: &WorldSpec, outcome: &Outcome) -> String {
    let mut text = format!(
        "world {} with {}\n{}\n",
        spec.seed,
        counted(spec.ops.len() as u64, "operation"),
        as_list(spec)
    );
    let lasts = ops::length(outcome.virtual_ms - outcome.virtual_ms % SECOND_MS);
    text.push_str(&row(&("lasts", lasts)));
    for line in outcome_rows(outcome) {
        text.push_str(&row(&line));
        if line.0 == "faults" {
            for (fault, count) in &outcome.faults {
                let fault = format!("  {}", fault.replace('_', " "));
                text.push_str(&format!("{fault:<28}{:>16}\n", grouped(*count)));
            }
        }
    }
    let history = format!("{:016x}", outcome.trace_hash);
    text.push_str(&row(&("history", history)));
    for violation in &outcome.violations {
        text.push_str(&format!("broken: {violation}\n"));
    }
    text
}

/// The first failed world: its violation, and the command that repeats it.
pub(crate) fn as_story(reduced: &Reduced<'_>, broken: Option<Break>) -> String {
    let Reduced {
        failure,
        kept,
        outcome,
    } = reduced;
    let seed = failure.spec.seed;
    let ops = &failure.spec.ops;
    let mut text = format!("world {seed} failed:\n");
    for violation in &failure.outcome.violations {
        text.push_str(&format!("  {violation}\n"));
    }
    let colon = if kept.is_empty() { "" } else { ":" };
    let (needed, all) = (kept.len(), counted(ops.len() as u64, "operation"));
    text.push_str(&format!("it needs {needed} of its {all}{colon}\n"));
    for number in kept {
        if let Some(op) = ops.get(*number) {
            text.push_str(&ops::line(*number, op));
        }
    }
    if outcome.violations != failure.outcome.violations {
        text.push_str("and then this breaks:\n");
        for violation in &outcome.violations {
            text.push_str(&format!("  {violation}\n"));
        }
    }
    let numbers: Vec<_> = kept.iter().map(usize::to_string).collect();
    let mut again = format!("--world {seed} --only");
    if !kept.is_empty() {
        again.push_str(&format!(" {}", numbers.join(",")));
    }
    if let Some(way) = broken {
        again.push_str(&format!(" --break {}", way.name()));
    }
    text.push_str(&format!(
        "again: cargo run --release -p windlass-tests --bin sim -- {again}\n"
    ));
    if broken.is_none() {
        let list = numbers.join(", ");
        text.push_str("as a test, in tests/sim/replays.rs:\n");
        text.push_str(&format!(
            "  #[test]\n  fn failure_reads_as_one_sentence() {{\n      replay({seed}, &[{list}]);\n  }}\n"
        ));
    }
    text
}

/// The operations of one world, one per line.
pub(crate) fn as_list(spec: &WorldSpec) -> String {
    let ops = spec.ops.iter().enumerate();
    ops.map(|(number, op)| ops::line(number, op)).collect()
}

fn days(ms: i64) -> f64 {
    to_f64(ms) / to_f64(DAY_MS)
}

fn seconds(ms: i64) -> f64 {
    to_f64(ms) / 1_000.0
}

/// Exact for every time that a simulation can last.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn to_f64(ms: i64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_within_eighty_columns() {
        for list in [breaks, scenarios] {
            let names = list(Listing::Names);
            let described = list(Listing::Described);
            let json: serde_json::Value = serde_json::from_str(&list(Listing::Json)).unwrap();
            assert_eq!(names.lines().count(), described.lines().count());
            for (at, (name, described)) in names.lines().zip(described.lines()).enumerate() {
                assert!(!name.contains(' '), "{name}");
                assert!(
                    described.starts_with(name) && described.len() <= 80,
                    "{described}"
                );
                assert_eq!(json[at]["name"], name);
                assert!(described.ends_with(json[at]["what"].as_str().unwrap()));
            }
        }
    }
}
