//! From the configuration as written to source definitions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use windlass_connectors::connector::{Connector, Defaults, Settings};
use windlass_connectors::manifest::Manifest;
use windlass_connectors::manifest::text::Millis;
use windlass_connectors::registry::{self, RegistryError};
use windlass_connectors::secret::SecretRef;
use windlass_connectors::yaml::{YamlError, invalid};
use windlass_core::ids::{Generation, SourceName};
use windlass_core::limits;
use windlass_core::source::{Policy, SourceDefinition};
use windlass_core::time::{HOUR_MS, MINUTE_MS};

use super::{SinkConfig, Source, on_lambda, partitions, raw};
use crate::manifests;
use crate::state::{InvalidAddress, StateAddress};

/// Widest window unless configured.
const MAX_WIDTH_MS: i64 = 6 * HOUR_MS;
/// Narrowest window unless configured.
const MIN_WIDTH_MS: i64 = MINUTE_MS;
/// Workers of one source unless configured.
const IN_FLIGHT: u32 = 4;

/// The file that is read.
pub(super) struct File<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    pub(super) base: &'a Path,
}

impl File<'_> {
    pub(super) fn invalid(&self, field: &str, problem: impl std::fmt::Display) -> YamlError {
        invalid(self.name, self.text, field, problem, None)
    }

    pub(super) fn path(&self, text: impl AsRef<Path>) -> PathBuf {
        // By components, which leaves the `.` of `./out` out.
        self.base.join(text).components().collect()
    }
}

/// Sinks and sources by name, and the state.
type Resolved = (
    BTreeMap<String, SinkConfig>,
    BTreeMap<String, Source>,
    StateAddress,
);

/// Everything in `raw`, for the state at `state` if the file's own is not meant.
pub(super) fn resolve(
    file: &File<'_>,
    raw: raw::Config,
    state: Option<&StateAddress>,
) -> Result<Resolved, YamlError> {
    let state = match state {
        Some(state) => state.clone(),
        None => state_of(file, raw.state)?,
    };
    let partitioned = partitions::of(&raw.sinks);
    let mut sinks = BTreeMap::new();
    for (name, sink) in raw.sinks {
        let sink = SinkConfig::resolve(file, &name, sink)?;
        sinks.insert(name, sink);
    }
    if sinks.is_empty() {
        return Err(file.invalid("sinks", "at least one sink is needed"));
    }
    if raw.sources.is_empty() {
        return Err(file.invalid("sources", "at least one source is needed"));
    }
    let mut sources = BTreeMap::new();
    for (name, source) in raw.sources {
        let resolver = Resolver {
            file,
            field: format!("sources.{name}"),
            sinks: &sinks,
            on_lambda: matches!(state, StateAddress::DynamoDb(_)),
        };
        let resolved = resolver.source(&name, source)?;
        sources.insert(name, resolved);
    }
    partitions::check(file, &partitioned, &sources)?;
    Ok((sinks, sources, state))
}

fn state_of(file: &File<'_>, raw: Option<raw::State>) -> Result<StateAddress, YamlError> {
    match raw {
        Some(raw::State::Sqlite(path)) => Ok(StateAddress::Sqlite(file.path(path))),
        Some(raw::State::Dynamodb(raw::DynamoDb { table })) => table
            .parse()
            .map(StateAddress::DynamoDb)
            .map_err(|error: InvalidAddress| file.invalid("state.dynamodb.table", error)),
        None => Err(file.invalid(
            "state",
            "is missing; write `state: { sqlite: ./windlass.db }` or `state: { dynamodb: { table: \
             windlass } }`, or name one with --state",
        )),
    }
}

struct Resolver<'a> {
    file: &'a File<'a>,
    field: String,
    sinks: &'a BTreeMap<String, SinkConfig>,
    /// Whether the workers are on Lambda, which has nothing of this machine.
    on_lambda: bool,
}

