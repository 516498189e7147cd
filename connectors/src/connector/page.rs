//! What a reply turned out to hold.

use bytes::Bytes;
use windlass_core::{Span, Timestamp};

use crate::paging::Next;

/// One page of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The records, in the order sent: the first of them when there is a `rest`.
    pub records: Vec<Record>,
    /// The records after the first piece, not yet read; see [`super::Connector::more`].
    pub rest: Option<Rest>,
    /// The next page's token, or the evidence that the window ends here.
    pub next: Next,
    /// The vendor's own clock: `Date` plus `Age`; `None` without a `Date`.
    pub served_at: Option<Timestamp>,
    /// Size of the body as read.
    pub body_bytes: u64,
    /// Number of `records` left out because they belong to the neighbouring window.
    pub trimmed: u64,
    /// Whether `records` kept the order the manifest declares; true when it declares none.
    pub in_order: bool,
    /// What is left of the request budget, if the vendor says.
    pub budget: Option<Budget>,
}

/// The records of a large page that are not read yet. Each is validated JSON already.
#[derive(Clone, PartialEq, Eq)]
pub struct Rest {
    /// The body's text right after the last record that was read.
    pub(super) text: Bytes,
    /// The span that was asked for.
    pub(super) span: Span,
    /// The time of the last record that has one.
    pub(super) last: Option<Timestamp>,
}

/// Some records of a page that follow one another: at most
/// [`windlass_core::limits::RECORDS_AT_ONCE_MAX`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The records, in the order sent.
    pub records: Vec<Record>,
    /// Records left out because they belong to the neighbouring window.
    pub trimmed: u64,
    /// Whether they and the records before them kept the order the manifest declares.
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

/// One record.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The bytes the vendor sent: a slice of the page, not a copy.
    pub raw: Bytes,
    /// The values at the id paths, joined with `|`; `None` when one of them is absent.
    pub id: Option<String>,
    /// When it happened; `None` when absent or not readable.
    pub time: Option<Timestamp>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Records are never printed by accident.
        f.debug_struct("Record")
            .field("bytes", &self.raw.len())
            .field("id", &self.id)
            .field("time", &self.time)
            .finish()
    }
}

/// What is left of a request budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Requests left.
    pub remaining: u64,
    /// Milliseconds from now until there are more, if the vendor says.
    pub reset_ms: Option<i64>,
}
