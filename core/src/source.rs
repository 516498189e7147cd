//! A source as configured and applied: connector, parameters, start and policy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::block::Work;
pub use crate::block::{BlockCause, BlockChange, Blocked};
use crate::duration::Exact;
use crate::ids::{Generation, ManifestHash, RateGroup, SourceName};
use crate::limits;
use crate::shard::Shard;
use crate::time::Timestamp;
use crate::trust::WhoseClock;

/// The part of a definition that controls planning: window widths, limits and the request rate. All
/// times in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The vendor's time unit: every window bound is a multiple of it.
    pub unit_ms: i64,
    /// Width of the first window.
    pub initial_ms: i64,
    /// Width of the narrowest window, except at the live edge.
    pub min_ms: i64,
    /// Width of the widest window; at most the vendor's own longest span.
    pub max_ms: i64,
    /// The time that the live edge collects before it becomes a window.
    pub every_ms: i64,
    /// The distance of a window's end from now, because the vendor publishes late.
    pub settle_ms: i64,
    /// The vendor's retention; `None` if it documents none.
    pub max_lookback_ms: Option<i64>,
    /// Concurrent workers of this source at most.
    pub max_in_flight: u32,
    /// Windows of one timeline between `open_from` and `scheduled_through` at most.
    pub max_open_windows: u32,
    /// The rate group whose quota this source uses.
    pub rate_group: RateGroup,
    /// Concurrent workers of the whole rate group at most.
    pub group_in_flight: u32,
    /// Requests per minute of the whole rate group; `None` without a declared rate.
    pub requests_per_minute: Option<u32>,
    /// Retention of done windows in the state.
    pub history_ms: i64,
    /// The order of records across the pages of a window; `None` if the vendor documents none. A
    /// window with an order may be split at its frontier.
    #[serde(default)]
    pub strict_order: Option<Order>,
    /// The ages at which settled time is read again for late-arriving records, ascending; empty for
    /// never.
    #[serde(default)]
    pub sweeps_ms: Vec<i64>,
    /// The clock that decides where the two differ; `None` for the earlier one, with witnesses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<WhoseClock>,
}

/// An order of records by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Times never rise.
    NewestFirst,
    /// Times never fall.
    OldestFirst,
}

/// The error of a policy that contradicts itself or exceeds a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct PolicyError {
    /// The setting, by its name in the configuration.
    pub field: &'static str,
    /// The fault, and the valid values.
    pub problem: String,
}

impl Policy {
    /// Checks that the settings fit each other and the limits.
    pub fn check(&self) -> Result<(), PolicyError> {
        let fail = |field, problem: String| Err(PolicyError { field, problem });
        if self.unit_ms < 1 {
            return fail("unit", "must be at least 1ms".to_owned());
        }
        for (field, value) in [
            ("window.min", self.min_ms),
            ("window.initial", self.initial_ms),
            ("window.max", self.max_ms),
            ("every", self.every_ms),
        ] {
            if value < self.unit_ms {
                return fail(
                    field,
                    format!(
                        "must be at least the vendor's time unit, {}",
                        Exact(self.unit_ms)
                    ),
                );
            }
        }
        if self.min_ms > self.initial_ms || self.initial_ms > self.max_ms {
            return fail("window", "must satisfy min <= initial <= max".to_owned());
        }
        if self.settle_ms < 0 {
            return fail("settle", "must not be negative".to_owned());
        }
        if let Some(kept_ms) = self.max_lookback_ms.filter(|ms| *ms <= self.settle_ms) {
            let problem = format!(
                "must be shorter than the vendor's retention, {}; otherwise no record is ever read",
                Exact(kept_ms)
            );
            return fail("settle", problem);
        }
        for (field, value, max) in [
            ("max_in_flight", self.max_in_flight, limits::IN_FLIGHT_MAX),
            (
                "max_open_windows",
                self.max_open_windows,
                limits::OPEN_WINDOWS_MAX,
            ),
        ] {
            if !(1..=max).contains(&value) {
                return fail(field, format!("must be 1 to {max}"));
            }
        }
        if self.history_ms < limits::HISTORY_MS_MIN {
            return fail("history", "must be at least 7d".to_owned());
        }
        self.check_sweeps().map_err(|problem| PolicyError {
            field: "sweeps",
            problem: problem.to_owned(),
        })
    }
}

