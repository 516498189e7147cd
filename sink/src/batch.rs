//! The input of a sink: one page, or a piece of a large one, as lines.

use bytes::Bytes;
use windlass_core::ids::WindowId;

/// One page of a window, or a piece of one, ready to deliver. Only a page with more records than
/// [`RECORDS_AT_ONCE_MAX`](windlass_core::limits::RECORDS_AT_ONCE_MAX) or more bytes than
/// [`RECORD_BYTES_AT_ONCE_MAX`](windlass_core::limits::RECORD_BYTES_AT_ONCE_MAX) has several pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The window that the page belongs to.
    pub window: WindowId,
    /// The number of the page in its window.
    pub page: u64,
    /// The index in the page of this piece's first record, from 0. A page that is delivered again
    /// has the same pieces.
    pub first: usize,
    /// The lines one after another, each terminated by `\n` and without inner line breaks.
    pub lines: Bytes,
    /// The end of each line in `lines`, `\n` included; ascending, one entry per line.
    pub ends: Vec<usize>,
    /// Records that cannot be delivered as lines.
    pub rejects: Vec<Reject>,
}

/// A record that cannot be forwarded, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Its index in the page, from 0.
    pub index: usize,
    /// The reason, for people.
    pub reason: String,
    /// The record as the vendor sent it.
    pub raw: Bytes,
}
