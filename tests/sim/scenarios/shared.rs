//! Workers in separate processes that share sixty requests per minute: three or twenty of them use
//! the rate nearly in full, never exceed it, and are silent in a cooldown.

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;

use serde_json::json;
use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

use super::figures::{Figures, Row, ratio};
use super::log::{AdvertisedQuotas, Asked, Entry, Log, LogSpec};
use super::stage::{SourceSpec, Stage, StageSpec, play};
use crate::true_time::{self, WORLD_EPOCH};

/// Requests per minute that the vendor accepts.
const PER_MINUTE: u32 = 60;
/// Cooldown that the vendor asks for when it rejects, in seconds.
const WAIT_SECONDS: i64 = 120;
/// Time in which requests may still arrive after a rejection: those in flight, and those of workers
/// that read the state just before.
const GRACE_MS: i64 = 5 * SECOND_MS;
/// Instant of the vendor's rejection, in milliseconds.
const REFUSAL_MS: i64 = 5 * MINUTE_MS;
/// The first minutes are not counted, because the workers start one by one.
const WARM_UP_MS: i64 = 2 * MINUTE_MS;
/// Records per page: enough work for more requests than the rate allows.
const PAGE: usize = 10;
/// Names of the sources.
const NAMES: [&str; 4] = ["login", "admin", "drive", "token"];

/// A vendor and its workers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowd {
    pub(super) workers: u32,
    pub(super) minutes: i64,
    /// True if the manifest declares the request rate.
    pub(super) declared: bool,
    /// The quota that the headers advertise.
    pub(super) advertised: Option<AdvertisedQuotas>,
    /// True if the vendor rejects one request.
    pub(super) refuses: bool,
}

/// The outcome of a run.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) requests: u64,
    /// Requests in the busiest minute, at any start.
    pub(super) busiest: usize,
    /// Average requests per minute, after the first few minutes.
    pub(super) average: f64,
    pub(super) refused: usize,
    /// Requests that arrived during the cooldown, from a few seconds after its start.
    pub(super) in_the_wait: usize,
    pub(super) workers_max: usize,
    pub(super) writes: u64,
}

impl Crowd {
    /// So many workers under a declared rate.
    pub(super) const fn of(workers: u32, minutes: i64) -> Self {
        Self {
            workers,
            minutes,
            declared: true,
            advertised: None,
            refuses: false,
        }
    }

    /// Runs the workers.
    pub(super) fn ask(self) -> anyhow::Result<Asking> {
        play(self.live())
    }

    async fn live(self) -> anyhow::Result<Asking> {
        let begin = WORLD_EPOCH;
        let feeds = (0..NAMES.len()).map(|feed| self.backlog(feed)).collect();
        let spec = LogSpec {
            page_size: PAGE,
            latency_ms: 300,
            max_in_flight: self.workers,
            declared: self.declared.then_some(PER_MINUTE),
            advertised: self.advertised,
            refusal: self
                .refuses
                .then(|| (begin.plus_ms(REFUSAL_MS), WAIT_SECONDS)),
            ..LogSpec::plain()
        };
        let vendor = Log::new(spec, feeds);
        let sources: Vec<SourceSpec> = (0..)
            .zip(NAMES)
            .map(|(feed, name)| SourceSpec {
                name,
                feed,
                start: begin.minus_ms(DAY_MS),
                max_ms: HOUR_MS,
                max_in_flight: self.workers,
                ..SourceSpec::plain(&vendor)
            })
            .collect();
        let spec = StageSpec {
            tasks_per_invocation: 1,
            ..StageSpec::DEPLOYED
        };
        let stage = Stage::build(spec, &sources).await?;
        for source in &sources {
            stage.apply(source).await?;
        }
        for _ in 0..self.minutes {
            stage.tick(1).await?;
        }
        stage.check()?;
        Ok(self.conclude(&stage, &vendor.asked()))
    }

