//! One record in a hundred is late-arriving, by minutes to three days: everything arrives, once,
//! and timely records arrive as soon as without sweeps.

#[cfg(test)]
#[path = "late_tests.rs"]
mod tests;

use std::collections::BTreeMap;

use serde_json::json;
use windlass_core::ids::Lane;
use windlass_core::lateness::{Found, found, proposed_settle_ms};
use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

use super::figures::{Figures, Row, ratio};
use super::log::{Entry, Log, LogSpec};
use super::stage::{SourceSpec, Stage, StageSpec, play};
use crate::terminal::grouped;
use crate::true_time::{self, WORLD_EPOCH};

/// Ages at which settled time is swept.
const SWEEPS_MS: [i64; 2] = [DAY_MS, 3 * DAY_MS];
/// The vendor's `settle`, in milliseconds.
const SETTLE_MS: i64 = 10 * MINUTE_MS;
/// Smallest and largest lateness in milliseconds: two minutes and three days.
const LATE_MS: (f64, f64) = (120_000.0, 259_200_000.0);
/// One of so many events is late.
const LATE_ONE_IN: u32 = 100;
/// Size of an item `seen` without its ids, in bytes: its key and other attributes.
const SEEN_ITEM_BYTES: usize = 250;
/// Bytes of one write unit. Source: DynamoDB developer guide, capacity modes.
const WRITE_UNIT_BYTES: usize = 1024;

/// Days with late-arriving events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Days {
    /// Number of days with events.
    pub(super) long: i64,
    pub(super) events_per_day: i64,
    pub(super) page_size: usize,
    /// True if settled time is swept.
    pub(super) swept: bool,
}

/// The outcome of the days.
#[derive(Debug)]
pub(super) struct Pulled {
    pub(super) events: usize,
    /// Events published later than settle.
    pub(super) late: usize,
    /// Events delivered by a sweep.
    pub(super) by_sweeps: usize,
    pub(super) lost: usize,
    pub(super) twice: usize,
    /// Milliseconds from event to delivery, ascending, of the events published within settle.
    pub(super) on_time_ms: Vec<i64>,
    /// Milliseconds from publication to delivery, ascending, of the later ones.
    pub(super) late_ms: Vec<i64>,
    pub(super) live_pages: u64,
    pub(super) sweep_pages: u64,
    pub(super) sweep_windows: usize,
    /// Items `seen` that were written, and their units.
    pub(super) seen_items: usize,
    pub(super) seen_units: usize,
    /// All writes to the state, these included.
    pub(super) writes: u64,
    pub(super) found: Vec<Found>,
    pub(super) proposed_settle_ms: Option<i64>,
}

impl Days {
    /// The days in the figures.
    const SHOWN: Self = Self {
        long: 5,
        events_per_day: 20_000,
        page_size: 100,
        swept: true,
    };

    fn entries(self) -> Vec<Entry> {
        let mut rng = fastrand::Rng::with_seed(3);
        let entry = |number: i64| {
            let time = WORLD_EPOCH.plus_ms(number * DAY_MS / self.events_per_day);
            let lag_ms = if rng.u32(0..LATE_ONE_IN) == 0 {
                log_uniform(&mut rng)
            } else {
                rng.i64(0..3 * SECOND_MS)
            };
            Entry {
                id: format!("e{number:07}"),
                time,
                published_at: time.plus_ms(lag_ms),
            }
        };
        (0..self.long * self.events_per_day).map(entry).collect()
    }

    /// Runs until the last sweep has read the last event.
    pub(super) fn pull(self) -> anyhow::Result<Pulled> {
        play(self.live())
    }

    async fn live(self) -> anyhow::Result<Pulled> {
        let spec = LogSpec {
            settle_ms: SETTLE_MS,
            page_size: self.page_size,
            ..LogSpec::plain()
        };
        let vendor = Log::new(spec, vec![self.entries()]);
        let sweeps_ms = if self.swept {
            SWEEPS_MS.to_vec()
        } else {
            Vec::new()
        };
        let source = SourceSpec {
            sweeps_ms,
            ..SourceSpec::plain(&vendor)
        };
        let stage = Stage::build(StageSpec::DEPLOYED, std::slice::from_ref(&source)).await?;
        stage.apply(&source).await?;
        let end = WORLD_EPOCH.plus_ms(self.long * DAY_MS);
        // The last sweep waits until its newest time spans a quarter of its age, at most the widest
        // window.
        let last = end.plus_ms(SWEEPS_MS[1] + SWEEPS_MS[1] / 4 + HOUR_MS);
        while true_time::now() < last {
            stage.tick(1).await?;
        }
        self.conclude(&stage, &source, vendor.entries(0)).await
    }

