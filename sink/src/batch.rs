//! What the worker hands to a sink: one page, already as lines.

use bytes::Bytes;
use windlass_core::ids::WindowId;

/// One page of a window, ready to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The window it belongs to.
    pub window: WindowId,
    /// The page's number in the window.
    pub page: u64,
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
