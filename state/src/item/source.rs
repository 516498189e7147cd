//! The stored form of a source: its definition and the policy, flat.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_core::ids::{Generation, ManifestHash, RateGroup, SourceName};
use windlass_core::source::{Blocked, Order, Policy, SourceDefinition, SourceRecord};
use windlass_core::time::Timestamp;
use windlass_core::trust::WhoseClock;

use super::{Attributes, Stored, read, write};
use crate::error::StateError;

#[derive(Serialize, Deserialize)]
struct SourceItem {
    source: SourceName,
    version: u64,
    connector: String,
    params: BTreeMap<String, String>,
    generation: Generation,
    secret: Option<String>,
    base_url: Option<String>,
    token_url: Option<String>,
    start: Timestamp,
    end: Option<Timestamp>,
    sink: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    destination: BTreeMap<String, String>,
    metadata: bool,
    paused: bool,
    file: Option<String>,
    manifest_hash: Option<ManifestHash>,
    blocked: Option<String>,
    blocked_since: Option<Timestamp>,
    probe_at: Option<Timestamp>,
    held_since: Option<Timestamp>,
    unit_ms: i64,
    initial_ms: i64,
    min_ms: i64,
    max_ms: i64,
    every_ms: i64,
    settle_ms: i64,
    max_lookback_ms: Option<i64>,
    max_in_flight: u32,
    max_open_windows: u32,
    rate_group: RateGroup,
    group_in_flight: u32,
    requests_per_minute: Option<u32>,
    history_ms: i64,
    strict_order: Option<Order>,
    clock: Option<WhoseClock>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sweeps_ms: Vec<i64>,
    applied_at: Timestamp,
}

impl Stored for SourceRecord {
    fn to_attributes(&self) -> Attributes {
        write(&SourceItem::from(self.clone()))
    }

    fn from_attributes(key: &str, attributes: Attributes) -> Result<Self, StateError> {
        read(key, attributes, SourceItem::into_record)
    }
}

impl From<SourceRecord> for SourceItem {
    fn from(record: SourceRecord) -> Self {
        let SourceRecord {
            definition,
            version,
            blocked,
            held_since,
            applied_at,
        } = record;
        let policy = definition.policy;
        let (blocked, blocked_since, probe_at) = match blocked {
            Some(Blocked {
                reason,
                since,
                probe_at,
            }) => {
                let probe_at = Some(probe_at).filter(|probe_at| *probe_at != since);
                (Some(reason), Some(since), probe_at)
            }
            None => (None, None, None),
        };
        Self {
            source: definition.name,
            version,
            connector: definition.connector,
            params: definition.params,
            generation: definition.generation,
            secret: definition.secret,
            base_url: definition.base_url,
            token_url: definition.token_url,
            start: definition.start,
            end: definition.end,
            sink: definition.sink,
            destination: definition.destination,
            metadata: definition.metadata,
            paused: definition.paused,
            file: definition.file,
            manifest_hash: definition.manifest_hash,
            blocked,
            blocked_since,
            probe_at,
            held_since,
            unit_ms: policy.unit_ms,
            initial_ms: policy.initial_ms,
            min_ms: policy.min_ms,
            max_ms: policy.max_ms,
            every_ms: policy.every_ms,
            settle_ms: policy.settle_ms,
            max_lookback_ms: policy.max_lookback_ms,
            max_in_flight: policy.max_in_flight,
            max_open_windows: policy.max_open_windows,
            rate_group: policy.rate_group,
            group_in_flight: policy.group_in_flight,
            requests_per_minute: policy.requests_per_minute,
            history_ms: policy.history_ms,
            strict_order: policy.strict_order,
            clock: policy.clock,
            sweeps_ms: policy.sweeps_ms,
            applied_at,
        }
    }
}

impl SourceItem {
    fn into_record(self) -> Result<SourceRecord, String> {
        let blocked = match (self.blocked, self.blocked_since) {
            // Earlier versions stored blocks without a probe: it is due.
            (Some(reason), Some(since)) => Some(Blocked {
                reason,
                since,
                probe_at: self.probe_at.unwrap_or(since),
            }),
            (None, None) => None,
            _ => return Err("`blocked` and `blocked_since` belong together".to_owned()),
        };
        let policy = Policy {
            unit_ms: self.unit_ms,
            initial_ms: self.initial_ms,
            min_ms: self.min_ms,
            max_ms: self.max_ms,
            every_ms: self.every_ms,
            settle_ms: self.settle_ms,
            max_lookback_ms: self.max_lookback_ms,
            max_in_flight: self.max_in_flight,
            max_open_windows: self.max_open_windows,
            rate_group: self.rate_group,
            group_in_flight: self.group_in_flight,
            requests_per_minute: self.requests_per_minute,
            history_ms: self.history_ms,
            strict_order: self.strict_order,
            clock: self.clock,
            sweeps_ms: self.sweeps_ms,
        };
        let definition = SourceDefinition {
            name: self.source,
            connector: self.connector,
            params: self.params,
            generation: self.generation,
            secret: self.secret,
            base_url: self.base_url,
            token_url: self.token_url,
            start: self.start,
            end: self.end,
            sink: self.sink,
            destination: self.destination,
            metadata: self.metadata,
            paused: self.paused,
            file: self.file,
            manifest_hash: self.manifest_hash,
            policy,
        };
        Ok(SourceRecord {
            definition,
            version: self.version,
            blocked,
            held_since: self.held_since,
            applied_at: self.applied_at,
        })
    }
}
