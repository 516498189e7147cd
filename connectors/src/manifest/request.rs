//! The `request` and `window` sections of a manifest.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::text::{Millis, OneOrMany, Template};

/// A parameter that a source sets.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// Description of the parameter, for people.
    #[serde(default)]
    pub about: String,
    /// The default value; a parameter without one must be set.
    pub default: Option<String>,
    /// The allowed values; any value when empty.
    #[serde(default)]
    pub values: Vec<String>,
}

/// The `request` section: the request for the first page. Placeholders are the parameters and, in
/// the query, `{from}` and `{to}`, the bounds of the window in `window.format`, and `{page_size}`,
/// which is `page.size`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// HTTP method; `GET` by default.
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

/// HTTP methods that a manifest can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum MethodWord {
    /// `GET`.
    #[default]
    #[serde(rename = "GET")]
    Get,
}

/// The `window` section: the vendor's handling of time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The way to cover time.
    pub mode: Mode,
    /// The time of a record that the vendor filters on.
    pub clock: FilterClock,
    /// Format of the bounds.
    pub format: BoundFormat,
    /// Resolution of the vendor's time bounds: every bound is a multiple of it.
    pub unit: Millis,
    /// The vendor's documented rule for a record at exactly `{from}`.
    pub start_bound: Bound,
    /// The vendor's documented rule for a record at exactly `{to}`.
    pub end_bound: Bound,
    /// Width of a source's first window.
    pub initial: Millis,
    /// Minimum distance of a window's end from now, because the vendor publishes late.
    pub settle: Millis,
    /// The longest span that the vendor accepts.
    pub max_span: Option<Millis>,
    /// Retention of the vendor's records.
    pub max_lookback: Option<Millis>,
    /// The ages at which settled time is read again for late-arriving records, ascending, one read
    /// per age. For vendors that publish some records later than `settle`.
    #[serde(default)]
    pub sweeps: Vec<Millis>,
    /// Other values for sources with certain parameters; the last match wins.
    #[serde(default)]
    pub overrides: Vec<Override>,
}

impl Window {
    /// The value `of` the last override that matches the parameters `param`; `None` without any.
    pub(crate) fn overridden<'p>(
        &self,
        param: impl Fn(&str) -> Option<&'p str>,
        of: fn(&Override) -> Option<Millis>,
    ) -> Option<Millis> {
        let applies = |it: &&Override| {
            let value = param(&it.param);
            value.is_some_and(|value| it.values.iter().any(|one| one == value))
        };
        self.overrides.iter().filter(applies).filter_map(of).last()
    }
}

/// Other window values for certain values of a parameter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Name of the parameter.
    pub param: String,
    /// The parameter values that the override applies to.
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

/// The way to cover time. `tail` (the token is the state, without windows) is reserved and not
/// supported in this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By windows with two bounds.
    Window,
    /// By following one token forever.
    Tail,
}

/// The time of a record that the vendor's bounds filter on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterClock {
    /// The time at `records.time`.
    Event,
    /// The time at which the vendor received or published it; `records.time` may lie far outside
    /// the window.
    Arrival,
}

/// The documented behavior of a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The vendor returns a record at the instant itself.
    Inclusive,
    /// The vendor does not return a record at the instant itself.
    Exclusive,
    /// The vendor documents neither.
    Unknown,
}

/// Format of a bound.
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
