//! The configuration as written, before it is checked.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use windlass_connectors::manifest::text::Millis;
use windlass_core::Timestamp;
use windlass_core::trust::WhoseClock;
use windlass_sink::SinkConfig;

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Name under which the state knows the file, instead of its path.
    pub(super) name: Option<String>,
    /// Further files, and folders of files, relative to this file's folder.
    #[serde(default)]
    pub(super) include: Vec<String>,
    /// Fields of every source of this file that does not set them itself.
    #[serde(default)]
    pub(super) defaults: Source,
    /// Where windlass remembers; `None` when the command line or another file names the state.
    pub(super) state: Option<State>,
    /// Named destinations.
    #[serde(default)]
    pub(super) sinks: BTreeMap<String, SinkConfig>,
    /// Named feeds.
    #[serde(default)]
    pub(super) sources: BTreeMap<String, Source>,
}

/// Where windlass remembers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum State {
    /// A SQLite file.
    Sqlite(String),
    /// A table of DynamoDB.
    Dynamodb(DynamoDb),
}

/// A table of DynamoDB.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DynamoDb {
    /// Its name.
    pub(super) table: String,
}

/// One feed, or what the feeds of a file have in common.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Source {
    /// A built-in connector's name, or the path of a manifest.
    pub(super) connector: Option<String>,
    /// The connector's parameters.
    pub(super) params: BTreeMap<String, Param>,
    /// `env:NAME`, `file:PATH`, `secretsmanager:NAME` or `ssm:NAME`.
    pub(super) secret: Option<String>,
    /// Where requests go.
    pub(super) base_url: Option<String>,
    /// Where tokens are asked for.
    pub(super) token_url: Option<String>,
    /// First instant.
    pub(super) start: Option<Timestamp>,
    /// First instant after the last, for a bounded pull.
    pub(super) end: Option<Timestamp>,
    /// Widths.
    pub(super) window: Widths,
    /// How long the live edge may wait before it is cut.
    pub(super) every: Option<Millis>,
    /// How far a window's end trails now.
    pub(super) settle: Option<Millis>,
    /// Whose clock decides, ours or the vendor's, where nothing else shows which one is wrong.
    pub(super) clock: Option<WhoseClock>,
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
    pub(super) paused: Option<bool>,
}

impl Source {
    /// The source with the fields of `defaults` where it has none: of `params` and `window`, each
    /// entry by itself.
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

/// Window widths.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Widths {
    /// The first.
    pub(super) initial: Option<Millis>,
    /// The narrowest.
    pub(super) min: Option<Millis>,
    /// The widest.
    pub(super) max: Option<Millis>,
}

/// A parameter: one value, or a list of values that each make a source of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Param {
    /// One value.
    One(String),
    /// A source for each.
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

    // `1.10` and `1.1` are one number and two texts.
    fn visit_f64<E: Error>(self, _: f64) -> Result<Param, E> {
        Err(E::custom(
            "a parameter is text; put quotes around the number",
        ))
    }

    fn visit_unit<E: Error>(self) -> Result<Param, E> {
        Err(E::custom("a value is missing here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Param, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element::<String>()? {
            values.push(value);
        }
        Ok(Param::Each(values))
    }
}