    /// A day of records, more than can be requested in the time.
    fn backlog(&self, feed: usize) -> Vec<Entry> {
        let requests = i64::from(PER_MINUTE) * (self.minutes + 10);
        let feeds = i64::try_from(NAMES.len()).unwrap_or(1);
        let records = requests * i64::try_from(PAGE).unwrap_or(1) / feeds;
        let entry = |number: i64| {
            let time = WORLD_EPOCH.minus_ms(DAY_MS - number * (DAY_MS - HOUR_MS) / records);
            Entry {
                id: format!("f{feed}-{number:06}"),
                time,
                published_at: time,
            }
        };
        (0..records).map(entry).collect()
    }

    fn conclude(self, stage: &Stage, asked: &[Asked]) -> Asking {
        let counted_from = WORLD_EPOCH.plus_ms(WARM_UP_MS);
        let counted = asked.iter().filter(|it| it.at >= counted_from).count() as u64;
        let counted_ms = true_time::now().ms_since(counted_from).unsigned_abs();
        let refused: Vec<Timestamp> = asked
            .iter()
            .filter(|it| it.status == 429)
            .map(|it| it.at)
            .collect();
        let waits = |at: Timestamp| {
            refused.iter().any(|from| {
                let since_ms = at.ms_since(*from);
                self.refuses && (GRACE_MS..WAIT_SECONDS * SECOND_MS).contains(&since_ms)
            })
        };
        Asking {
            requests: asked.len() as u64,
            busiest: busiest(asked),
            average: ratio(counted * MINUTE_MS.unsigned_abs(), counted_ms),
            refused: refused.len(),
            in_the_wait: asked.iter().filter(|it| waits(it.at)).count(),
            workers_max: workers_at_once(stage),
            writes: stage.counts.writes(),
        }
    }
}

fn busiest(asked: &[Asked]) -> usize {
    let in_minute_from = |first: usize| {
        let from = asked[first].at;
        let rest = asked[first..].iter();
        rest.take_while(|it| it.at.ms_since(from) < MINUTE_MS)
            .count()
    };
    (0..asked.len()).map(in_minute_from).max().unwrap_or(0)
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

impl Asking {
    fn rows(&self) -> Vec<Row> {
        vec![
            ("requests", json!(self.requests)),
            ("in the busiest minute", json!(self.busiest)),
            ("a minute, on average", json!(self.average)),
            ("answered with 429", json!(self.refused)),
            ("in the wait after 5 s", json!(self.in_the_wait)),
            ("most workers at once", json!(self.workers_max)),
            (
                "state writes a request",
                json!(ratio(self.writes, self.requests)),
            ),
        ]
    }
}

/// The whole quota is windlass's.
pub(super) const WHOLE: AdvertisedQuotas = AdvertisedQuotas {
    per_minute: 60,
    others: 0,
};
/// Half of the quota is used by other clients.
pub(super) const HALF: AdvertisedQuotas = AdvertisedQuotas {
    per_minute: 60,
    others: 30,
};

/// The figures.
pub(super) fn figures() -> anyhow::Result<Figures> {
    let of = |workers| Crowd::of(workers, 30);
    let refused = Crowd {
        refuses: true,
        ..of(20)
    };
    let advertised = |workers, declared| Crowd {
        declared,
        advertised: Some(WHOLE),
        ..of(workers)
    };
    let halved = Crowd {
        advertised: Some(HALF),
        ..of(20)
    };
    let variants = vec![
        ("20 workers", of(20).ask()?.rows()),
        ("3 workers", of(3).ask()?.rows()),
        ("20, one 429", refused.ask()?.rows()),
        ("20, advertised", advertised(20, true).ask()?.rows()),
        ("20, only advertised", advertised(20, false).ask()?.rows()),
        ("3, only advertised", advertised(3, false).ask()?.rows()),
        ("20, half taken", halved.ask()?.rows()),
    ];
    Ok(Figures::beside("shared", variants))
}