impl Resolver<'_> {
    fn invalid(&self, field: &str, problem: impl std::fmt::Display) -> YamlError {
        self.file
            .invalid(&format!("{}.{field}", self.field), problem)
    }

    fn source(&self, name: &str, raw: raw::Source) -> Result<Source, YamlError> {
        let name: SourceName = name
            .parse()
            .map_err(|error| self.file.invalid(&self.field, error))?;
        let manifest = self.manifest(&raw.connector)?;
        let settings = Settings {
            params: raw.params.clone(),
            base_url: raw.base_url.clone(),
            token_url: raw.token_url.clone(),
        };
        let connector = Connector::compile(&manifest, &settings)
            .map_err(|error| self.invalid(&error.field, &error.problem))?;
        if let Some(end) = raw.end.filter(|end| *end <= raw.start) {
            return Err(self.invalid("end", format!("{end} is not after start, {}", raw.start)));
        }
        let secret = raw
            .secret
            .as_deref()
            .map(|text| self.secret(text))
            .transpose()?;
        let sink = self.sink(raw.sink.as_deref())?;
        let destination = self.sinks[&sink].to_map();
        let stored_connector = if self.on_lambda {
            on_lambda::check(secret.as_deref(), &sink, &self.sinks[&sink])
                .map_err(|wrong| self.invalid(wrong.field, wrong.problem))?;
            on_lambda::connector(&raw.connector)
                .map_err(|wrong| self.invalid(wrong.field, wrong.problem))?
        } else {
            raw.connector.clone()
        };
        let policy = self.policy(&raw, connector.defaults())?;
        let origin = connector.origin().to_string();
        let definition = SourceDefinition {
            name,
            connector: stored_connector,
            params: raw.params,
            generation: Generation::of(connector.name(), connector.params(), &origin),
            secret,
            base_url: raw.base_url,
            token_url: raw.token_url,
            start: raw.start,
            end: raw.end,
            sink,
            destination,
            metadata: raw.metadata.unwrap_or(true),
            paused: raw.paused,
            policy,
        };
        Ok(Source {
            definition,
            connector,
        })
    }

    /// The reference, with a relative path made relative to the configuration's folder.
    fn secret(&self, text: &str) -> Result<String, YamlError> {
        let reference = text
            .parse()
            .map_err(|error| self.invalid("secret", error))?;
        Ok(match reference {
            SecretRef::File(path) => SecretRef::File(self.file.path(path)).to_string(),
            other => other.to_string(),
        })
    }

    fn manifest(&self, connector: &str) -> Result<Manifest, YamlError> {
        let named = if registry::is_file(connector) {
            self.file.path(connector).display().to_string()
        } else {
            connector.to_owned()
        };
        manifests::find(&named).map_err(|error| match error {
            RegistryError::Invalid(error) => error,
            other => self.invalid("connector", other),
        })
    }

    fn sink(&self, named: Option<&str>) -> Result<String, YamlError> {
        let names = || {
            self.sinks
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        match named {
            Some(name) if self.sinks.contains_key(name) => Ok(name.to_owned()),
            Some(name) => Err(self.invalid(
                "sink",
                format!("there is no sink `{name}`; there are: {}", names()),
            )),
            None => match self.sinks.keys().collect::<Vec<_>>().as_slice() {
                [only] => Ok((*only).clone()),
                _ => Err(self.invalid("sink", format!("choose one of: {}", names()))),
            },
        }
    }

    /// When settled time is read again: as set, or as the connector suggests where that fits.
    fn sweeps(
        &self,
        raw: &raw::Source,
        defaults: &Defaults,
        settle_ms: i64,
        history_ms: i64,
    ) -> Result<Vec<i64>, YamlError> {
        let Some(set) = &raw.sweeps else {
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
            let problem = "this connector's records have no ids of the vendor's own, or its requests \
                           filter on when records arrived, so that nothing comes late; write \
                           `sweeps: []`";
            return Err(self.invalid("sweeps", problem));
        }
        Ok(set.iter().map(|Millis(ms)| *ms).collect())
    }

    fn policy(&self, raw: &raw::Source, defaults: &Defaults) -> Result<Policy, YamlError> {
        let unit_ms = defaults.unit_ms;
        let ms = |value: Option<Millis>| value.map(|Millis(ms)| ms);
        let settle_ms = ms(raw.settle).unwrap_or(defaults.settle_ms);
        if settle_ms < defaults.settle_ms {
            let problem = format!(
                "{} is less than the vendor needs to publish, {}",
                written(settle_ms),
                written(defaults.settle_ms)
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
                let (widest, span) = (written(widest), written(span));
                let problem = format!("{widest} is wider than the vendor answers, {span}");
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
        // What an operator sets wins: a vendor may have granted this account more.
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
            sweeps_ms: self.sweeps(raw, defaults, settle_ms, history_ms)?,
        };
        policy
            .check()
            .map_err(|error| self.invalid(error.field, &error.problem))?;
        Ok(policy)
    }
}

/// A duration as it is written in the configuration: `15m`.
fn written(ms: i64) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_millis(ms.unsigned_abs()))
}
