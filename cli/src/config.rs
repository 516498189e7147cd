//! The configuration file: read, checked against manifests and limits, and turned into source
//! definitions. Every error names the file, the line, the field and what was expected.

mod on_lambda;
mod partitions;
mod raw;
mod resolve;
mod sinks;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use anyhow::Context;
use windlass_connectors::connector::Connector;
use windlass_connectors::yaml::{self, YamlError};
use windlass_core::limits;
use windlass_core::source::SourceDefinition;

pub(crate) use self::sinks::SinkConfig;
use crate::exit_code::UsageError;
use crate::state::StateAddress;
use crate::target::hint;

/// A configuration that has passed every check.
#[derive(Debug)]
pub(crate) struct Config {
    /// Where windlass remembers.
    pub(crate) state: StateAddress,
    /// Sinks by name.
    pub(crate) sinks: BTreeMap<String, SinkConfig>,
    /// Sources by name.
    pub(crate) sources: BTreeMap<String, Source>,
    /// The file's name and text, to place later errors.
    file: (String, String),
}

/// A source as configured.
#[derive(Debug)]
pub(crate) struct Source {
    /// What is stored of it.
    pub(crate) definition: SourceDefinition,
    /// Its compiled manifest.
    pub(crate) connector: Connector,
}

impl Config {
    /// Reads and checks the file at `path`, for the state at `state` if the file's own is not meant.
    /// Relative paths inside are relative to its folder.
    pub(crate) fn load(path: &Path, state: Option<&StateAddress>) -> anyhow::Result<Self> {
        let text = read_text(path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        Ok(Self::read(path.display().to_string(), text, base, state)?)
    }

    /// Checks `text`, the content of the file called `name` in the folder `base`.
    fn read(
        name: String,
        text: String,
        base: &Path,
        state: Option<&StateAddress>,
    ) -> Result<Self, YamlError> {
        let raw: raw::Config = yaml::load(&name, &text)?;
        let place = resolve::File {
            name: &name,
            text: &text,
            base,
        };
        let (sinks, sources, state) = resolve::resolve(&place, raw, state)?;
        Ok(Self {
            state,
            sinks,
            sources,
            file: (name, text),
        })
    }

    /// Whether the records of some source go to standard output.
    pub(crate) fn writes_to_stdout(&self) -> bool {
        self.sources
            .values()
            .any(|source| self.sinks.get(&source.definition.sink) == Some(&SinkConfig::Stdout))
    }

    /// An error about `field`, placed where the file says it.
    pub(crate) fn invalid(&self, field: &str, problem: impl std::fmt::Display) -> YamlError {
        yaml::invalid(&self.file.0, &self.file.1, field, problem, None)
    }

    /// The source called `name`, or an error that lists those there are.
    pub(crate) fn source(&self, name: &str) -> anyhow::Result<&Source> {
        self.sources.get(name).ok_or_else(|| {
            let known = self.sources.keys().map(String::as_str).collect();
            let hint = hint(name, &known);
            UsageError(format!(
                "there is no source `{name}` in the configuration; {hint}"
            ))
            .into()
        })
    }
}

/// The definitions of the sources in `text`, the content of a configuration called `name` in the
/// folder `base`. The error says where in the text it is and what to write instead.
pub fn definitions(
    name: &str,
    text: &str,
    base: &Path,
) -> Result<Vec<SourceDefinition>, YamlError> {
    let config = Config::read(name.to_owned(), text.to_owned(), base, None)?;
    let sources = config.sources.into_values();
    Ok(sources.map(|source| source.definition).collect())
}

/// The content of a configuration or manifest file, bounded.
pub(crate) fn read_text(path: &Path) -> anyhow::Result<String> {
    let usage = |problem: String| UsageError(format!("{}: {problem}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| {
        let hint = if error.kind() == std::io::ErrorKind::NotFound {
            "; name another file with --config, or start from examples/nvd.yaml"
        } else {
            ""
        };
        usage(format!("cannot be read: {error}{hint}"))
    })?;
    let mut text = String::new();
    file.take(limits::FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| usage(format!("cannot be read: {error}")))
        .context("the configuration")?;
    if text.len() as u64 > limits::FILE_BYTES_MAX {
        return Err(usage(format!("is larger than {} bytes", limits::FILE_BYTES_MAX)).into());
    }
    Ok(text)
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
