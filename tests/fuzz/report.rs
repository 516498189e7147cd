//! The findings of a run, as text and as JSON.

use std::fmt;

use serde_json::{Value, json};

use crate::input::Input;
use crate::terminal::{counted, grouped};

/// The kind of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The call panicked.
    Panic,
    /// The call needed more memory than its input allows.
    Memory,
    /// The result violates a property.
    Property,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panic => "panic",
            Self::Memory => "memory",
            Self::Property => "property",
        })
    }
}

/// One input with a finding.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) problem: String,
    pub(crate) seed: u64,
    pub(crate) input: Input,
}

/// The findings of one target.
#[derive(Debug, Clone)]
pub(crate) struct TargetReport {
    pub(crate) name: &'static str,
    pub(crate) inputs: u64,
    pub(crate) panics: u64,
    pub(crate) over_memory: u64,
    pub(crate) failures: u64,
    /// Largest memory of an input, in bytes.
    pub(crate) grown_max: usize,
    /// Duration in milliseconds.
    pub(crate) ms: i64,
    /// The first few findings.
    pub(crate) findings: Vec<Finding>,
}

impl TargetReport {
    /// The report of a target `name` without inputs yet.
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            inputs: 0,
            panics: 0,
            over_memory: 0,
            failures: 0,
            grown_max: 0,
            ms: 0,
            findings: Vec::new(),
        }
    }

    /// Returns true if there is no finding.
    pub(crate) fn is_clean(&self) -> bool {
        self.panics + self.over_memory + self.failures == 0
    }

    /// Inputs per second.
    fn rate(&self) -> u64 {
        self.inputs * 1_000 / self.ms.max(1).unsigned_abs()
    }

    fn json(&self) -> Value {
        json!({
            "inputs": self.inputs,
            "panics": self.panics,
            "over_memory": self.over_memory,
            "failures": self.failures,
            "seconds": seconds(self.ms),
            "inputs_per_second": self.rate(),
            "memory_bytes_max": self.grown_max,
        })
    }
}

/// The findings of all targets of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    /// Per target, in the order in which they ran.
    pub(crate) targets: Vec<TargetReport>,
    /// True if the run was stopped before all inputs.
    pub(crate) interrupted: bool,
}

impl Report {
    /// Returns true if there is no finding.
    pub(crate) fn is_clean(&self) -> bool {
        self.targets.iter().all(TargetReport::is_clean)
    }

    fn sum(&self, count: impl Fn(&TargetReport) -> u64) -> u64 {
        self.targets.iter().map(count).sum()
    }

    /// The report as one object. Findings are described by [`fmt::Display`].
    pub(crate) fn json(&self) -> Value {
        let by_target: serde_json::Map<String, Value> = self
            .targets
            .iter()
            .map(|target| (target.name.to_owned(), target.json()))
            .collect();
        json!({
            "inputs": self.sum(|it| it.inputs),
            "interrupted": self.interrupted,
            "panics": self.sum(|it| it.panics),
            "over_memory": self.sum(|it| it.over_memory),
            "failures": self.sum(|it| it.failures),
            "seconds": seconds(self.targets.iter().map(|it| it.ms).sum()),
            "by_target": by_target,
        })
    }

    /// The inputs with findings, each with the command that repeats it.
    pub(crate) fn findings(&self) -> String {
        let mut text = String::new();
        for target in &self.targets {
            for finding in &target.findings {
                let Finding {
                    kind,
                    problem,
                    seed,
                    input,
                } = finding;
                let name = target.name;
                let problem = problem.escape_debug();
                text.push_str(&format!(
                    "{name}: {kind}: {problem}\n{input}    again: cargo run --release -p \
                     windlass-tests --bin fuzz -- --target {name} --seed {seed} --inputs 1\n"
                ));
            }
        }
        text
    }
}

/// Milliseconds as seconds with exactly three decimals.
fn seconds(ms: i64) -> Value {
    let text = format!("{}.{:03}", ms / 1_000, ms.rem_euclid(1_000));
    text.parse::<serde_json::Number>()
        .map_or(Value::Null, Value::Number)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<14} {:>10} {:>9} {:>12} {:>7} {:>12} {:>9}",
            "target", "inputs", "inputs/s", "memory bytes", "panics", "over memory", "failures"
        )?;
        for it in &self.targets {
            writeln!(
                f,
                "{:<14} {:>10} {:>9} {:>12} {:>7} {:>12} {:>9}",
                it.name,
                grouped(it.inputs),
                grouped(it.rate()),
                grouped(it.grown_max as u64),
                grouped(it.panics),
                grouped(it.over_memory),
                grouped(it.failures)
            )?;
        }
        let ms: i64 = self.targets.iter().map(|it| it.ms).sum();
        let inputs = counted(self.sum(|it| it.inputs), "input");
        let ended = if self.interrupted {
            ", interrupted"
        } else {
            ""
        };
        write!(f, "{inputs} in {} s{ended}", seconds(ms))
    }
}
