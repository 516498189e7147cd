//! A source that was stopped for nearly as long as its vendor keeps records, and longer: it is
//! reported in time, goes first, and what is lost in the end is exactly what the vendor dropped.

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

/// How long the vendor keeps records of the stopped source.
const KEPT_MS: i64 = 7 * DAY_MS;
/// How long before the stop the source runs.
const BEFORE_MS: i64 = 6 * HOUR_MS;
/// Minutes between ticks while the source is stopped: nothing happens then.
const IDLE_MINUTES: i64 = 10;
/// Requests a minute of the group: little, so that who goes first matters.
const PER_MINUTE: u32 = 60;
/// How long the source has to catch up.
const AFTER_MS: i64 = 6 * HOUR_MS;

/// A stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    /// For how long, in milliseconds.
    pub(super) stopped_ms: i64,
}

/// What it came to.
#[derive(Debug, Default)]
pub(super) struct Rescue {
    /// How long before the first record was lost the source was reported, in milliseconds; negative
    /// when that was too late.
    pub(super) warned_ms: Option<i64>,
    /// Requests for the other source between the stop's end and the last page that the stopped one
    /// needed to be out of danger.
    pub(super) others_before: usize,
    /// Requests of the stopped source until it was out of danger.
    pub(super) requests: usize,
    /// From the stop's end until nothing was endangered, in milliseconds.
    pub(super) safe_after_ms: Option<i64>,
    pub(super) records: usize,
    /// That the vendor had dropped when the source went on.
    pub(super) dropped: usize,
    pub(super) unavailable: Vec<Span>,
    /// Not delivered, and within what is listed as unavailable.
    pub(super) listed: usize,
    /// Not delivered, and not listed.
    pub(super) lost: usize,
    /// Delivered although listed: the vendor dropped them while their window was read.
    pub(super) wrongly_listed: usize,
    /// How much more is listed than was dropped, in milliseconds.
    pub(super) overlisted_ms: i64,
}

/// The sources of the group.
struct Cast {
    /// The one that is stopped; its vendor forgets.
    stopped: SourceSpec,
    /// One that begins when the stop ends, further behind; its vendor forgets nothing.
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

    /// Lives through the stop and what follows.
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

/// What of a source was delivered, dropped and listed.
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
