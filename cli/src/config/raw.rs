//! The configuration as written, before it is checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use windlass_connectors::manifest::text::Millis;
use windlass_core::Timestamp;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Where windlass remembers; may be left out when the command line says it.
    pub(super) state: Option<State>,
    /// Named destinations.
    pub(super) sinks: BTreeMap<String, Sink>,
    /// Named feeds.
    pub(super) sources: BTreeMap<String, Source>,
}

/// Where windlass remembers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum State {
    /// A SQLite file.
    Sqlite(String),
    /// A table of DynamoDB.
    Dynamodb(DynamoDb),
}

/// A table of DynamoDB.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DynamoDb {
    /// Its name.
    pub(super) table: String,
}

/// A destination.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Sink {
    /// Files, one a window.
    Ndjson(Ndjson),
    /// Standard output.
    Stdout(Stdout),
    /// A stream of Amazon Data Firehose.
    Firehose(OnAws),
    /// A stream of Amazon Kinesis Data Streams.
    Kinesis(OnAws),
}

/// Files, one a window.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ndjson {
    /// The folder they are under.
    pub(super) dir: String,
}

/// Nothing to set: `stdout: {}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stdout {}

/// A stream on AWS.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OnAws {
    /// Its name.
    pub(super) stream: String,
    /// Its region, when it is not the one of whoever delivers.
    pub(super) region: Option<String>,
    /// The role to assume, for a stream and a bucket of another account.
    pub(super) role_arn: Option<String>,
    /// What that role's trust policy asks for.
    pub(super) external_id: Option<String>,
    /// Whether many lines go into one record.
    pub(super) packed: Option<bool>,
    /// How many partitions the stream may have open, if it partitions records by their source.
    pub(super) partitions: Option<u32>,
    /// `s3://BUCKET/PREFIX`, for records that the stream does not take.
    pub(super) rejects: String,
}

/// One feed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    /// A built-in connector's name, or the path of a manifest.
    pub(super) connector: String,
    /// The connector's parameters.
    #[serde(default)]
    pub(super) params: BTreeMap<String, String>,
    /// `env:NAME`, `file:PATH`, `secretsmanager:NAME` or `ssm:NAME`.
    pub(super) secret: Option<String>,
    /// Where requests go.
    pub(super) base_url: Option<String>,
    /// Where tokens are asked for.
    pub(super) token_url: Option<String>,
    /// First instant.
    pub(super) start: Timestamp,
    /// First instant after the last, for a bounded pull.
    pub(super) end: Option<Timestamp>,
    /// Widths.
    #[serde(default)]
    pub(super) window: Widths,
    /// How long the live edge may wait before it is cut.
    pub(super) every: Option<Millis>,
    /// How far a window's end trails now.
    pub(super) settle: Option<Millis>,
    /// How old settled time is when it is read again for late events.
    pub(super) sweeps: Option<Vec<Millis>>,
    /// Workers at once.
    pub(super) max_in_flight: Option<u32>,
    /// Requests a minute, for an operator who knows the vendor allows more or less.
    pub(super) requests_per_minute: Option<u32>,
    /// Windows open at once.
    pub(super) max_open_windows: Option<u32>,
    /// How long done windows stay in the ledger.
    pub(super) history: Option<Millis>,
    /// Which sink; may be left out when there is only one.
    pub(super) sink: Option<String>,
    /// Whether `_windlass` is added to each record.
    pub(super) metadata: Option<bool>,
    /// Carve and dispatch nothing.
    #[serde(default)]
    pub(super) paused: bool,
}

/// Window widths.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Widths {
    /// The first.
    pub(super) initial: Option<Millis>,
    /// The narrowest.
    pub(super) min: Option<Millis>,
    /// The widest.
    pub(super) max: Option<Millis>,
}
