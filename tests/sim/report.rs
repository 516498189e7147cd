//! What is printed: one JSON object, or a table and, of the first world that failed, everything that
//! is needed to repeat it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;
use windlass_core::breaks::Break;
use windlass_core::time::DAY_MS;

use crate::run::Outcome;
use crate::runner::{Failure, Summary};

/// The first world that failed, as far as it could be reduced.
#[derive(Debug)]
pub(crate) struct Reduced<'a> {
    /// As it failed.
    pub(crate) failure: &'a Failure,
    /// The numbers of the operations it needs.
    pub(crate) kept: Vec<usize>,
    /// How it fails with these.
    pub(crate) outcome: Outcome,
}

/// The summary as one line of JSON.
pub(crate) fn as_json(summary: &Summary, seed: u64, broken: Option<Break>, ms: i64) -> String {
    let Summary { total, .. } = summary;
    let faults: u64 = total.faults.values().sum();
    let object = json!({
        "seed": seed,
        "worlds": summary.worlds,
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
        "seconds": seconds(ms),
        "broken": broken.map(Break::name),
        "first_violations": listed(summary),
    });
    object.to_string()
}

/// Failed worlds that are listed, at most.
const FAILURES_LISTED: usize = 40;

/// The first violation of each failed world, by its seed.
fn listed(summary: &Summary) -> BTreeMap<String, &str> {
    let listed = summary.failures.iter().take(FAILURES_LISTED);
    listed
        .map(|(seed, problem)| (seed.to_string(), problem.as_str()))
        .collect()
}

/// The summary for people.
pub(crate) fn as_table(summary: &Summary, seed: u64, ms: i64) -> String {
    let Summary { total, .. } = summary;
    let faults: u64 = total.faults.values().sum();
    let rows = [
        ("worlds", format!("{} from seed {seed}", summary.worlds)),
        ("virtual days", format!("{:.0}", days(total.virtual_ms))),
        ("ticks", total.ticks.to_string()),
        ("worker invocations", total.invocations.to_string()),
        ("faults", faults.to_string()),
        ("records delivered", total.tally.delivered.to_string()),
        ("of these by sweeps", total.tally.swept.to_string()),
        ("repeated within bounds", total.tally.duplicates.to_string()),
        ("lost", total.tally.lost.to_string()),
        ("worlds that failed", summary.failed.to_string()),
        ("seconds", format!("{:.1}", seconds(ms))),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        text.push_str(&format!("{name:<24}{value:>16}\n"));
    }
    for (seed, problem) in listed(summary) {
        text.push_str(&format!("world {seed}: {problem}\n"));
    }
    text
}

/// How the first failed world fails, and how to repeat it.
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
    text.push_str(&format!(
        "{} of its {} operations are enough:\n",
        kept.len(),
        ops.len()
    ));
    for number in kept {
        if let Some(op) = ops.get(*number) {
            text.push_str(&format!("  {number:>3} {op}\n"));
        }
    }
    text.push_str("with these:\n");
    for violation in &outcome.violations {
        text.push_str(&format!("  {violation}\n"));
    }
    let numbers: Vec<_> = kept.iter().map(usize::to_string).collect();
    let numbers = numbers.join(",");
    let broken_by = broken.map_or(String::new(), |way| format!(" --break {}", way.name()));
    text.push_str(&format!(
        "again: cargo run --release -p windlass-tests --bin sim -- --world {seed} --only {numbers}{broken_by}\n"
    ));
    if broken.is_none() {
        let list = numbers.replace(',', ", ");
        text.push_str("as a test, in tests/sim/replays.rs:\n");
        text.push_str(&format!(
            "  #[test]\n  fn a_sentence_about_what_went_wrong() {{\n      replay({seed}, &[{list}]);\n  }}\n"
        ));
    }
    text
}

/// One world's own operations, one a line.
pub(crate) fn as_list(failure: &Failure) -> String {
    let mut text = String::new();
    for (number, op) in failure.spec.ops.iter().enumerate() {
        if writeln!(text, "{number:>3} {op}").is_err() {
            break;
        }
    }
    text
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
