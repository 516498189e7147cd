//! A source that was stopped for nearly its vendor's retention, and for longer: it is reported in
//! time, goes first, and loses exactly the records that the vendor dropped.

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;

use std::collections::BTreeSet;

use serde_json::json;
use windlass_core::ids::Lane;
use windlass_core::span::Span;
use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};

use super::figures::{Figures, Row, ratio};
use super::log::{Entry, Log, LogSpec};
use super::stage::{SourceSpec, Stage, StageSpec, play};
use crate::true_time::{self, WORLD_EPOCH};

/// Retention of the stopped source's vendor, in milliseconds.
const KEPT_MS: i64 = 7 * DAY_MS;
/// Time for which the source runs before the stop, in milliseconds.
const BEFORE_MS: i64 = 6 * HOUR_MS;
/// Minutes between ticks during the stop, in which nothing happens.
const IDLE_MINUTES: i64 = 10;
/// Requests per minute of the group: few, so that the order of sources matters.
const PER_MINUTE: u32 = 60;
/// Time for the source to catch up, in milliseconds.
const AFTER_MS: i64 = 6 * HOUR_MS;

/// A stop of the source.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    /// Length in milliseconds.
    pub(super) stopped_ms: i64,
}

/// The outcome of a stop.
#[derive(Debug, Default)]
pub(super) struct Rescue {
    /// Milliseconds from the report of the source to its first lost record; negative if the report
    /// came too late.
    pub(super) warned_ms: Option<i64>,
    /// Requests for the other source between the stop's end and the last page that the stopped one
    /// needed to be out of danger.
    pub(super) others_before: usize,
    /// Requests of the stopped source until it was out of danger.
    pub(super) requests: usize,
    /// Milliseconds from the stop's end until no source was endangered.
    pub(super) safe_after_ms: Option<i64>,
    pub(super) records: usize,
    /// Records that the vendor had dropped by the end of the stop.
    pub(super) dropped: usize,
    pub(super) unavailable: Vec<Span>,
    /// Undelivered records within the unavailable spans.
    pub(super) listed: usize,
    /// Undelivered records outside of them.
    pub(super) lost: usize,
    /// Delivered records within the unavailable spans: the vendor dropped them while their window
    /// was read.
    pub(super) wrongly_listed: usize,
    /// Excess of the unavailable spans over the dropped time, in milliseconds.
    pub(super) overlisted_ms: i64,
}

/// The sources of the group.
struct Cast {
    /// The stopped one, whose vendor has a retention.
    stopped: SourceSpec,
    /// One that begins when the stop ends, further behind; its vendor keeps all records.
    other: SourceSpec,
}

impl Stop {
    fn ends_at(self) -> Timestamp {
        WORLD_EPOCH.plus_ms(BEFORE_MS + self.stopped_ms)
    }

    fn cast(self) -> Cast {
        let forgetful = LogSpec {
            name: "simshort",
            group: "acme:all",
            kept_ms: Some(KEPT_MS),
            page_size: 20,
            max_in_flight: 2,
            declared: Some(PER_MINUTE),
            ..LogSpec::plain()
        };
        let lasting = LogSpec {
            name: "simlong",
            kept_ms: None,
            ..forgetful.clone()
        };
        let end = self.ends_at().plus_ms(AFTER_MS);
        let stopped = Log::new(forgetful, vec![entries("s", WORLD_EPOCH, end, MINUTE_MS)]);
        let start = self.ends_at().minus_ms(60 * DAY_MS);
        let other = Log::new(lasting, vec![entries("o", start, end, MINUTE_MS)]);
        Cast {
            stopped: SourceSpec {
                name: "stopped",
                max_in_flight: 2,
                ..SourceSpec::plain(&stopped)
            },
            other: SourceSpec {
                name: "other",
                start,
                max_in_flight: 2,
                ..SourceSpec::plain(&other)
            },
        }
    }

    /// Runs the stop and the time after it.
    pub(super) fn rescue(self) -> anyhow::Result<Rescue> {
        play(self.live())
    }

