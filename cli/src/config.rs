//! The configuration: its files parsed, checked against manifests and limits, and resolved into
//! source definitions. Every error names the file, the line, the field and the expected form.

mod expand;
mod files;
mod on_lambda;
mod partitions;
mod place;
mod raw;
mod resolve;
mod resolved;
mod sinks;
mod state;

use std::collections::BTreeMap;
use std::path::Path;

use windlass_connectors::yaml::YamlError;
use windlass_core::source::{SourceDefinition, SourceRecord};
use windlass_core::time::Timestamp;
use windlass_sink::SinkConfig;

pub(crate) use self::files::Scope;
use self::files::{ConfigFile, Files, SourceText};
pub(crate) use self::resolved::Source;
use crate::exit_code::UsageError;
use crate::hint::hint;
use crate::state::StateAddress;

/// A configuration that has passed every check.
#[derive(Debug)]
pub(crate) struct Config {
    /// The address of the state.
    pub(crate) state: StateAddress,
    /// Sinks by name.
    pub(crate) sinks: BTreeMap<String, SinkConfig>,
    /// Sources by name.
    pub(crate) sources: BTreeMap<String, Source>,
    /// The scope of the configuration's files.
    pub(crate) scope: Scope,
    /// The texts of the files, to locate later errors.
    texts: Vec<SourceText>,
    /// The index of the file of each sink.
    sink_files: BTreeMap<String, usize>,
}

impl Config {
    /// Start of the pause of the stored source `record`, if it is paused because no file names it.
    pub(crate) fn unnamed_since(&self, record: &SourceRecord) -> Option<Timestamp> {
        let is_named = self.sources.contains_key(record.definition.name.as_str());
        (record.definition.paused && !is_named).then_some(record.applied_at)
    }

    /// Loads and checks the file at `path` and those it includes. `state` replaces the state that
    /// the files name. Relative paths inside are relative to the folder of their file.
    pub(crate) fn load(path: &Path, state: Option<&StateAddress>) -> anyhow::Result<Self> {
        let Files { files, scope } = Files::load(path)?;
        Ok(Self::of(files, scope, state)?)
    }

    fn of(
        files: Vec<ConfigFile>,
        scope: Scope,
        state: Option<&StateAddress>,
    ) -> Result<Self, YamlError> {
        let resolved = resolve::resolve(&files, state)?;
        Ok(Self {
            state: resolved.state,
            sinks: resolved.sinks,
            sources: resolved.sources,
            scope,
            texts: files.into_iter().map(|file| file.text).collect(),
            sink_files: resolved.sink_files,
        })
    }

    /// Returns true if a source delivers to standard output.
    pub(crate) fn writes_to_stdout(&self) -> bool {
        self.sources.values().any(|source| {
            let sink = self.sinks.get(&source.definition.sink);
            matches!(sink, Some(SinkConfig::Stdout(_)))
        })
    }

    /// An error about `field`, such as `sources.okta.secret` or `sinks.lake`, located at its place
    /// in a file.
    pub(crate) fn invalid(&self, field: &str, problem: impl std::fmt::Display) -> YamlError {
        let mut parts = field.splitn(3, '.');
        let (kind, name, rest) = (parts.next(), parts.next(), parts.next());
        let source = name.and_then(|name| self.sources.get(name));
        if let (Some("sources"), Some(source)) = (kind, source) {
            let text = &self.texts[source.place.file];
            return source.place.invalid(text, rest.unwrap_or(""), problem);
        }
        let file = name.and_then(|name| self.sink_files.get(name));
        self.texts[file.copied().unwrap_or(0)].invalid(field, problem)
    }

    /// The source `name`, or an error with the known names.
    pub(crate) fn source(&self, name: &str) -> anyhow::Result<&Source> {
        self.sources.get(name).ok_or_else(|| {
            let known = self.sources.keys().map(String::as_str).collect();
            let hint = hint(name, &known);
            UsageError(format!(
                "unknown source `{name}` in the configuration; {hint}"
            ))
            .into()
        })
    }
}

/// The definitions of the sources in `text`, the content of a configuration `name` in the folder
/// `base`. An error has its place in the text and the correct form.
pub fn definitions(
    name: &str,
    text: &str,
    base: &Path,
) -> Result<Vec<SourceDefinition>, YamlError> {
    let Files { files, scope } = Files::read(name.to_owned(), text.to_owned(), base)?;
    let config = Config::of(files, scope, None)?;
    let sources = config.sources.into_values();
    Ok(sources.map(|source| source.definition).collect())
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
