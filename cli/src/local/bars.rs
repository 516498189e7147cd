//! One progress bar a source on a terminal; a plain line now and then elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use windlass_core::ids::SourceName;
use windlass_core::time::{SECOND_MS, Timestamp};
use windlass_orchestrator::{Activity, SourceReport, TickReport};

use super::meter::Meter;
use crate::config::Config;
use crate::output::{Output, duration, grouped};

/// How often a plain line is written.
const LINE_EVERY_MS: i64 = 10 * SECOND_MS;
/// Steps of a bar.
const STEPS: u64 = 1_000;

/// Shows how a run goes.
pub(crate) struct Bars {
    meter: Arc<Meter>,
    output: Output,
    shown: Shown,
    spans: BTreeMap<SourceName, (Timestamp, Option<Timestamp>)>,
}

enum Shown {
    Terminal(MultiProgress, BTreeMap<SourceName, ProgressBar>),
    Lines { next: Timestamp },
    Nothing,
}

impl Bars {
    /// Bars for the sources of `config`, on standard error.
    pub(crate) fn new(config: &Config, meter: Arc<Meter>, output: Output, now: Timestamp) -> Self {
        let spans = config
            .sources
            .values()
            .map(|source| {
                let definition = &source.definition;
                (definition.name.clone(), (definition.start, definition.end))
            })
            .collect();
        let shown = if output.is_json() {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() {
            Shown::Terminal(
                MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
                BTreeMap::new(),
            )
        } else {
            Shown::Lines {
                next: now.plus_ms(LINE_EVERY_MS),
            }
        };
        Self {
            meter,
            output,
            shown,
            spans,
        }
    }

    /// Shows where every source stands after a tick.
    pub(crate) fn update(&mut self, report: &TickReport, now: Timestamp) {
        let sources = report
            .sources
            .iter()
            .filter(|source| self.spans.contains_key(&source.source));
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Lines { next } => {
                if now >= *next {
                    *next = now.plus_ms(LINE_EVERY_MS);
                    for source in sources {
                        let line = line(&self.meter, source, now);
                        self.output.note(&format!("{}: {line}", source.source));
                    }
                }
            }
            Shown::Terminal(multi, bars) => {
                for source in sources {
                    let bar = bars.entry(source.source.clone()).or_insert_with(|| {
                        let bar = multi.add(ProgressBar::new(STEPS));
                        bar.set_style(style());
                        bar.set_prefix(source.source.to_string());
                        bar
                    });
                    let (start, end) = self.spans[&source.source];
                    bar.set_position(steps(start, end.unwrap_or(now), source.complete_through));
                    bar.set_message(line(&self.meter, source, now));
                }
            }
        }
    }

    /// Leaves the last state of the bars on the screen.
    pub(crate) fn finish(&self) {
        if let Shown::Terminal(_, bars) = &self.shown {
            bars.values().for_each(ProgressBar::abandon);
        }
    }
}

fn style() -> ProgressStyle {
    let template = if crate::output::colours_on_stderr() {
        "{prefix:.bold} {bar:24.cyan/dim} {msg}"
    } else {
        "{prefix} {bar:24} {msg}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// How much of `[start, end)` is complete, in [`STEPS`].
fn steps(start: Timestamp, end: Timestamp, through: Timestamp) -> u64 {
    let whole = end.ms_since(start).max(1).unsigned_abs();
    let part = through.ms_since(start).max(0).unsigned_abs();
    u64::try_from(u128::from(part) * u128::from(STEPS) / u128::from(whole))
        .unwrap_or(STEPS)
        .min(STEPS)
}

fn line(meter: &Meter, source: &SourceReport, now: Timestamp) -> String {
    let delivered = meter.of(&source.source);
    let mut line = format!(
        "{} records in {} pages, complete through {}",
        grouped(delivered.records),
        grouped(delivered.pages),
        source.complete_through
    );
    match source.activity {
        Activity::Waiting(until) => {
            line.push_str(&format!(", waits {}", duration(until.ms_since(now))));
        }
        Activity::Blocked => line.push_str(", BLOCKED"),
        Activity::Paused => line.push_str(", paused"),
        Activity::Working | Activity::Idle => {}
    }
    if source.holes > 0 {
        line.push_str(&format!(", {} holes", source.holes));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_exactly_when_the_timeline_is_complete() {
        let at = Timestamp::from_ms;
        assert_eq!(steps(at(0), at(1_000), at(0)), 0);
        assert_eq!(steps(at(0), at(1_000), at(999)), 999);
        assert_eq!(steps(at(0), at(1_000), at(1_000)), STEPS);
        assert_eq!(steps(at(0), at(0), at(5)), STEPS);
    }
}
