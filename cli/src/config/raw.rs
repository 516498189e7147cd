//! The configuration as written, before checks.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use windlass_connectors::manifest::text::Millis;
use windlass_core::Timestamp;
use windlass_core::trust::WhoseClock;
use windlass_sink::SinkConfig;

/// One configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// The name of the file in the state, instead of its path.
    pub(super) name: Option<String>,
    /// Further files, and folders of files, relative to this file's folder.
    #[serde(default)]
    pub(super) include: Vec<String>,
    /// Fields of every source of this file that does not set them itself.
    #[serde(default)]
    pub(super) defaults: Source,
    /// The state; `None` when the command line or another file names it.
    pub(super) state: Option<State>,
    /// The destinations by name.
    #[serde(default)]
    pub(super) sinks: BTreeMap<String, SinkConfig>,
    /// The sources by name.
    #[serde(default)]
    pub(super) sources: BTreeMap<String, Source>,
}

/// The kind and the place of the state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum State {
    /// A SQLite file.
    Sqlite(String),
    /// A DynamoDB table.
    Dynamodb(DynamoDb),
}

/// A DynamoDB table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DynamoDb {
    /// The name of the table.
    pub(super) table: String,
}

/// One source, or the common fields of a file's sources.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Source {
    /// The name of a built-in connector, or the path of a manifest.
    pub(super) connector: Option<String>,
    /// The connector's parameters.
    pub(super) params: BTreeMap<String, Param>,
    /// `env:NAME`, `file:PATH`, `secretsmanager:NAME` or `ssm:NAME`.
    pub(super) secret: Option<String>,
    /// Base URL of requests, instead of the manifest's.
    pub(super) base_url: Option<String>,
    /// Token endpoint, instead of the manifest's.
    pub(super) token_url: Option<String>,
    /// The first instant of the source.
    pub(super) start: Option<Timestamp>,
    /// The instant after the last one, for a bounded pull; `None` follows the present.
    pub(super) end: Option<Timestamp>,
    /// The window widths.
    pub(super) window: Widths,
    /// Maximum wait before the live edge becomes a window.
    pub(super) every: Option<Millis>,
    /// Minimum distance of a window's end from now.
    pub(super) settle: Option<Millis>,
    /// The clock that decides when nothing else shows which of the two is wrong.
    pub(super) clock: Option<WhoseClock>,
    /// The ages at which settled time is read again for late-arriving records.
    pub(super) sweeps: Option<Vec<Millis>>,
    /// Maximum concurrent workers.
    pub(super) max_in_flight: Option<u32>,
    /// Request rate, for an operator who knows that the vendor allows more or less.
    pub(super) requests_per_minute: Option<u32>,
    /// Maximum number of open windows.
    pub(super) max_open_windows: Option<u32>,
    /// Retention of done windows in the state.
    pub(super) history: Option<Millis>,
    /// The name of the sink; optional if there is only one.
    pub(super) sink: Option<String>,
    /// True if `_windlass` is added to each record.
    pub(super) metadata: Option<bool>,
    /// True if no windows are created or dispatched.
    pub(super) paused: Option<bool>,
}

impl Source {
    /// The source with missing fields filled from `defaults`; for `params` and `window`, entry by
    /// entry.
    pub(super) fn or(self, defaults: &Self) -> Self {
        let defaults = defaults.clone();
        let mut params = defaults.params;
        params.extend(self.params);
        Self {
            connector: self.connector.or(defaults.connector),
            params,
            secret: self.secret.or(defaults.secret),
            base_url: self.base_url.or(defaults.base_url),
            token_url: self.token_url.or(defaults.token_url),
            start: self.start.or(defaults.start),
            end: self.end.or(defaults.end),
            window: Widths {
                initial: self.window.initial.or(defaults.window.initial),
                min: self.window.min.or(defaults.window.min),
                max: self.window.max.or(defaults.window.max),
            },
            every: self.every.or(defaults.every),
            settle: self.settle.or(defaults.settle),
            clock: self.clock.or(defaults.clock),
            sweeps: self.sweeps.or(defaults.sweeps),
            max_in_flight: self.max_in_flight.or(defaults.max_in_flight),
            requests_per_minute: self.requests_per_minute.or(defaults.requests_per_minute),
            max_open_windows: self.max_open_windows.or(defaults.max_open_windows),
            history: self.history.or(defaults.history),
            sink: self.sink.or(defaults.sink),
            metadata: self.metadata.or(defaults.metadata),
            paused: self.paused.or(defaults.paused),
        }
    }
}

/// The widths of windows.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Widths {
    /// Width of the first window.
    pub(super) initial: Option<Millis>,
    /// Minimum width.
    pub(super) min: Option<Millis>,
    /// Maximum width.
    pub(super) max: Option<Millis>,
}

/// A parameter: one value, or a list of values with a source for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Param {
    /// One value.
    One(String),
    /// One source per value.
    Each(Vec<String>),
}

impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ParamVisitor)
    }
}

struct ParamVisitor;

impl<'de> Visitor<'de> for ParamVisitor {
    type Value = Param;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, or a list of texts")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Param, E> {
        Ok(Param::One(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Param, E> {
        Ok(Param::One(flag.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Param, E> {
        Ok(Param::One(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Param, E> {
        Ok(Param::One(number.to_string()))
    }

    // `1.10` and `1.1` are the same number but different texts.
    fn visit_f64<E: Error>(self, _: f64) -> Result<Param, E> {
        Err(E::custom(
            "a parameter is text; put quotes around the number",
        ))
    }

    fn visit_unit<E: Error>(self) -> Result<Param, E> {
        Err(E::custom("missing value"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Param, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element::<String>()? {
            values.push(value);
        }
        Ok(Param::Each(values))
    }
}
