//! The parts of a page.

use bytes::Bytes;
use windlass_core::{Span, Timestamp};

use crate::paging::Next;

/// One page of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The records in the order received; only the first piece when `rest` is `Some`.
    pub records: Vec<Record>,
    /// The records after the first piece, not yet read; see [`super::Connector::more`].
    pub rest: Option<Rest>,
    /// The token of the next page, or the evidence for the end of the window.
    pub next: Next,
    /// The vendor's own clock: `Date` plus `Age`; `None` without a readable `Date`.
    pub served_at: Option<Timestamp>,
    /// The beginning of a `Date` that is not an HTTP date.
    pub unreadable_date: Option<String>,
    /// Size of the body as read.
    pub body_bytes: u64,
    /// Number of records left out because they belong to a neighboring window.
    pub trimmed: u64,
    /// True if `records` kept the order that the manifest declares, or the manifest declares none.
    pub in_order: bool,
    /// The remaining quota; `None` if the vendor advertises none.
    pub quota: Option<AdvertisedQuota>,
}

/// The unread records of a large page. Each is validated JSON already.
#[derive(Clone, PartialEq, Eq)]
pub struct Rest {
    /// The text of the body directly after the last record read.
    pub(super) text: Bytes,
    /// The requested span.
    pub(super) span: Span,
    /// The time of the last record with a time.
    pub(super) last: Option<Timestamp>,
}

/// A run of consecutive records of a page: at most [`windlass_core::limits::RECORDS_AT_ONCE_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The records in the order received.
    pub records: Vec<Record>,
    /// Number of records left out because they belong to a neighboring window.
    pub trimmed: u64,
    /// True if these records and those before them kept the order that the manifest declares.
    pub in_order: bool,
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rest")
            .field("bytes", &self.text.len())
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

/// One record of a page.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The bytes that the vendor sent: a slice of the page, not a copy.
    pub raw: Bytes,
    /// The values at the id paths, joined with `|`; `None` when one of them is absent.
    pub id: Option<String>,
    /// The time of the event; `None` when absent or unreadable.
    pub time: Option<Timestamp>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Debug output must not print a record.
        f.debug_struct("Record")
            .field("bytes", &self.raw.len())
            .field("id", &self.id)
            .field("time", &self.time)
            .finish()
    }
}

/// The remaining part of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdvertisedQuota {
    /// Requests left.
    pub remaining: u64,
    /// Milliseconds from now until the quota resets; `None` if the vendor sends no reset.
    pub reset_ms: Option<i64>,
}
