//! A day of usual density with an hour of a hundred times as much, pulled by workers with short
//! deadlines: windows that cannot finish are split at their frontier, and the windows after them
//! are narrower.

#[cfg(test)]
#[path = "burst_tests.rs"]
mod tests;

use std::collections::BTreeMap;

use serde_json::json;
use windlass_core::ids::Lane;
use windlass_core::source::Order;
use windlass_core::time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use windlass_core::window::Window;

use super::figures::{Figures, Row};
use super::log::{Entry, Log, LogSpec};
use super::stage::{SourceSpec, Stage, StageSpec, play};
use crate::terminal::{counted, grouped};
use crate::true_time::{self, WORLD_EPOCH};

/// Density of the burst relative to the rest of the day.
const TIMES: i64 = 100;
/// Lines of the picture.
const PICTURE_LINES: usize = 30;
/// Hours after its end at which a day that is not pulled counts as failed.
const HOURS_AFTER: i64 = 24;

/// A day with a burst.
#[derive(Debug, Clone, Copy)]
pub(super) struct Day {
    pub(super) hours: i64,
    pub(super) usual_per_hour: i64,
    /// Start and end of the burst, in minutes after the day began.
    pub(super) burst: (i64, i64),
    pub(super) every_ms: i64,
    pub(super) page_size: usize,
    pub(super) order: Order,
    pub(super) strict: bool,
}

/// The outcome of a day.
#[derive(Debug)]
pub(super) struct Pulled {
    pub(super) records: usize,
    pub(super) lost: usize,
    pub(super) twice: usize,
    pub(super) cuts: Vec<Cut>,
    pub(super) workers_max: usize,
    /// Milliseconds from the burst's end until all of it was delivered.
    pub(super) caught_up_ms: i64,
    /// The longest time from a record's event to its delivery, in milliseconds.
    pub(super) longest_ms: i64,
}

/// A window as it was created, with all its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    pub(super) from: Timestamp,
    pub(super) width_ms: i64,
    pub(super) records: u64,
    pub(super) runs: u32,
    pub(super) parts: usize,
}

impl Day {
    /// The day in the figures.
    const SHOWN: Self = Self {
        hours: 24,
        usual_per_hour: 2_400,
        burst: (600, 660),
        every_ms: 15 * MINUTE_MS,
        page_size: 200,
        order: Order::OldestFirst,
        strict: true,
    };

    fn burst_end(&self) -> Timestamp {
        WORLD_EPOCH.plus_ms(self.burst.1 * MINUTE_MS)
    }

    /// Its records, evenly spaced.
    fn entries(&self) -> Vec<Entry> {
        let (begin, end) = (self.burst.0 * MINUTE_MS, self.burst.1 * MINUTE_MS);
        let (mut entries, mut at) = (Vec::new(), 0);
        while at < self.hours * HOUR_MS {
            let time = WORLD_EPOCH.plus_ms(at);
            entries.push(Entry {
                id: format!("r{:07}", entries.len()),
                time,
                published_at: time.plus_ms(SECOND_MS),
            });
            let times = if (begin..end).contains(&at) { TIMES } else { 1 };
            at += HOUR_MS / (self.usual_per_hour * times);
        }
        entries
    }

    /// Runs the day, and on until all of it is delivered.
    pub(super) fn pull(self) -> anyhow::Result<Pulled> {
        play(self.live())
    }

    async fn live(self) -> anyhow::Result<Pulled> {
        let spec = LogSpec {
            order: self.order,
            strict: self.strict,
            page_size: self.page_size,
            latency_ms: 1_500,
            ..LogSpec::plain()
        };
        let vendor = Log::new(spec, vec![self.entries()]);
        let source = SourceSpec {
            every_ms: self.every_ms,
            max_ms: HOUR_MS,
            ..SourceSpec::plain(&vendor)
        };
        let workers = StageSpec {
            timeout_ms: 30 * SECOND_MS,
            ..StageSpec::DEPLOYED
        };
        let stage = Stage::build(workers, std::slice::from_ref(&source)).await?;
        stage.apply(&source).await?;
        let end = WORLD_EPOCH.plus_ms(self.hours * HOUR_MS);
        let mut cut_to: BTreeMap<Timestamp, Timestamp> = BTreeMap::new();
        let mut caught_up = None;
        let mut through = WORLD_EPOCH;
        while through < end && true_time::now() < end.plus_ms(HOURS_AFTER * HOUR_MS) {
            let report = stage.tick(1).await?;
            through = report
                .sources
                .first()
                .map_or(through, |it| it.complete_through);
            if caught_up.is_none() && through >= self.burst_end() {
                // The facts of this tick were true when it began.
                caught_up = Some(true_time::now().minus_ms(MINUTE_MS));
            }
            for window in stage.windows(&source, &Lane::Live).await? {
                let known = cut_to.range(..=window.id().from).next_back();
                if known.is_none_or(|(_, to)| *to <= window.id().from) {
                    cut_to.insert(window.id().from, window.to());
                }
            }
        }
        stage.check()?;
        let windows = stage.windows(&source, &Lane::Live).await?;
        let caught_up = caught_up.unwrap_or_else(true_time::now);
        let (lost, twice, longest_ms) = compare(&stage, vendor.entries(0));
        Ok(Pulled {
            records: vendor.entries(0).len(),
            lost,
            twice,
            cuts: cuts(&cut_to, &windows),
            workers_max: workers_at_once(&stage),
            longest_ms,
            caught_up_ms: caught_up.ms_since(self.burst_end()),
        })
    }
}

