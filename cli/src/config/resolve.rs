//! Resolution of the parsed configuration into source definitions.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_connectors::connector::{Connector, Defaults, Settings};
use windlass_connectors::manifest::Manifest;
use windlass_connectors::manifest::text::Millis;
use windlass_connectors::registry::{self, RegistryError};
use windlass_connectors::yaml::YamlError;
use windlass_core::duration::Exact;
use windlass_core::ids::{Generation, SourceName};
use windlass_core::limits;
use windlass_core::source::{Policy, SourceDefinition};
use windlass_core::time::{HOUR_MS, MINUTE_MS};
use windlass_sink::SinkConfig;

use super::expand::expand;
use super::files::{ConfigFile, SourceText};
use super::place::Place;
use super::resolved::{Resolved, Source};
use super::sinks::sinks_of;
use super::state::state_of;
use super::{on_lambda, partitions, raw};
use crate::manifests;
use crate::state::StateAddress;

/// Default maximum width of a window.
const MAX_WIDTH_MS: i64 = 6 * HOUR_MS;
/// Default minimum width of a window.
const MIN_WIDTH_MS: i64 = MINUTE_MS;
/// Default number of workers of one source.
const IN_FLIGHT: u32 = 4;

/// Resolves `files`. `state` replaces the state that the files name.
pub(super) fn resolve(
    files: &[ConfigFile],
    state: Option<&StateAddress>,
) -> Result<Resolved, YamlError> {
    let Some(first) = files.first() else {
        let nothing = SourceText::default();
        return Err(nothing.invalid("sources", "at least one source is needed"));
    };
    let state = match state {
        Some(state) => state.clone(),
        None => state_of(files)?,
    };
    let (sinks, sink_files) = sinks_of(files)?;
    if sinks.is_empty() {
        return Err(first.invalid("sinks", "at least one sink is needed"));
    }
    let mut resolver = Resolver {
        sinks: &sinks,
        on_lambda: matches!(state, StateAddress::DynamoDb(_)),
        manifests: BTreeMap::new(),
    };
    let mut sources = BTreeMap::new();
    for number in 0..files.len() {
        resolver.add_sources(files, number, &mut sources)?;
    }
    if sources.is_empty() {
        return Err(first.invalid("sources", "at least one source is needed"));
    }
    let resolved = Resolved {
        state,
        sinks,
        sink_files,
        sources,
    };
    partitions::check(files, &resolved)?;
    Ok(resolved)
}

/// Resolves sources one after another.
struct Resolver<'a> {
    sinks: &'a BTreeMap<String, SinkConfig>,
    /// True if the workers run on Lambda, without access to this machine.
    on_lambda: bool,
    /// The manifests read so far, by name or path.
    manifests: BTreeMap<String, Manifest>,
}

