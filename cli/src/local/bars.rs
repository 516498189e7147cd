//! One progress bar per source on a terminal; periodic plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use windlass_core::creation::settled_edge;
use windlass_core::ids::SourceName;
use windlass_core::source::SourceDefinition;
use windlass_core::time::{SECOND_MS, Timestamp};
use windlass_orchestrator::{Activity, SourceReport, TickReport, WindowError};

use super::meter::Meter;
use crate::config::Config;
use crate::output::{Output, duration, grouped, keep_clear_of, shortened, time};

/// Interval of plain lines.
const LINE_EVERY_MS: i64 = 10 * SECOND_MS;
/// Maximum length of an error on a plain line.
const ERROR_CHARS_MAX: usize = 160;
/// Interval at which bars are redrawn without a new plan: waits count down.
const BARS_EVERY_MS: i64 = SECOND_MS;
/// Maximum number of sources with a bar each: a taller list does not fit on a screen.
const BARS_MAX: usize = 60;
/// Resolution of a bar.
const STEPS: u64 = 1_000;

/// The progress display of a run.
pub(crate) struct Bars {
    meter: Arc<Meter>,
    output: Output,
    shown: Shown,
    definitions: BTreeMap<SourceName, SourceDefinition>,
    /// The reports to show at `next`: all of them for bars, the new ones for lines.
    reports: BTreeMap<SourceName, SourceReport>,
    next: Timestamp,
}

enum Shown {
    Terminal(MultiProgress, BTreeMap<SourceName, ProgressBar>),
    Lines,
    Nothing,
}

impl Bars {
    /// Bars for the sources of `config`, on standard error.
    pub(crate) fn new(config: &Config, meter: Arc<Meter>, output: Output, now: Timestamp) -> Self {
        let definitions: BTreeMap<_, _> = config
            .sources
            .values()
            .map(|source| (source.definition.name.clone(), source.definition.clone()))
            .collect();
        let shown = if output.is_json() {
            Shown::Nothing
        } else if std::io::stderr().is_terminal() && definitions.len() <= BARS_MAX {
            let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            keep_clear_of(Some(multi.clone()));
            Shown::Terminal(multi, BTreeMap::new())
        } else {
            Shown::Lines
        };
        let every_ms = match shown {
            Shown::Terminal(..) => 0,
            Shown::Lines | Shown::Nothing => LINE_EVERY_MS,
        };
        Self {
            meter,
            output,
            shown,
            definitions,
            reports: BTreeMap::new(),
            next: now.plus_ms(every_ms),
        }
    }

    /// Shows the standing of every source at the end, including deliveries after the last plan.
    /// Without bars, the summary shows the same.
    pub(crate) fn finish(mut self, report: &TickReport, now: Timestamp) {
        if matches!(self.shown, Shown::Terminal(..)) {
            self.next = now;
            self.update(&report.sources.iter().collect::<Vec<_>>(), now);
        }
    }

    /// Takes the reports of the sources just planned, and shows them if it is time.
    pub(crate) fn update(&mut self, planned: &[&SourceReport], now: Timestamp) {
        if matches!(self.shown, Shown::Nothing) {
            return;
        }
        for report in planned {
            if self.definitions.contains_key(&report.source) {
                self.reports
                    .insert(report.source.clone(), (*report).clone());
            }
        }
        // An instant too far in the future was set before the clock was set back.
        let wait_ms = self.next.ms_since(now);
        if (1..=LINE_EVERY_MS).contains(&wait_ms) {
            return;
        }
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Lines => {
                self.next = now.plus_ms(LINE_EVERY_MS);
                for (name, source) in std::mem::take(&mut self.reports) {
                    let line = line(&self.meter, &source, now);
                    self.output.note(&format!("{name}: {line}"));
                }
            }
            Shown::Terminal(multi, bars) => {
                self.next = now.plus_ms(BARS_EVERY_MS);
                let names = self.definitions.keys().map(|name| name.as_str().len());
                let width = names.max().unwrap_or_default();
                for (name, source) in &self.reports {
                    let bar = bars.entry(name.clone()).or_insert_with(|| {
                        let bar = multi.add(ProgressBar::new(STEPS));
                        bar.set_style(style());
                        bar.set_prefix(format!("{:width$}", name.as_str()));
                        bar
                    });
                    let definition = &self.definitions[name];
                    let end = caught_up_at(definition, now);
                    bar.set_position(steps(definition.start, end, source.complete_through));
                    bar.set_message(short_line(&self.meter, source, now));
                }
            }
        }
    }
}

