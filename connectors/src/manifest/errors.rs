//! The vendor's signals: quotas and errors.

use std::str::FromStr;

use serde::Deserialize;
use windlass_core::retry::FailureClass;

use super::text::{JsonPath, OneOrMany, Template};
use crate::wait::ResetFormat;

/// The `rate` section: the rate group and the quota headers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The rate group; `<connector>:<host>` when absent.
    pub group: Option<Template>,
    /// Maximum concurrent workers of the group; 4 when absent.
    pub max_in_flight: Option<u32>,
    /// Request rate of the group.
    pub requests_per_minute: Option<u32>,
    /// The header with the number of remaining requests.
    pub remaining: Option<String>,
    /// The header with the reset time.
    pub reset: Option<Reset>,
}

/// A header with the time at which the quota resets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// The header name.
    pub header: String,
    /// The format of the time.
    pub format: ResetFormat,
}

/// One rule of `errors`: the responses that it matches, and their class. The first matching rule
/// wins; a response without a matching rule is classified by its status alone.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// The matching statuses; a 2xx matches only when it is listed.
    pub status: OneOrMany<Status>,
    /// A value in the body that must equal one of `in`.
    pub path: Option<JsonPath>,
    /// A response header whose value must equal one of `in`.
    pub header: Option<String>,
    /// The values for `path` or `header`.
    #[serde(rename = "in", default)]
    pub values: Vec<String>,
    /// Text that must occur in the body, in any case.
    pub text: Option<String>,
    /// The class of the failure.
    pub class: FailureClass,
    /// The advice in the message, for the operator.
    pub advice: Option<String>,
}

/// An HTTP status from 100 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u16);

impl Status {
    /// Returns whether the response is a page unless a rule tests its content.
    pub(super) fn is_success(self) -> bool {
        (200..300).contains(&self.0)
    }
}

impl FromStr for Status {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let status = text.parse().ok().filter(|it| (100..600).contains(it));
        status.map(Self).ok_or_else(|| {
            format!("`{text}` is not an HTTP status; write it like 404, or a list like [400, 404]")
        })
    }
}

/// The paths of the code and the message in an error body, for messages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorBody {
    /// Path of the vendor's error code.
    pub code: Option<JsonPath>,
    /// Path of the vendor's error message.
    pub message: Option<JsonPath>,
    /// The response header with the vendor's error message; read when the body has none.
    pub header: Option<String>,
}