impl Resolver<'_> {
    /// Adds the sources of the file at index `number` to `sources`.
    fn add_sources(
        &mut self,
        files: &[ConfigFile],
        number: usize,
        sources: &mut BTreeMap<String, Source>,
    ) -> Result<(), YamlError> {
        let file = &files[number];
        for (key, own) in &file.raw.sources {
            let raw = own.clone().or(&file.raw.defaults);
            let entry = Place {
                file: number,
                entry: key.clone(),
                chosen: BTreeMap::new(),
            };
            let invalid = |problem| entry.invalid(&file.text, "", problem);
            let left = limits::SOURCES_MAX - sources.len();
            if left == 0 {
                return Err(invalid(format!(
                    "the configuration has more than {} sources; divide it among several states",
                    limits::SOURCES_MAX
                )));
            }
            let expanded = expand(key, &raw, left)
                .map_err(|wrong| entry.invalid(&file.text, &wrong.field, wrong.problem))?;
            for it in expanded {
                if let Some(first) = sources.get(&it.name) {
                    let first = first.place.shown(&files[first.place.file].text);
                    return Err(invalid(format!(
                        "duplicate source `{}`; the first is at {first}",
                        it.name
                    )));
                }
                let chosen = it.chosen;
                let place = Place {
                    chosen,
                    ..entry.clone()
                };
                let at = At {
                    file,
                    place: &place,
                    raw: &raw,
                };
                let source = self.source(&at, &it.name, it.params)?;
                sources.insert(it.name, source);
            }
        }
        Ok(())
    }

    /// The source `name`, with `params` as its choice from each list.
    fn source(
        &mut self,
        at: &At<'_>,
        name: &str,
        params: BTreeMap<String, String>,
    ) -> Result<Source, YamlError> {
        let At { file, raw, .. } = *at;
        let name: SourceName = name.parse().map_err(|error| at.invalid("", error))?;
        let Some(named) = raw.connector.as_deref() else {
            return Err(at.missing("connector"));
        };
        let Some(start) = raw.start else {
            return Err(at.missing("start"));
        };
        let connector = {
            let settings = Settings {
                params: params.clone(),
                base_url: raw.base_url.clone(),
                token_url: raw.token_url.clone(),
            };
            let manifest = self.manifest(at, named)?;
            Connector::compile(manifest, &settings)
                .map_err(|error| at.invalid(&error.field, &error.problem))?
        };
        if let Some(end) = raw.end.filter(|end| *end <= start) {
            return Err(at.invalid("end", format!("{end} is not after `start`, {start}")));
        }
        let secret = raw.secret.as_deref();
        let secret = secret.map(|text| at.secret(text)).transpose()?;
        let sink = at.sink(self.sinks)?;
        let destination = self.sinks[&sink].to_map();
        let stored_connector = if self.on_lambda {
            let wrong = |wrong: on_lambda::Wrong| at.invalid(wrong.field, wrong.problem);
            on_lambda::check(secret.as_deref(), &sink, &self.sinks[&sink]).map_err(wrong)?;
            let from_root = file.relative_to_root(named);
            on_lambda::connector(named, from_root.as_deref()).map_err(wrong)?
        } else {
            named.to_owned()
        };
        let policy = at.policy(connector.defaults())?;
        let origin = connector.origin().to_string();
        let definition = SourceDefinition {
            name,
            connector: stored_connector,
            params,
            generation: Generation::of(connector.name(), connector.params(), &origin),
            secret,
            base_url: raw.base_url.clone(),
            token_url: raw.token_url.clone(),
            start,
            end: raw.end,
            sink,
            destination,
            metadata: raw.metadata.unwrap_or(true),
            paused: raw.paused.unwrap_or(false),
            file: Some(file.name.clone()),
            manifest_hash: Some(connector.defaults().manifest_hash.clone()),
            policy,
        };
        Ok(Source {
            definition,
            connector: Arc::new(connector),
            place: at.place.clone(),
        })
    }

    fn manifest(&mut self, at: &At<'_>, connector: &str) -> Result<&Manifest, YamlError> {
        let named = if registry::is_file(connector) {
            at.file.path_to(connector).display().to_string()
        } else {
            connector.to_owned()
        };
        if !self.manifests.contains_key(&named) {
            let found = manifests::find(&named).map_err(|error| match error {
                RegistryError::Invalid(error) => error,
                other => at.invalid("connector", other),
            })?;
            self.manifests.insert(named.clone(), found);
        }
        Ok(&self.manifests[&named])
    }
}

/// The source that is being resolved.
struct At<'a> {
    file: &'a ConfigFile,
    place: &'a Place,
    /// Its fields, including the defaults of its file.
    raw: &'a raw::Source,
}

