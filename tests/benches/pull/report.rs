//! The figures as a table or as JSON, and their limits.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use crate::measure::{Sample, Spread};
use crate::workload::Workload;

/// Maximum wall time, as a multiple of the bare loop's.
const RATIO_MAX: f64 = 1.5;
/// Maximum resident memory of windlass, in MB.
const PEAK_MB_MAX: f64 = 40.0;
/// Maximum resident memory with the most records, as a multiple of that with the fewest.
const GROWTH_MAX: f64 = 1.1;

/// The figures of several rounds of both contestants over one workload.
#[derive(Debug)]
pub(crate) struct Comparison {
    workload: Workload,
    rounds: usize,
    bare: Figures,
    windlass: Figures,
    /// The ratio of the wall times of each round.
    ratio: Spread,
}

#[derive(Debug)]
struct Figures {
    wall_ms: Spread,
    cpu_ms_per_mb: Spread,
    peak_mb: Spread,
}

impl Figures {
    fn of(samples: &[Sample], workload: Workload) -> anyhow::Result<Self> {
        let ms_per_mb = |sample: &Sample| sample.cpu.as_secs_f64() * 1_000.0 / workload.megabytes();
        let walls = samples
            .iter()
            .map(|sample| sample.wall.as_secs_f64() * 1_000.0);
        Ok(Self {
            wall_ms: Spread::of(walls)?,
            cpu_ms_per_mb: Spread::of(samples.iter().map(ms_per_mb))?,
            peak_mb: Spread::of(samples.iter().map(|sample| sample.peak_mb))?,
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "wall_ms": spread_json(self.wall_ms),
            "cpu_ms_per_mb": spread_json(self.cpu_ms_per_mb),
            "peak_mb": spread_json(self.peak_mb),
        })
    }
}

impl Comparison {
    /// The comparison of alternating rounds: the bare loop, then windlass.
    pub(crate) fn new(workload: Workload, rounds: &[(Sample, Sample)]) -> anyhow::Result<Self> {
        let (bare, windlass): (Vec<_>, Vec<_>) = rounds.iter().copied().unzip();
        let ratio = |(bare, windlass): &(Sample, Sample)| {
            windlass.wall.as_secs_f64() / bare.wall.as_secs_f64()
        };
        Ok(Self {
            workload,
            rounds: rounds.len(),
            bare: Figures::of(&bare, workload)?,
            windlass: Figures::of(&windlass, workload)?,
            ratio: Spread::of(rounds.iter().map(ratio))?,
        })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "records": self.workload.records(),
            "megabytes": self.workload.megabytes(),
            "rounds": self.rounds,
            "bare": self.bare.to_json(),
            "windlass": self.windlass.to_json(),
            "ratio": spread_json(self.ratio),
        })
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (records, megabytes) = (self.workload.records(), self.workload.megabytes());
        let rounds = self.rounds;
        writeln!(f, "{records} records, {megabytes} MB, rounds: {rounds}")?;
        let row = |name, digits, bare, windlass| {
            let (bare, windlass) = (cell(bare, digits), cell(windlass, digits));
            format!("  {name:<16}{bare:>26}{windlass:>26}\n")
        };
        let (bare, windlass) = (&self.bare, &self.windlass);
        let mut table = format!("  {:<16}{:>26}{:>26}\n", "", "bare loop", "windlass");
        table += &row("wall, ms", 0, bare.wall_ms, windlass.wall_ms);
        table += &row(
            "CPU, ms per MB",
            2,
            bare.cpu_ms_per_mb,
            windlass.cpu_ms_per_mb,
        );
        table += &row("peak memory, MB", 1, bare.peak_mb, windlass.peak_mb);
        writeln!(
            table,
            "  {:<16}{:>52}",
            "ratio of walls",
            cell(self.ratio, 2)
        )?;
        f.write_str(&table)
    }
}

/// The exceeded limits of `comparisons`, fewest records first. With many records the disk
/// determines the time, so the limit of the ratio applies only to the fewest.
pub(crate) fn missed(comparisons: &[Comparison]) -> Vec<String> {
    let ([fewest, ..], [.., most]) = (comparisons, comparisons) else {
        return Vec::new();
    };
    let mut missed = Vec::new();
    let (records, ratio) = (fewest.workload.records(), fewest.ratio.median);
    if ratio > RATIO_MAX {
        missed.push(format!(
            "{records} records take {ratio:.2} times the bare loop's time, more than {RATIO_MAX}"
        ));
    }
    for comparison in comparisons {
        let (records, peak) = (
            comparison.workload.records(),
            comparison.windlass.peak_mb.max,
        );
        if peak > PEAK_MB_MAX {
            missed.push(format!(
                "{records} records take {peak:.1} MB, more than {PEAK_MB_MAX}"
            ));
        }
    }
    // The highest of many short rounds beside one long round: both have read as many pages.
    let growth = most.windlass.peak_mb.max / fewest.windlass.peak_mb.max;
    if growth > GROWTH_MAX {
        missed.push(format!(
            "memory grows with the number of records, {growth:.2} times"
        ));
    }
    missed
}

fn cell(spread: Spread, digits: usize) -> String {
    let Spread { median, min, max } = spread;
    format!("{median:.digits$} ({min:.digits$} to {max:.digits$})")
}

fn spread_json(spread: Spread) -> Value {
    json!({ "median": spread.median, "min": spread.min, "max": spread.max })
}
