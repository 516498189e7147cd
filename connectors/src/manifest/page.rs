//! How one page leads to the next, and what is in it.

use serde::Deserialize;

use super::text::JsonPath;

/// The `page` section.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Where the next page's token comes from; without it, one page is all there is.
    pub token: Option<TokenSource>,
    /// Where the token goes.
    pub to: Option<TokenTarget>,
    /// What of the first request a continuation repeats beside the token.
    #[serde(default)]
    pub repeat: Repeat,
    /// When there is no next page: any of these. Nothing else ever ends a window.
    pub end: Vec<EndTest>,
    /// Records asked for in one page; what `page_short` compares with.
    pub size: Option<u64>,
    /// Whether a token may be used again, after a crash for example. Allows to fetch one page
    /// ahead.
    #[serde(default)]
    pub replayable: bool,
}

/// Where the token comes from: exactly one of these.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSource {
    /// A string or number in the body.
    pub body: Option<JsonPath>,
    /// The value of a response header.
    pub header: Option<String>,
    /// The URL of a `Link` header with this `rel`.
    pub link: Option<String>,
    /// Counted by us: the offset of the first record of the next page.
    pub offset: Option<Offset>,
}

/// Paging by offset.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// Where the body says how many records there are in all.
    pub total: JsonPath,
}

/// Where the token goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenTarget {
    /// Into this query parameter.
    Query(String),
    /// It is a URL, absolute or relative, and replaces the request's.
    Url,
}

/// What of the first request a continuation repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// Every query parameter.
    #[default]
    All,
    /// None.
    Nothing,
}

/// When there is no next page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndTest {
    /// The token is missing, null or empty.
    TokenAbsent,
    /// The token is the one that was asked with, and the page is empty.
    TokenUnchanged,
    /// The page has no records.
    PageEmpty,
    /// The page has fewer records than `page.size`.
    PageShort,
    /// The offset has reached the total.
    TotalReached,
    /// This flag in the body is false.
    FlagFalse(JsonPath),
}

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
