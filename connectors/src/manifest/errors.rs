//! The vendor's signals: budgets, and what its errors mean.

use serde::Deserialize;
use windlass_core::retry::FailureClass;

use super::text::{JsonPath, OneOrMany, Template};
use crate::wait::ResetFormat;

/// The `rate` section: what shares a budget, and the signals about it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// What shares the budget; `<connector>:<host>` when left out.
    pub group: Option<Template>,
    /// Workers of the group at once; 4 when left out.
    pub max_in_flight: Option<u32>,
    /// Requests a minute the group may send.
    pub requests_per_minute: Option<u32>,
    /// The header that says how many requests are left.
    pub remaining: Option<String>,
    /// The header that says when there are more.
    pub reset: Option<Reset>,
}

/// A header that says when the budget is full again.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// Its name.
    pub header: String,
    /// How the time is written.
    pub format: ResetFormat,
}

/// One of the `errors`: which replies it is about, and what to do about them. The first that
/// matches wins; a reply none matches is judged by its status alone.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// The statuses it is about; a 2xx only when it is named here.
    pub status: OneOrMany<u16>,
    /// A value in the body that must be one of `in`.
    pub path: Option<JsonPath>,
    /// A response header whose value must be one of `in`.
    pub header: Option<String>,
    /// The values for `path` or `header`.
    #[serde(rename = "in", default)]
    pub values: Vec<String>,
    /// Text that must occur in the body, in any case.
    pub text: Option<String>,
    /// What to do about it.
    pub class: ErrorClass,
    /// What a person should do, for the message.
    pub advice: Option<String>,
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The vendor is unwell: ask again.
    Outage,
    /// Slow down.
    Rate,
    /// The page cannot be used: ask again, a few times.
    Page,
    /// The token is rejected: begin the window again.
    Restart,
    /// Too much at once: split the window.
    Split,
    /// Nothing helps until a person acts.
    Block,
}

/// Where the body of an error says what went wrong, for messages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorBody {
    /// The vendor's code.
    pub code: Option<JsonPath>,
    /// The vendor's words.
    pub message: Option<JsonPath>,
}

impl From<ErrorClass> for FailureClass {
    fn from(class: ErrorClass) -> Self {
        match class {
            ErrorClass::Outage => Self::Outage,
            ErrorClass::Rate => Self::Rate,
            ErrorClass::Page => Self::Page,
            ErrorClass::Restart => Self::Restart,
            ErrorClass::Split => Self::Split,
            ErrorClass::Block => Self::Block,
        }
    }
}
