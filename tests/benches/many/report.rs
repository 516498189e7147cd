//! The figures as a table or as JSON, and their limits.

use std::fmt;

use serde_json::{Value, json};

use crate::measure::{Sample, Spread};
use crate::project::WINDOWS_PER_SOURCE;

/// Maximum time per window with the most sources, as a multiple of that with [`LINEAR_FROM`].
const RATIO_MAX: f64 = 1.2;
/// Minimum number of sources of the reference for the time per window: with fewer, the start of the
/// process is a part of it.
const LINEAR_FROM: usize = 200;
/// Maximum resident memory, in MB.
const PEAK_MB_MAX: f64 = 150.0;
/// Maximum share of one core that idle sources use.
const IDLE_MAX: f64 = 0.02;

/// The figures for one number of sources.
#[derive(Debug)]
pub(crate) struct Scale {
    sources: usize,
    rounds: usize,
    wall_ms: Spread,
    wall_ms_per_window: Spread,
    cpu_ms_per_window: Spread,
    peak_mb: Spread,
    idle_share: f64,
}

impl Scale {
    pub(crate) fn new(sources: usize, samples: &[Sample], idle_share: f64) -> anyhow::Result<Self> {
        let windows = f64::from(u32::try_from(sources * WINDOWS_PER_SOURCE)?);
        let walls = samples.iter().map(|it| it.wall.as_secs_f64() * 1_000.0);
        let cpus = samples.iter().map(|it| it.cpu.as_secs_f64() * 1_000.0);
        Ok(Self {
            sources,
            rounds: samples.len(),
            wall_ms: Spread::of(walls.clone())?,
            wall_ms_per_window: Spread::of(walls.map(|ms| ms / windows))?,
            cpu_ms_per_window: Spread::of(cpus.map(|ms| ms / windows))?,
            peak_mb: Spread::of(samples.iter().map(|it| it.peak_mb))?,
            idle_share,
        })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "sources": self.sources,
            "rounds": self.rounds,
            "wall_ms": spread_json(self.wall_ms),
            "wall_ms_per_window": spread_json(self.wall_ms_per_window),
            "cpu_ms_per_window": spread_json(self.cpu_ms_per_window),
            "peak_mb": spread_json(self.peak_mb),
            "idle_share": self.idle_share,
        })
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sources, rounds) = (self.sources, self.rounds);
        let windows = sources * WINDOWS_PER_SOURCE;
        writeln!(f, "{sources} sources, {windows} windows, rounds: {rounds}")?;
        for (name, digits, spread) in [
            ("wall, ms", 0, self.wall_ms),
            ("wall, ms per window", 3, self.wall_ms_per_window),
            ("CPU, ms per window", 3, self.cpu_ms_per_window),
            ("peak memory, MB", 1, self.peak_mb),
        ] {
            let Spread { median, min, max } = spread;
            writeln!(
                f,
                "  {name:<22}{median:.digits$} ({min:.digits$} to {max:.digits$})"
            )?;
        }
        let percent = self.idle_share * 100.0;
        writeln!(f, "  {:<22}{percent:.2} % of a core", "idle")
    }
}

/// The exceeded limits of `scales`, fewest sources first.
pub(crate) fn missed(scales: &[Scale]) -> Vec<String> {
    let mut missed = Vec::new();
    let base = scales.iter().find(|scale| scale.sources >= LINEAR_FROM);
    for scale in scales {
        let sources = scale.sources;
        if let Some(base) = base.filter(|base| base.sources < sources) {
            let (ms, base_ms) = (
                scale.cpu_ms_per_window.median,
                base.cpu_ms_per_window.median,
            );
            let (wall, base_wall) = (
                scale.wall_ms_per_window.median,
                base.wall_ms_per_window.median,
            );
            for (name, ratio) in [("wall", wall / base_wall), ("CPU", ms / base_ms)] {
                if ratio > RATIO_MAX {
                    missed.push(format!(
                        "{sources} sources take {ratio:.2} times the {name} per window of {}; \
                         {RATIO_MAX} is allowed",
                        base.sources
                    ));
                }
            }
        }
        let peak_mb = scale.peak_mb.median;
        if peak_mb > PEAK_MB_MAX {
            missed.push(format!(
                "{sources} sources take {peak_mb:.1} MB; {PEAK_MB_MAX} are allowed"
            ));
        }
        if scale.idle_share > IDLE_MAX {
            let (share, most) = (scale.idle_share * 100.0, IDLE_MAX * 100.0);
            missed.push(format!(
                "{sources} idle sources take {share:.2} % of a core; {most} % are allowed"
            ));
        }
    }
    missed
}

fn spread_json(spread: Spread) -> Value {
    let Spread { median, min, max } = spread;
    json!({ "median": median, "min": min, "max": max })
}
