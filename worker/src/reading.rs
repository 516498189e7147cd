//! The reading of the pages of a window.

use windlass_core::seen::Known;
use windlass_core::trust::Trusted;

/// The reading of a page from the vendor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fetched<'a> {
    /// The hash of the request, which the next token will belong to.
    pub(crate) request: &'a str,
    /// The time that it took, in milliseconds.
    pub(crate) took_ms: i64,
    /// The instant at which the page counts as read.
    pub(crate) at: Trusted,
}

/// What the pages of a window hand on to each other.
pub(crate) struct Reading<'r> {
    /// In a sweep or an adopted window, the records that are delivered already.
    pub(crate) known: Option<&'r mut Known>,
    /// The memory of the lines of the last page, for the next one.
    pub(crate) buffer: Vec<u8>,
}
