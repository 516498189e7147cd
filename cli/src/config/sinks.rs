//! The sinks of a configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use windlass_connectors::yaml::YamlError;
use windlass_sink::destination::{Destination, DestinationError, Stream};
use windlass_sink::ndjson::Readers;

use super::files::ConfigFile;
use super::raw;

/// Where records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SinkConfig {
    /// Files under a folder.
    Ndjson {
        /// The folder.
        dir: PathBuf,
        /// Who may read it.
        readers: Readers,
    },
    /// Standard output.
    Stdout,
    /// A stream on AWS.
    Stream(Destination),
}

impl SinkConfig {
    /// The sink called `name`, as written in `file`.
    pub(super) fn resolve(
        file: &ConfigFile,
        name: &str,
        raw: raw::Sink,
    ) -> Result<Self, YamlError> {
        let stream = |kind: &str, raw, of_stream: fn(Stream) -> Destination| {
            destination(raw, of_stream)
                .map(Self::Stream)
                .map_err(|error| {
                    let key = key_of(&error);
                    file.invalid(&format!("sinks.{name}.{kind}.{key}"), error)
                })
        };
        match raw {
            raw::Sink::Ndjson(ndjson) => Ok(Self::Ndjson {
                dir: file.path_to(&ndjson.dir),
                readers: ndjson.readable_by.into(),
            }),
            raw::Sink::Stdout(raw::Stdout {}) => Ok(Self::Stdout),
            raw::Sink::Firehose(raw) => stream("firehose", raw, Destination::Firehose),
            raw::Sink::Kinesis(raw) => stream("kinesis", raw, Destination::Kinesis),
        }
    }

    /// What the state says of it, for workers that do not read the configuration: nothing of a sink
    /// that only this machine has.
    pub(super) fn to_map(&self) -> BTreeMap<String, String> {
        match self {
            Self::Ndjson { .. } | Self::Stdout => BTreeMap::new(),
            Self::Stream(destination) => destination.to_map(),
        }
    }
}

/// The key of the sink that `error` is about.
fn key_of(error: &DestinationError) -> &str {
    match error {
        DestinationError::UnknownKey { key } => key,
        DestinationError::Missing { key, .. } | DestinationError::Invalid { key, .. } => key,
        DestinationError::ExternalIdWithoutRole => "external_id",
    }
}

fn destination(
    raw: raw::OnAws,
    of_stream: fn(Stream) -> Destination,
) -> Result<Destination, DestinationError> {
    let destination = of_stream(Stream {
        name: raw.stream,
        region: raw.region,
        role_arn: raw.role_arn,
        external_id: raw.external_id,
        packed: raw.packed.unwrap_or(true),
        rejects: raw.rejects.parse()?,
    });
    destination.check()?;
    Ok(destination)
}

/// The sinks by name, and the number of the file that each is from.
type Sinks = (BTreeMap<String, SinkConfig>, BTreeMap<String, usize>);

/// The sinks of all files. Two files may have the same sink.
pub(super) fn sinks_of(files: &[ConfigFile]) -> Result<Sinks, YamlError> {
    let mut sinks: BTreeMap<String, SinkConfig> = BTreeMap::new();
    let mut sink_files: BTreeMap<String, usize> = BTreeMap::new();
    for (number, file) in files.iter().enumerate() {
        for (name, sink) in &file.raw.sinks {
            let sink = SinkConfig::resolve(file, name, sink.clone())?;
            if sinks.get(name).is_some_and(|first| *first != sink) {
                let problem = format!(
                    "is another sink than the one of this name in {}; give it another name",
                    files[sink_files[name]].text.shown
                );
                return Err(file.invalid(&format!("sinks.{name}"), problem));
            }
            sinks.insert(name.clone(), sink);
            sink_files.entry(name.clone()).or_insert(number);
        }
    }
    Ok((sinks, sink_files))
}
