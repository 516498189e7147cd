//! What is asked, with which parameters, and how a window is put into the question.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::text::{Millis, OneOrMany, Template};

/// A parameter that a source sets.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// What it is for, for people.
    #[serde(default)]
    pub about: String,
    /// Its value when the source does not set it; without one it must be set.
    pub default: Option<String>,
    /// The only values it may have; any when empty.
    #[serde(default)]
    pub values: Vec<String>,
}

/// The `request` section: the first page's request. Placeholders are the parameters and, in the
/// query, `{from}` and `{to}`, the window's bounds in `window.format`, and `{page_size}`, which is
/// `page.size`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// How; `GET` unless said.
    #[serde(default)]
    pub method: MethodWord,
    /// The path after `base_url`. A placeholder stays inside its segment, whatever its value.
    pub path: Template,
    /// Query parameters; a list repeats the key.
    #[serde(default)]
    pub query: BTreeMap<String, OneOrMany<Template>>,
    /// Headers that hold no secret.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
}

/// Methods this build can send from a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum MethodWord {
    /// `GET`.
    #[default]
    #[serde(rename = "GET")]
    Get,
}

/// The `window` section: how the vendor understands time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// How time is covered.
    pub mode: Mode,
    /// Which time of a record the vendor filters on.
    pub clock: FilterClock,
    /// How a bound is written.
    pub format: BoundFormat,
    /// The vendor's resolution: every bound is a multiple of it.
    pub unit: Millis,
    /// Whether a record at exactly `{from}` is returned, if the vendor documents it.
    pub start_bound: Bound,
    /// Whether a record at exactly `{to}` is returned, if the vendor documents it.
    pub end_bound: Bound,
    /// Width of a source's first window.
    pub initial: Millis,
    /// How far a window's end must trail now, because the vendor publishes late.
    pub settle: Millis,
    /// The longest span the vendor answers.
    pub max_span: Option<Millis>,
    /// How long the vendor keeps records.
    pub max_lookback: Option<Millis>,
    /// How old settled time is when it is read again for late events, once for each, ascending. For
    /// vendors that publish some events later than `settle`.
    #[serde(default)]
    pub sweeps: Vec<Millis>,
    /// Other values for sources with certain parameters; the last that applies wins.
    #[serde(default)]
    pub overrides: Vec<Override>,
}

/// Other window values for some values of a parameter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// The parameter.
    pub param: String,
    /// The values it is for.
    #[serde(rename = "in")]
    pub values: Vec<String>,
    /// Replaces `window.initial`.
    pub initial: Option<Millis>,
    /// Replaces `window.settle`.
    pub settle: Option<Millis>,
    /// Replaces `window.max_span`.
    pub max_span: Option<Millis>,
    /// Replaces `window.max_lookback`.
    pub max_lookback: Option<Millis>,
}

/// How time is covered. `tail` (the token is the state, no windows) has its place here and is not
/// in this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By windows with two bounds.
    Window,
    /// By following one token for ever.
    Tail,
}

/// Which time of a record the vendor's bounds filter on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterClock {
    /// The one at `records.time`.
    Event,
    /// When the vendor received or published it; `records.time` may lie far outside the window.
    Arrival,
}

/// What the vendor documents about a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The instant itself is returned.
    Inclusive,
    /// The instant itself is not returned.
    Exclusive,
    /// Not documented.
    Unknown,
}

/// How a bound is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundFormat {
    /// `2026-01-01T00:00:00Z`.
    #[serde(rename = "rfc3339")]
    Rfc3339,
    /// `2026-01-01T00:00:00.000Z`.
    #[serde(rename = "rfc3339_ms")]
    Rfc3339Ms,
    /// `2026-01-01T00:00:00`, in UTC.
    Zoneless,
    /// `2026-01-01T00:00:00.000`, in UTC.
    ZonelessMs,
    /// `2026-01-01`, in UTC.
    Date,
    /// Seconds since the Unix epoch.
    EpochS,
    /// Milliseconds since the Unix epoch.
    EpochMs,
}