impl Policy {
    fn check_sweeps(&self) -> Result<(), &'static str> {
        let sweeps = &self.sweeps_ms;
        let ascending = sweeps.windows(2).all(|pair| pair[0] < pair[1]);
        if sweeps.len() > limits::SWEEPS_MAX {
            return Err("must have at most 4 values");
        }
        if !ascending {
            return Err("must be in ascending order, without repetition");
        }
        if sweeps.first().is_some_and(|first| *first <= self.settle_ms) {
            return Err("must each be longer than `settle`");
        }
        let last = sweeps.last().copied().unwrap_or(0);
        if last > self.history_ms / 2 {
            return Err("must each be at most half of `history`");
        }
        if self.max_lookback_ms.is_some_and(|kept_ms| last >= kept_ms) {
            return Err("must each be shorter than the vendor's retention");
        }
        Ok(())
    }
}

/// The definition of a source, with everything that a worker needs except the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceDefinition {
    /// The name of the source.
    pub name: SourceName,
    /// The connector's name.
    pub connector: String,
    /// The connector's parameters.
    pub params: BTreeMap<String, String>,
    /// Identity of its timeline: hash of connector, parameters and origin.
    pub generation: Generation,
    /// The reference to the secret (`env:NAME`, `file:PATH`); never the secret itself.
    pub secret: Option<String>,
    /// The base URL of requests; `None` for the one of the manifest.
    pub base_url: Option<String>,
    /// The URL of token requests; `None` for the one of the manifest.
    pub token_url: Option<String>,
    /// First instant of the timeline.
    pub start: Timestamp,
    /// First instant after the timeline; `None` for one without an end.
    pub end: Option<Timestamp>,
    /// Name of the sink of its records.
    pub sink: String,
    /// The address of that sink, in the sink's own attributes, for workers that do not read the
    /// configuration; empty if only the process that reads it can deliver there.
    pub destination: BTreeMap<String, String>,
    /// True if `_windlass` is added to each record.
    pub metadata: bool,
    /// True if the definition pauses the source: no window is created or dispatched.
    pub paused: bool,
    /// The configuration file of the source, by its `name` or by its path relative to the first
    /// file; `None` when an earlier version applied it.
    pub file: Option<String>,
    /// Hash of the facts from the connector's manifest; `None` when an earlier version applied the
    /// definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_hash: Option<ManifestHash>,
    /// The policy of its timelines.
    pub policy: Policy,
}

impl SourceDefinition {
    /// The shard of its rate group, which is part of its key.
    pub fn shard(&self) -> Shard {
        self.policy.rate_group.shard()
    }
}

/// A stored source: its definition as applied, and the reasons that stop it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRecord {
    /// The definition as applied.
    pub definition: SourceDefinition,
    /// Rises each time a definition is applied; a block is conditional on it.
    pub version: u64,
    /// The block of the source; `None` while nothing rejects it.
    pub blocked: Option<Blocked>,
    /// The start of the operator's pause; `None` without one. Applying a definition does not change
    /// it.
    pub held_since: Option<Timestamp>,
    /// The instant at which the definition was applied.
    pub applied_at: Timestamp,
}

impl SourceRecord {
    /// The shard of its rate group, which is part of its key.
    pub fn shard(&self) -> Shard {
        self.definition.shard()
    }

    /// Returns whether new work may start.
    pub fn is_active(&self) -> bool {
        self.blocked.is_none() && !self.is_paused()
    }

    /// The work that may start at `now`. A paused source is not probed, because its recovery would
    /// start nothing.
    pub fn work(&self, now: Timestamp) -> Work {
        match &self.blocked {
            _ if self.is_paused() => Work::Nothing,
            None => Work::Everything,
            Some(blocked) if blocked.is_probe_due(now) => Work::Probe,
            Some(_) => Work::Nothing,
        }
    }