/// Leaves the final state of the bars on the screen.
impl Drop for Bars {
    fn drop(&mut self) {
        if let Shown::Terminal(_, bars) = &self.shown {
            bars.values().for_each(ProgressBar::abandon);
            keep_clear_of(None);
        }
    }
}

fn style() -> ProgressStyle {
    let template = if crate::output::colors_on_stderr() {
        "{prefix:.bold} {bar:16.cyan/dim} {wide_msg}"
    } else {
        "{prefix} {bar:16} {wide_msg}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The watermark of a source that is caught up: its end or, before that has settled, the edge less
/// `every`.
fn caught_up_at(definition: &SourceDefinition, now: Timestamp) -> Timestamp {
    let edge = settled_edge(&definition.policy, now);
    match definition.end {
        Some(end) if end <= edge => end,
        _ => edge.minus_ms(definition.policy.every_ms),
    }
}

/// The complete part of `[start, end)`, in [`STEPS`].
fn steps(start: Timestamp, end: Timestamp, through: Timestamp) -> u64 {
    if through >= end {
        return STEPS;
    }
    let whole = end.ms_since(start).max(1).unsigned_abs();
    let part = through.ms_since(start).max(0).unsigned_abs();
    u64::try_from(u128::from(part) * u128::from(STEPS) / u128::from(whole))
        .unwrap_or(STEPS)
        .min(STEPS)
}

/// A plain line of unlimited length.
fn line(meter: &Meter, source: &SourceReport, now: Timestamp) -> String {
    let delivered = meter.of(&source.source);
    let mut line = format!(
        "{} records in {} pages, complete through {}",
        grouped(delivered.records),
        grouped(delivered.pages),
        time(source.complete_through)
    );
    for remark in remarks(source, now) {
        line.push_str(&format!(", {remark}"));
    }
    line
}

/// The text beside a bar, most important first: a narrow terminal cuts off its end.
fn short_line(meter: &Meter, source: &SourceReport, now: Timestamp) -> String {
    let mut parts = remarks(source, now);
    let records = format!("{} records", grouped(meter.of(&source.source).records));
    let through = format!("through {}", time(source.complete_through));
    if source.last_error.is_some() {
        parts.extend([records, through]);
    } else {
        parts.splice(0..0, [records, through]);
    }
    parts.join(", ")
}

/// The unusual conditions of a source.
fn remarks(source: &SourceReport, now: Timestamp) -> Vec<String> {
    let mut remarks = Vec::new();
    match source.activity {
        Activity::Waiting(until) => {
            remarks.push(format!("waits {}", duration(until.ms_since(now))));
        }
        Activity::Blocked => remarks.push("BLOCKED".to_owned()),
        Activity::Paused => remarks.push("paused".to_owned()),
        Activity::Working | Activity::Idle => {}
    }
    if source.holes > 0 {
        remarks.push(format!("{} holes", source.holes));
    }
    if let Some(WindowError { error, .. }) = &source.last_error {
        remarks.push(format!("last error: {}", shortened(error, ERROR_CHARS_MAX)));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use windlass_core::checkpoint::PageTotals;
    use windlass_core::time::MINUTE_MS;
    use windlass_worker::Observer;

    use super::*;

    #[test]
    fn bar_is_full_exactly_at_completion() {
        let at = Timestamp::from_ms;
        assert_eq!(steps(at(0), at(1_000), at(0)), 0);
        assert_eq!(steps(at(0), at(1_000), at(999)), 999);
        assert_eq!(steps(at(0), at(1_000), at(1_000)), STEPS);
        assert_eq!(steps(at(0), at(0), at(5)), STEPS);
    }

    #[test]
    fn endless_source_is_full_one_interval_before_edge() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("windlass.yaml");
        let text = "\
            {state: {sqlite: w.db}, sinks: {pipe: {stdout: {}}}, sources: {okta: {\
            connector: okta_system_log, params: {domain: acme.okta.com}, settle: 1h, every: 5m, \
            start: 2026-01-01T00:00:00Z}}}";
        std::fs::write(&path, text).unwrap();
        let mut definition = Config::load(&path, None).unwrap().sources["okta"]
            .definition
            .clone();
        let now: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let edge = settled_edge(&definition.policy, now);
        assert_eq!(caught_up_at(&definition, now), edge.minus_ms(5 * MINUTE_MS));
        definition.end = Some(now);
        assert_eq!(caught_up_at(&definition, now), edge.minus_ms(5 * MINUTE_MS));
        definition.end = Some(edge);
        assert_eq!(caught_up_at(&definition, now), edge);
    }

    #[test]
    fn bar_ends_with_everything_delivered() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("windlass.yaml");
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let end = start.plus_ms(60 * MINUTE_MS);
        let text = format!(
            "{{state: {{sqlite: w.db}}, sinks: {{pipe: {{stdout: {{}}}}}}, sources: {{okta: {{\
             connector: okta_system_log, params: {{domain: acme.okta.com}}, start: {start:?}, \
             end: {end:?}}}}}}}"
        );
        std::fs::write(&path, text).unwrap();
        let config = Config::load(&path, None).unwrap();
        let definition = config.sources["okta"].definition.clone();
        let meter = Arc::new(Meter::default());
        let mut bars = Bars::new(&config, Arc::clone(&meter), Output::nowhere(), end);
        let hidden = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
        bars.shown = Shown::Terminal(hidden, BTreeMap::new());
        bars.next = end;
        let report = |through| TickReport {
            sources: vec![SourceReport::of(&definition.name, through)],
            ..TickReport::default()
        };
        let now = end.plus_ms(60 * MINUTE_MS);
        bars.update(&[&report(start).sources[0]], now);
        let Shown::Terminal(_, shown) = &bars.shown else {
            unreachable!("they were made for a terminal");
        };
        let bar = shown[&definition.name].clone();
        assert_eq!(
            (bar.position(), &*bar.message()),
            (0, "0 records, through 2026-01-01T00:00:00Z")
        );
        let window = crate::testing::window(&definition);
        let totals = PageTotals {
            records: 4_860,
            ..PageTotals::default()
        };
        meter.page(&window, &totals);
        bars.finish(&report(end), now);
        assert!(bar.is_finished());
        assert_eq!(
            (bar.position(), &*bar.message()),
            (STEPS, "4,860 records, through 2026-01-01T01:00:00Z")
        );
    }

    #[test]
    fn source_without_new_plan_prints_no_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("windlass.yaml");
        let text = "{state: {sqlite: w.db}, sinks: {pipe: {stdout: {}}}, sources: {okta: {\
            connector: okta_system_log, params: {domain: acme.okta.com}, \
            start: 2026-01-01T00:00:00Z}}}";
        std::fs::write(&path, text).unwrap();
        let config = Config::load(&path, None).unwrap();
        let name = config.sources["okta"].definition.name.clone();
        let start = Timestamp::from_ms(0);
        let mut bars = Bars::new(&config, Arc::default(), Output::nowhere(), start);
        bars.shown = Shown::Lines;
        bars.next = start.plus_ms(LINE_EVERY_MS);
        let report = SourceReport::of(&name, start);
        bars.update(&[&report], start);
        assert_eq!(bars.reports.len(), 1, "it waits for its line");
        bars.update(&[], start.plus_ms(LINE_EVERY_MS));
        assert!(bars.reports.is_empty(), "it was written");
        assert_eq!(bars.next, start.plus_ms(2 * LINE_EVERY_MS));
    }

    #[test]
    fn cause_of_delay_precedes_delivered_records() {
        let meter = Meter::default();
        let now = Timestamp::from_ms(0);
        let mut source = SourceReport {
            activity: Activity::Waiting(now.plus_ms(4_000)),
            ..SourceReport::of(&"okta".parse().unwrap(), now)
        };
        assert_eq!(
            short_line(&meter, &source, now),
            "0 records, through 1970-01-01T00:00:00Z, waits 4s"
        );
        source.last_error = Some(WindowError {
            window: "okta/0123456789ab/live/2026-01-01T00:00:00Z"
                .parse()
                .unwrap(),
            error: "cannot\nconnect".to_owned(),
        });
        assert_eq!(
            short_line(&meter, &source, now),
            "waits 4s, last error: cannot connect, 0 records, through 1970-01-01T00:00:00Z"
        );
        assert_eq!(
            line(&meter, &source, now),
            "0 records in 0 pages, complete through 1970-01-01T00:00:00Z, waits 4s, \
             last error: cannot connect"
        );
    }
}
