//! The settings of a sink: a tagged form for the configuration file, and a flat map of text. The
//! flat map is stored with each source, so that a worker without the configuration can deliver.
//!
//! ```text
//! in a file         firehose: { stream: audit, rejects: 's3://lake/rejects' }
//! with a source     kind = firehose, stream = audit, packed = true, rejects = s3://lake/rejects
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::http::HttpConfig;
use crate::ndjson::NdjsonConfig;
use crate::settings::{ConfigError, Settings};
use crate::stdout::StdoutConfig;
use crate::stream_config::{OfService, StreamConfig, StreamKind};

/// The key of the sink's kind in the flat form.
const KIND: &str = "kind";

/// The settings of one sink, by its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkConfig {
    /// One file per window.
    Ndjson(NdjsonConfig),
    /// Standard output.
    Stdout(StdoutConfig),
    /// A stream of Amazon Data Firehose.
    Firehose(StreamConfig),
    /// A stream of Amazon Kinesis Data Streams.
    Kinesis(StreamConfig),
    /// A collector over HTTPS.
    Http(HttpConfig),
}

impl SinkConfig {
    /// The kind as a configuration writes it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ndjson(_) => "ndjson",
            Self::Stdout(_) => "stdout",
            Self::Firehose(_) => "firehose",
            Self::Kinesis(_) => "kinesis",
            Self::Http(_) => "http",
        }
    }

    fn settings<T>(&self, read: impl FnOnce(&dyn Settings) -> T) -> T {
        match self {
            Self::Ndjson(ndjson) => read(ndjson),
            Self::Stdout(stdout) => read(stdout),
            Self::Firehose(stream) => read(&OfService(StreamKind::Firehose, stream)),
            Self::Kinesis(stream) => read(&OfService(StreamKind::Kinesis, stream)),
            Self::Http(http) => read(http),
        }
    }

    /// Checks everything that needs no call.
    ///
    /// # Errors
    /// The first field that no sink can work with.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.settings(|settings| settings.check())
    }

    /// The kind of destination, such as `a folder`, if it exists only on the machine with the
    /// configuration; `None` if every machine can reach it.
    pub fn local(&self) -> Option<&'static str> {
        self.settings(|settings| settings.local())
    }

    /// The output folder, so that the configuration can resolve a relative path.
    pub fn folder_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Ndjson(ndjson) => Some(&mut ndjson.dir),
            _ => None,
        }
    }

    /// The reference to the sink's secret; `None` if it needs none.
    pub fn secret(&self) -> Option<&str> {
        match self {
            Self::Http(http) => http.secret.as_deref(),
            _ => None,
        }
    }

    /// The same reference, so that the configuration can resolve a relative path.
    pub fn secret_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Http(http) => http.secret.as_mut(),
            _ => None,
        }
    }

    /// The number of partitions that the stream may have open; `None` unless the stream partitions
    /// by source.
    pub fn partitions(&self) -> Option<u32> {
        match self {
            Self::Firehose(stream) | Self::Kinesis(stream) => stream.partitions,
            _ => None,
        }
    }

    /// The flat form that is stored with a source; empty for a sink that only this machine can
    /// reach.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        if self.local().is_some() {
            return map;
        }
        // The tagged form is one object under the kind's name.
        let tagged = serde_json::to_value(self).unwrap_or_default();
        let fields = tagged.get(self.kind()).and_then(Value::as_object);
        for (key, value) in fields.into_iter().flatten() {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            map.insert(key.clone(), text);
        }
        map.insert(KIND.to_owned(), self.kind().to_owned());
        map
    }

    /// Parses the flat form.
    ///
    /// # Errors
    /// The map does not describe a sink that every machine can reach.
    pub fn from_map(map: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let missing = || ConfigError {
            field: KIND,
            problem: format!("a sink's settings need `{KIND}`, such as firehose"),
        };
        let kind = map.get(KIND).ok_or_else(missing)?;
        let fields = map.iter().filter(|(key, _)| *key != KIND);
        let fields: Map<_, _> = fields
            .map(|(key, text)| (key.clone(), Value::from(text.as_str())))
            .collect();
        let tagged = Map::from_iter([(kind.clone(), Value::Object(fields))]);
        let config: Self =
            serde_json::from_value(Value::Object(tagged)).map_err(|error| ConfigError {
                field: "",
                problem: format!("the settings of a `{kind}` sink cannot be read: {error}"),
            })?;
        if let Some(place) = config.local() {
            let problem = format!(
                "a `{kind}` sink is {place} on the machine with the configuration, and cannot be \
                 stored"
            );
            return Err(ConfigError {
                field: KIND,
                problem,
            });
        }
        config.check()?;
        Ok(config)
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