/// Counts of `entries` that are missing and of those delivered twice, and the longest delivery.
fn compare(stage: &Stage, entries: &[Entry]) -> (usize, usize, i64) {
    let delivered = stage.delivered();
    let mut arrived: BTreeMap<&str, Timestamp> = BTreeMap::new();
    for line in &delivered {
        arrived.entry(line.id.as_str()).or_insert(line.at);
    }
    let (mut lost, mut longest_ms) = (0, 0);
    for entry in entries {
        match arrived.get(entry.id.as_str()) {
            Some(at) => longest_ms = longest_ms.max(at.ms_since(entry.time)),
            None => lost += 1,
        }
    }
    (lost, delivered.len() - arrived.len(), longest_ms)
}

fn cuts(cut_to: &BTreeMap<Timestamp, Timestamp>, windows: &[Window]) -> Vec<Cut> {
    let cut = |(from, to): (&Timestamp, &Timestamp)| {
        let parts = || {
            let within = |window: &&Window| (*from..*to).contains(&window.id().from);
            windows.iter().filter(within)
        };
        Cut {
            from: *from,
            width_ms: to.ms_since(*from),
            records: parts().map(windlass_core::Window::records).sum(),
            runs: parts().map(windlass_core::Window::runs).sum(),
            parts: parts().count(),
        }
    };
    cut_to.iter().map(cut).collect()
}

fn workers_at_once(stage: &Stage) -> usize {
    let runs = stage.invocations();
    let at = |from| {
        runs.iter()
            .filter(|it| it.from <= from && from < it.to)
            .count()
    };
    runs.iter().map(|it| at(it.from)).max().unwrap_or(0)
}

impl Pulled {
    /// The windows that were split.
    pub(super) fn split(&self) -> impl Iterator<Item = &Cut> {
        self.cuts.iter().filter(|cut| cut.parts > 1)
    }

    /// The width of the last window cut before the burst, the narrowest cut after it began, and the
    /// widest cut after that one.
    pub(super) fn widths_ms(&self, day: &Day) -> (i64, i64, i64) {
        let begin = WORLD_EPOCH.plus_ms(day.burst.0 * MINUTE_MS);
        let split = self.cuts.partition_point(|cut| cut.from < begin);
        let (before, after) = self.cuts.split_at(split);
        let narrowest = after.iter().min_by_key(|cut| cut.width_ms);
        let from = narrowest.map_or(begin, |cut| cut.from);
        let later = after.iter().filter(|cut| cut.from >= from);
        let widest = later.map(|cut| cut.width_ms).max();
        (
            before.last().map_or(0, |cut| cut.width_ms),
            narrowest.map_or(0, |cut| cut.width_ms),
            widest.unwrap_or(0),
        )
    }

    fn rows(&self, day: &Day) -> Vec<Row> {
        let (before, narrowest, widest) = self.widths_ms(day);
        let minutes = |ms: i64| json!(ms / MINUTE_MS);
        let parts: usize = self.split().map(|cut| cut.parts).sum();
        let runs = self.cuts.iter().map(|cut| cut.runs).max();
        vec![
            ("records", json!(self.records)),
            ("lost", json!(self.lost)),
            ("delivered again", json!(self.twice)),
            ("windows cut", json!(self.cuts.len())),
            ("of these split", json!(self.split().count())),
            ("into parts", json!(parts)),
            ("most runs of a window and its parts", json!(runs)),
            ("most workers at once", json!(self.workers_max)),
            ("caught up after the burst, min", minutes(self.caught_up_ms)),
            (
                "longest from event to delivery, min",
                minutes(self.longest_ms),
            ),
            ("width before the burst, min", minutes(before)),
            ("narrowest since it began, min", minutes(narrowest)),
            ("widest after that, min", minutes(widest)),
        ]
    }

    /// The windows around the burst: one line each, a bar as long as the window.
    fn picture(&self, day: &Day) -> Vec<String> {
        let begin = WORLD_EPOCH.plus_ms(day.burst.0 * MINUTE_MS - HOUR_MS);
        let first = self.cuts.partition_point(|cut| cut.from < begin);
        let shown = self.cuts.iter().skip(first).take(PICTURE_LINES);
        let line = |cut: &Cut| {
            let minutes = cut.width_ms / MINUTE_MS;
            let bar = "#".repeat(usize::try_from(minutes).unwrap_or(0));
            let clock = cut.from.to_datetime().format("%H:%M");
            let split = match cut.parts {
                0 | 1 => String::new(),
                parts => format!(", split into {parts}"),
            };
            let (records, runs) = (grouped(cut.records), counted(cut.runs.into(), "run"));
            format!("{clock} {minutes:>3} min {bar:<16} {records:>7} records, {runs}{split}")
        };
        shown.map(line).collect()
    }
}

/// The figures: both orders, and the same day if the vendor does not document its order.
pub(super) fn figures() -> anyhow::Result<Figures> {
    let day = Day::SHOWN;
    let oldest = day.pull()?;
    let newest_first = Day {
        order: Order::NewestFirst,
        ..day
    };
    let newest = newest_first.pull()?;
    let unknown = Day {
        strict: false,
        ..day
    };
    let off = unknown.pull()?;
    let variants = vec![
        ("oldest first", oldest.rows(&day)),
        ("newest first", newest.rows(&day)),
        ("order unknown", off.rows(&day)),
    ];
    let mut figures = Figures::beside("burst", variants);
    figures.picture = oldest.picture(&day);
    Ok(figures)
}
