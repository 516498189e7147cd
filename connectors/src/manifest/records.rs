//! What is in a page.

use serde::Deserialize;

use super::text::JsonPath;

/// The `records` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// The array of records.
    pub path: JsonPath,
    /// The vendor leaves the array out, or null, when there is nothing. Without this such a page is
    /// an error, because a page of another shape looks the same.
    #[serde(default)]
    pub optional: bool,
    /// What identifies a record, joined; equal on every re-read. Without it ids are positional.
    #[serde(default)]
    pub id: Vec<JsonPath>,
    /// When it happened.
    pub time: Option<RecordTime>,
    /// The order of records within a window.
    pub order: Order,
    /// The vendor documents that order across the pages of a request with both bounds, by the time
    /// the request filters on: a window that cannot finish may then be split where it has got to.
    #[serde(default)]
    pub strict: bool,
}

/// Where a record says when it happened, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordTime {
    /// Where.
    pub path: JsonPath,
    /// How.
    pub format: TimeFormat,
}

/// How a record's time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// RFC 3339 with any fraction and any offset.
    #[serde(rename = "rfc3339")]
    Rfc3339,
    /// The same without a zone, meant as UTC; one with a zone is read too.
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
    /// Nothing is known.
    Unknown,
}
