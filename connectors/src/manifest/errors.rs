//! The vendor's signals: quotas and errors.

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
    pub status: OneOrMany<u16>,
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

/// The paths of the code and the message in an error body, for messages.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorBody {
    /// Path of the vendor's error code.
    pub code: Option<JsonPath>,
    /// Path of the vendor's error message.
    pub message: Option<JsonPath>,
}
