//! Runs a process to its end, and measures it.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use wait4::Wait4 as _;

/// The measurements of one process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Time from before its start until after its end.
    pub(crate) wall: Duration,
    /// User and system time of all its threads.
    pub(crate) cpu: Duration,
    /// Peak resident memory, in MB.
    pub(crate) peak_mb: f64,
}

/// Runs `command`, which must succeed.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark measures time as it passes"
)]
pub(crate) fn measure(command: &mut Command) -> anyhow::Result<Sample> {
    let started = Instant::now();
    let child = command
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let ended = child.wait4()?;
    let wall = started.elapsed();
    ensure!(ended.status.success(), "it ended with {}", ended.status);
    let peak_kb = u32::try_from(ended.rusage.maxrss / 1_000)?;
    Ok(Sample {
        wall,
        cpu: ended.rusage.utime + ended.rusage.stime,
        peak_mb: f64::from(peak_kb) / 1_000.0,
    })
}

/// The median of several figures, with their range.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of `figures`, of which there must be at least one.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> anyhow::Result<Self> {
        let mut figures: Vec<_> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (figures.first(), figures.last()) else {
            anyhow::bail!("nothing was measured");
        };
        let upper = figures[figures.len() / 2];
        let lower = figures[(figures.len() - 1) / 2];
        Ok(Self {
            median: lower.midpoint(upper),
            min,
            max,
        })
    }
}
