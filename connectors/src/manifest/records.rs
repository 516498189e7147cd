//! The `records` section of a manifest.

use serde::Deserialize;
use windlass_core::source as core;

use super::text::JsonPath;

/// The `records` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// Path of the array of records.
    pub path: JsonPath,
    /// True if the vendor omits the array, or sends null, on an empty page. Otherwise such a page
    /// is an error, because a page of another shape looks the same.
    #[serde(default)]
    pub optional: bool,
    /// The joined paths that identify a record; equal on every read. Without them, ids are
    /// positional.
    #[serde(default)]
    pub id: Vec<JsonPath>,
    /// The time of the event; `None` if records have none.
    pub time: Option<RecordTime>,
    /// The order of records within a window.
    pub order: Order,
    /// True if the vendor documents that order across the pages of a request with both bounds, by
    /// the time that the request filters on. A window that cannot finish can then be split at its
    /// frontier.
    #[serde(default)]
    pub strict: bool,
}

impl Records {
    /// The order of records across the pages of a window; `None` if the vendor documents none.
    pub(crate) fn strict_order(&self) -> Option<core::Order> {
        match self.order {
            Order::NewestFirst if self.strict => Some(core::Order::NewestFirst),
            Order::OldestFirst if self.strict => Some(core::Order::OldestFirst),
            Order::NewestFirst | Order::OldestFirst | Order::Unknown => None,
        }
    }
}

/// The place and the format of a record's time.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordTime {
    /// Path of the time in a record.
    pub path: JsonPath,
    /// Format of the time.
    pub format: TimeFormat,
}

/// The format of a record's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// RFC 3339 with any fraction and any offset.
    #[serde(rename = "rfc3339")]
    Rfc3339,
    /// The same without a zone, meant as UTC; a time with a zone is also accepted.
    Zoneless,
    /// Seconds since the Unix epoch, with or without a fraction.
    EpochS,
    /// Milliseconds since the Unix epoch.
    EpochMs,
}

/// The order of records within a window, across its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Times never rise.
    NewestFirst,
    /// Times never fall.
    OldestFirst,
    /// The vendor documents no order.
    Unknown,
}