impl At<'_> {
    fn invalid(&self, field: &str, problem: impl std::fmt::Display) -> YamlError {
        self.place.invalid(&self.file.text, field, problem)
    }

    fn missing(&self, field: &str) -> YamlError {
        self.invalid(
            field,
            "is missing; add it here, or to the `defaults` of this file",
        )
    }

    /// The reference, with a relative path resolved against the folder of its file.
    fn secret(&self, text: &str) -> Result<String, YamlError> {
        let reference = self.file.secret(text);
        reference.map_err(|error| self.invalid("secret", error))
    }

    /// The named sink, or the only one of the file or of the configuration.
    fn sink(&self, sinks: &BTreeMap<String, SinkConfig>) -> Result<String, YamlError> {
        let names = || {
            sinks
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        if let Some(name) = self.raw.sink.as_deref() {
            return if sinks.contains_key(name) {
                Ok(name.to_owned())
            } else {
                let problem = format!("unknown sink `{name}`; known sinks: {}", names());
                Err(self.invalid("sink", problem))
            };
        }
        let of_file: Vec<_> = self.file.raw.sinks.keys().collect();
        let of_all: Vec<_> = sinks.keys().collect();
        match (&of_file[..], &of_all[..]) {
            ([only], _) | ([], [only]) => Ok((*only).clone()),
            _ => Err(self.invalid("sink", format!("choose one of: {}", names()))),
        }
    }

    /// The ages of sweeps: as set, or the connector's defaults where they fit.
    fn sweeps(
        &self,
        defaults: &Defaults,
        settle_ms: i64,
        history_ms: i64,
    ) -> Result<Vec<i64>, YamlError> {
        let Some(set) = &self.raw.sweeps else {
            let latest = history_ms / 2;
            let fits = |after_ms: &i64| {
                let kept = defaults
                    .max_lookback_ms
                    .is_none_or(|kept_ms| *after_ms < kept_ms);
                (settle_ms + 1..=latest).contains(after_ms) && kept
            };
            return Ok(defaults.sweeps_ms.iter().copied().filter(fits).collect());
        };
        if !set.is_empty() && !defaults.can_sweep {
            let problem = "the connector cannot be swept: its records have no vendor ids, or its \
                           requests filter by arrival time; write `sweeps: []`";
            return Err(self.invalid("sweeps", problem));
        }
        Ok(set.iter().map(|Millis(ms)| *ms).collect())
    }

    fn policy(&self, defaults: &Defaults) -> Result<Policy, YamlError> {
        let raw = self.raw;
        let unit_ms = defaults.unit_ms;
        let ms = |value: Option<Millis>| value.map(|Millis(ms)| ms);
        let settle_ms = ms(raw.settle).unwrap_or(defaults.settle_ms);
        if settle_ms < defaults.settle_ms {
            let problem = format!(
                "{} is less than {}, the time that the vendor needs to publish",
                Exact(settle_ms),
                Exact(defaults.settle_ms)
            );
            return Err(self.invalid("settle", problem));
        }
        let widest = ms(raw.window.max).unwrap_or_else(|| {
            let wide = MAX_WIDTH_MS.max(defaults.initial_ms);
            wide.max(ms(raw.window.initial).unwrap_or(0))
                .max(ms(raw.window.min).unwrap_or(0))
        });
        let max_ms = match defaults.max_span_ms {
            Some(span) if ms(raw.window.max).is_some_and(|max| max > span) => {
                let (widest, span) = (Exact(widest), Exact(span));
                let problem = format!("{widest} is wider than the vendor's maximum span, {span}");
                return Err(self.invalid("window.max", problem));
            }
            Some(span) => widest.min(span),
            None => widest,
        };
        let min_ms = ms(raw.window.min).unwrap_or(MIN_WIDTH_MS.max(unit_ms).min(max_ms));
        let initial_ms =
            ms(raw.window.initial).unwrap_or(defaults.initial_ms.clamp(min_ms, max_ms.max(min_ms)));
        if raw.requests_per_minute == Some(0) {
            return Err(self.invalid("requests_per_minute", "must be at least 1"));
        }
        let history_ms = ms(raw.history).unwrap_or(limits::HISTORY_MS_DEFAULT);
        // The operator's setting takes precedence: the vendor may have granted this account more.
        let group_in_flight = defaults.group_in_flight.max(raw.max_in_flight.unwrap_or(0));
        let policy = Policy {
            unit_ms,
            initial_ms,
            min_ms,
            max_ms,
            every_ms: ms(raw.every).unwrap_or(limits::EVERY_MS_DEFAULT.max(unit_ms)),
            settle_ms,
            max_lookback_ms: defaults.max_lookback_ms,
            max_in_flight: raw.max_in_flight.unwrap_or(IN_FLIGHT.min(group_in_flight)),
            max_open_windows: raw.max_open_windows.unwrap_or(limits::OPEN_WINDOWS_DEFAULT),
            rate_group: defaults.rate_group.clone(),
            group_in_flight,
            requests_per_minute: raw.requests_per_minute.or(defaults.requests_per_minute),
            history_ms,
            strict_order: defaults.strict_order,
            sweeps_ms: self.sweeps(defaults, settle_ms, history_ms)?,
            clock: raw.clock,
        };
        policy
            .check()
            .map_err(|error| self.invalid(error.field, &error.problem))?;
        Ok(policy)
    }
}
