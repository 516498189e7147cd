//! What the worker hands to a sink: one page, or a piece of a large one, already as lines.

use bytes::Bytes;
use windlass_core::ids::WindowId;

/// One page of a window, or a piece of one, ready to deliver. Only a page with more records than
/// [`RECORDS_AT_ONCE_MAX`](windlass_core::limits::RECORDS_AT_ONCE_MAX) or more bytes than
/// [`RECORD_BYTES_AT_ONCE_MAX`](windlass_core::limits::RECORD_BYTES_AT_ONCE_MAX) has several pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The window it belongs to.
    pub window: WindowId,
    /// The page's number in the window.
    pub page: u64,
    /// The place in the page of this piece's first record, from 0. A page that is delivered again has
    /// the same pieces.
    pub first: usize,
    /// The lines one after the other, each ended by `\n` and without line breaks inside.
    pub lines: Bytes,
    /// Where each line ends in `lines`, its `\n` included; ascending, one entry a line.
    pub ends: Vec<usize>,
    /// Records that cannot be delivered as lines.
    pub rejects: Vec<Reject>,
}

/// A record that cannot be forwarded, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Its place in the page, from 0.
    pub index: usize,
    /// Why, for people.
    pub reason: String,
    /// The record as the vendor sent it.
    pub raw: Bytes,
}