    async fn live(self) -> anyhow::Result<Rescue> {
        let cast = self.cast();
        let Cast { stopped, other } = &cast;
        let both = [stopped.clone(), other.clone()];
        let stage = Stage::build(StageSpec::DEPLOYED, &both).await?;
        stage.apply(stopped).await?;
        while true_time::now() < WORLD_EPOCH.plus_ms(BEFORE_MS) {
            stage.tick(1).await?;
        }
        stage.hold(stopped, true).await?;
        let mut warned_ms = None;
        while true_time::now() < self.ends_at() {
            let report = stage.tick(IDLE_MINUTES).await?;
            for source in report.sources.iter().filter(|it| it.is_endangered) {
                warned_ms = warned_ms.or(source.retention_left_ms);
            }
        }
        let ended = true_time::now();
        stage.apply(other).await?;
        stage.hold(stopped, false).await?;
        let mut safe_at = None;
        while true_time::now() < self.ends_at().plus_ms(AFTER_MS) {
            let report = stage.tick(1).await?;
            let safe = report.sources.iter().all(|it| !it.is_endangered);
            if safe && safe_at.is_none() {
                safe_at = Some(true_time::now().minus_ms(MINUTE_MS));
            }
        }
        let until = safe_at.unwrap_or_else(true_time::now);
        let asked_of = |source: &SourceSpec| {
            let asked = source.vendor.asked();
            asked
                .iter()
                .filter(|it| (ended..until).contains(&it.at))
                .count()
        };
        let (others_before, requests) = (asked_of(other), asked_of(stopped));
        stage.check()?;
        let account = account(&stage, stopped, ended).await?;
        Ok(Rescue {
            warned_ms,
            others_before,
            requests,
            safe_after_ms: safe_at.map(|at| at.ms_since(ended)),
            ..account
        })
    }
}

/// Counts the delivered, dropped and unavailable records of a source.
async fn account(stage: &Stage, source: &SourceSpec, ended: Timestamp) -> anyhow::Result<Rescue> {
    let lanes = stage.lanes(source).await?;
    let live = lanes.iter().find(|it| it.timeline.lane == Lane::Live);
    let unavailable = live.map(|it| it.unavailable.clone()).unwrap_or_default();
    let through = live.map_or(WORLD_EPOCH, |live| live.open_from);
    let delivered = stage.delivered();
    let arrived: BTreeSet<&str> = delivered.iter().map(|it| it.id.as_str()).collect();
    let horizon = ended.minus_ms(KEPT_MS);
    let over = unavailable.iter().map(|span| span.to().ms_since(horizon));
    let mut account = Rescue {
        overlisted_ms: over.max().unwrap_or(0),
        ..Rescue::default()
    };
    for entry in source
        .vendor
        .entries(0)
        .iter()
        .filter(|it| it.time < through)
    {
        let is_there = arrived.contains(entry.id.as_str());
        let is_listed = unavailable.iter().any(|span| span.contains(entry.time));
        account.records += 1;
        account.dropped += usize::from(entry.time < horizon && !is_there);
        account.listed += usize::from(!is_there && is_listed);
        account.lost += usize::from(!is_there && !is_listed);
        account.wrongly_listed += usize::from(is_there && is_listed);
    }
    account.unavailable = unavailable;
    Ok(account)
}

fn entries(prefix: &str, from: Timestamp, to: Timestamp, every_ms: i64) -> Vec<Entry> {
    let entry = |number: i64| {
        let time = from.plus_ms(number * every_ms);
        Entry {
            id: format!("{prefix}{number:06}"),
            time,
            published_at: time,
        }
    };
    (0..to.ms_since(from) / every_ms).map(entry).collect()
}

impl Rescue {
    fn rows(&self) -> Vec<Row> {
        let hours = |ms: i64| json!(ratio(ms.max(0).unsigned_abs(), HOUR_MS.unsigned_abs()));
        let spans = &self.unavailable;
        vec![
            (
                "reported before the first loss, h",
                json!(self.warned_ms.map(hours)),
            ),
            (
                "safe after the stop, min",
                json!(self.safe_after_ms.map(|ms| ms / MINUTE_MS)),
            ),
            ("its requests until then", json!(self.requests)),
            (
                "requests of the other until then",
                json!(self.others_before),
            ),
            ("records", json!(self.records)),
            ("dropped before the stop ended", json!(self.dropped)),
            ("listed as unavailable", json!(self.listed)),
            ("listed and delivered", json!(self.wrongly_listed)),
            (
                "listed beyond what was dropped, min",
                json!(self.overlisted_ms / MINUTE_MS),
            ),
            ("lost without being listed", json!(self.lost)),
            ("spans that are unavailable", json!(spans.len())),
            ("the first from", json!(spans.first().map(|it| it.from()))),
            ("the last until", json!(spans.last().map(|it| it.to()))),
        ]
    }
}

/// The figures.
pub(super) fn figures() -> anyhow::Result<Figures> {
    let stop = |stopped_ms| Stop { stopped_ms }.rescue();
    let variants = vec![
        ("stopped 6.5 days", stop(13 * DAY_MS / 2)?.rows()),
        ("stopped 8 days", stop(8 * DAY_MS)?.rows()),
    ];
    Ok(Figures::beside("retention", variants))
}