    /// Earliest next probe; `None` for a source that is not blocked, or is paused.
    pub fn probe_at(&self) -> Option<Timestamp> {
        let blocked = self.blocked.as_ref().filter(|_| !self.is_paused());
        blocked.map(|blocked| blocked.probe_at)
    }

    /// Returns whether the definition or an operator pauses the source.
    pub fn is_paused(&self) -> bool {
        self.definition.paused || self.held_since.is_some()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};

    pub(crate) fn policy() -> Policy {
        Policy {
            unit_ms: 1,
            initial_ms: HOUR_MS,
            min_ms: MINUTE_MS,
            max_ms: HOUR_MS,
            every_ms: MINUTE_MS,
            settle_ms: 0,
            max_lookback_ms: None,
            max_in_flight: 1,
            max_open_windows: 1,
            rate_group: "okta:acme".parse().unwrap(),
            group_in_flight: 1,
            requests_per_minute: None,
            history_ms: limits::HISTORY_MS_MIN,
            strict_order: None,
            sweeps_ms: Vec::new(),
            clock: None,
        }
    }

    pub(crate) fn definition(name: &str) -> SourceDefinition {
        SourceDefinition {
            name: name.parse().unwrap(),
            connector: "okta_system_log".to_owned(),
            params: [].into(),
            generation: "0123456789ab".parse().unwrap(),
            secret: None,
            base_url: None,
            token_url: None,
            start: Timestamp::from_ms(0),
            end: None,
            sink: "lake".to_owned(),
            destination: [].into(),
            metadata: true,
            paused: false,
            file: None,
            manifest_hash: None,
            policy: policy(),
        }
    }

    #[test]
    fn errors_print_durations_as_configured() {
        let said = |policy: Policy| policy.check().unwrap_err().to_string();
        let settle = |settle_ms, kept_ms| {
            said(Policy {
                settle_ms,
                max_lookback_ms: Some(kept_ms),
                ..policy()
            })
        };
        assert_eq!(
            settle(2 * DAY_MS, 2 * DAY_MS),
            "settle: must be shorter than the vendor's retention, 2d; otherwise no record is ever \
             read"
        );
        assert!(settle(2 * DAY_MS, 36 * HOUR_MS).contains(" 36h;"));
        assert!(settle(2 * DAY_MS, 1_500).contains(" 1500ms;"));
        let coarse = Policy {
            unit_ms: 2 * MINUTE_MS,
            ..policy()
        };
        assert_eq!(
            said(coarse),
            "window.min: must be at least the vendor's time unit, 2m"
        );
    }

    #[test]
    fn sweeps_ascend_between_settle_and_retention() {
        let check = |sweeps_ms: &[i64]| {
            let policy = Policy {
                settle_ms: MINUTE_MS,
                max_lookback_ms: Some(3 * DAY_MS),
                sweeps_ms: sweeps_ms.to_vec(),
                ..policy()
            };
            policy.check().map_err(|error| error.field)
        };
        assert_eq!(check(&[HOUR_MS, DAY_MS]), Ok(()));
        for wrong in [
            &[DAY_MS, HOUR_MS][..],
            &[DAY_MS, DAY_MS],
            &[MINUTE_MS],
            &[4 * DAY_MS],
            &[3 * DAY_MS],
            &[HOUR_MS, HOUR_MS + 1, HOUR_MS + 2, HOUR_MS + 3, HOUR_MS + 4],
        ] {
            assert_eq!(check(wrong), Err("sweeps"), "{wrong:?}");
        }
    }

    #[test]
    fn settle_must_be_shorter_than_retention() {
        let policy = Policy {
            settle_ms: DAY_MS - 1,
            max_lookback_ms: Some(DAY_MS),
            ..policy()
        };
        assert_eq!(policy.check(), Ok(()));
        let settle_ms = DAY_MS;
        let refused = Policy {
            settle_ms,
            ..policy
        }
        .check()
        .unwrap_err();
        assert_eq!(refused.field, "settle");
    }
}
