//! The configuration as written, before it is checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use windlass_connectors::manifest::text::Millis;
use windlass_core::Timestamp;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Where windlass remembers.
    pub(super) state: State,
    /// Named destinations.
    pub(super) sinks: BTreeMap<String, Sink>,
    /// Named feeds.
    pub(super) sources: BTreeMap<String, Source>,
}

/// Where windlass remembers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    /// A SQLite file.
    pub(super) sqlite: String,
}

/// A destination.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Sink {
    /// Files, one a window.
    Ndjson(Ndjson),
    /// Standard output.
    Stdout(Stdout),
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

/// One feed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    /// A built-in connector's name, or the path of a manifest.
    pub(super) connector: String,
    /// The connector's parameters.
    #[serde(default)]
    pub(super) params: BTreeMap<String, String>,
    /// `env:NAME` or `file:PATH`.
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