    async fn conclude(
        self,
        stage: &Stage,
        source: &SourceSpec,
        entries: &[Entry],
    ) -> anyhow::Result<Pulled> {
        let mut arrived: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
        let mut by_sweeps = 0;
        for line in stage.delivered() {
            by_sweeps += usize::from(line.window.timeline.lane != Lane::Live);
            arrived.entry(line.id).or_default().push(line.at);
        }
        stage.check()?;
        let (mut lost, mut twice) = (0, 0);
        let (mut on_time_ms, mut late_ms) = (Vec::new(), Vec::new());
        for entry in entries {
            let is_late = entry.published_at > entry.time.plus_ms(SETTLE_MS);
            let times = arrived.get(&entry.id).map_or(&[][..], Vec::as_slice);
            twice += times.len().saturating_sub(1);
            match times.first() {
                None => lost += 1,
                Some(at) if is_late => late_ms.push(at.ms_since(entry.published_at)),
                Some(at) => on_time_ms.push(at.ms_since(entry.time)),
            }
        }
        on_time_ms.sort_unstable();
        late_ms.sort_unstable();
        let live = stage.windows(source, &Lane::Live).await?;
        let mut sweeps = stage.windows(source, &Lane::Sweep(1)).await?;
        sweeps.extend(stage.windows(source, &Lane::Sweep(2)).await?);
        let read: Vec<_> = sweeps.iter().filter(|window| window.runs() > 0).collect();
        let policy = stage.policy(source)?;
        let found = found(policy, &stage.lanes(source).await?);
        let seen = stage.seen(source).await?;
        Ok(Pulled {
            events: entries.len(),
            late: late(entries),
            by_sweeps,
            lost,
            twice,
            on_time_ms,
            late_ms,
            live_pages: live.iter().map(windlass_core::Window::page).sum(),
            sweep_pages: read.iter().map(|window| window.page()).sum(),
            sweep_windows: read.len(),
            seen_items: seen.len(),
            seen_units: seen.iter().map(|page| units(page.digests.len())).sum(),
            writes: stage.counts.writes(),
            proposed_settle_ms: proposed_settle_ms(policy.settle_ms, &found),
            found,
        })
    }
}

/// Write units of an item with so many ids.
fn units(ids: usize) -> usize {
    (SEEN_ITEM_BYTES + ids * size_of::<u64>()).div_ceil(WRITE_UNIT_BYTES)
}

fn late(entries: &[Entry]) -> usize {
    let is_late = |entry: &&Entry| entry.published_at > entry.time.plus_ms(SETTLE_MS);
    entries.iter().filter(is_late).count()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "milliseconds of three days"
)]
fn log_uniform(rng: &mut fastrand::Rng) -> i64 {
    let (least, most) = LATE_MS;
    (least * (most / least).powf(rng.f64())) as i64
}

/// The percentile of `ascending` at `percent`.
pub(super) fn percentile(ascending: &[i64], percent: usize) -> i64 {
    let last = ascending.len().saturating_sub(1);
    ascending.get(last * percent / 100).copied().unwrap_or(0)
}

impl Pulled {
    fn rows(&self) -> Vec<Row> {
        let minutes = |ms: i64| json!(ratio(ms.unsigned_abs(), MINUTE_MS.unsigned_abs()));
        let hours = |ms: i64| json!(ratio(ms.unsigned_abs(), HOUR_MS.unsigned_abs()));
        let of_sweep = |number: usize| {
            let found = self.found.get(number);
            let of = |found: &Found| {
                let compared = grouped(found.late + found.known);
                format!("{} of {compared}", grouped(found.late))
            };
            found.map(of)
        };
        vec![
            ("events", json!(self.events)),
            ("published later than settle", json!(self.late)),
            ("delivered by sweeps", json!(self.by_sweeps)),
            ("lost", json!(self.lost)),
            ("delivered again", json!(self.twice)),
            (
                "on time: median delay, min",
                minutes(percentile(&self.on_time_ms, 50)),
            ),
            (
                "on time: 99 %, min",
                minutes(percentile(&self.on_time_ms, 99)),
            ),
            (
                "on time: longest, min",
                minutes(percentile(&self.on_time_ms, 100)),
            ),
            (
                "late: median from publication, h",
                hours(percentile(&self.late_ms, 50)),
            ),
            ("late: 99 %, h", hours(percentile(&self.late_ms, 99))),
            ("late: longest, h", hours(percentile(&self.late_ms, 100))),
            ("pages of the live lane", json!(self.live_pages)),
            ("pages read again", json!(self.sweep_pages)),
            ("windows of sweeps", json!(self.sweep_windows)),
            ("items of remembered ids", json!(self.seen_items)),
            ("their write units", json!(self.seen_units)),
            ("writes to the state, all", json!(self.writes)),
            ("late after 24 h, of compared", json!(of_sweep(0))),
            ("late after 72 h, of compared", json!(of_sweep(1))),
            (
                "proposed settle, min",
                json!(self.proposed_settle_ms.map(|ms| ms / MINUTE_MS)),
            ),
        ]
    }
}

/// The figures: with and without sweeps.
pub(super) fn figures() -> anyhow::Result<Figures> {
    let swept = Days::SHOWN.pull()?;
    let never = Days {
        swept: false,
        ..Days::SHOWN
    };
    let never = never.pull()?;
    let variants = vec![
        ("sweeps 24 h, 72 h", swept.rows()),
        ("no sweeps", never.rows()),
    ];
    Ok(Figures::beside("late", variants))
}
