//! What a run found, for people and for programs.

use std::fmt;

use serde_json::{Value, json};

use crate::input::Input;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The call panicked.
    Panic,
    /// The call needed more memory than its input accounts for.
    Memory,
    /// What came back is not what must come back.
    Property,
}

/// One input with which something went wrong.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) problem: String,
    pub(crate) seed: u64,
    pub(crate) input: Input,
}

/// What was found with one target.
#[derive(Debug, Clone)]
pub(crate) struct TargetReport {
    pub(crate) name: &'static str,
    pub(crate) inputs: u64,
    pub(crate) panics: u64,
    pub(crate) over_memory: u64,
    pub(crate) failures: u64,
    /// Most memory that one input needed, in bytes.
    pub(crate) grown_max: usize,
    /// How long it took, in milliseconds.
    pub(crate) ms: i64,
    /// The first few.
    pub(crate) findings: Vec<Finding>,
}

impl TargetReport {
    /// Of a target called `name` that has got nothing yet.
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

    /// Whether nothing was found.
    pub(crate) fn is_clean(&self) -> bool {
        self.panics + self.over_memory + self.failures == 0
    }

    /// Inputs in a second.
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

/// What was found with all targets of a run.
#[derive(Debug, Clone)]
pub(crate) struct Report(pub(crate) Vec<TargetReport>);

impl Report {
    /// Whether nothing was found.
    pub(crate) fn is_clean(&self) -> bool {
        self.0.iter().all(TargetReport::is_clean)
    }

    fn sum(&self, count: impl Fn(&TargetReport) -> u64) -> u64 {
        self.0.iter().map(count).sum()
    }

    /// As one object. What was found is described by [`fmt::Display`].
    pub(crate) fn json(&self) -> Value {
        let by_target: serde_json::Map<String, Value> = self
            .0
            .iter()
            .map(|target| (target.name.to_owned(), target.json()))
            .collect();
        json!({
            "inputs": self.sum(|it| it.inputs),
            "panics": self.sum(|it| it.panics),
            "over_memory": self.sum(|it| it.over_memory),
            "failures": self.sum(|it| it.failures),
            "seconds": seconds(self.0.iter().map(|it| it.ms).sum()),
            "by_target": by_target,
        })
    }

    /// The inputs with which something went wrong, each with the command that repeats it.
    pub(crate) fn findings(&self) -> String {
        let mut text = String::new();
        for target in &self.0 {
            for finding in &target.findings {
                let Finding {
                    kind,
                    problem,
                    seed,
                    input,
                } = finding;
                let name = target.name;
                text.push_str(&format!(
                    "{name}: {kind:?}: {}\n{input}    again: --target {name} --seed {seed} --inputs 1\n",
                    problem.escape_debug()
                ));
            }
        }
        text
    }
}

/// Milliseconds as seconds with three places, exactly.
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
        for it in &self.0 {
            writeln!(
                f,
                "{:<14} {:>10} {:>9} {:>12} {:>7} {:>12} {:>9}",
                it.name,
                it.inputs,
                it.rate(),
                it.grown_max,
                it.panics,
                it.over_memory,
                it.failures
            )?;
        }
        let ms: i64 = self.0.iter().map(|it| it.ms).sum();
        write!(
            f,
            "{} inputs in {} s",
            self.sum(|it| it.inputs),
            seconds(ms)
        )
    }
}
