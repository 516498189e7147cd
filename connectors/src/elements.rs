//! The elements of a JSON array, a bounded number at a time. An element can be two bytes long and
//! an array tens of megabytes, so that even a list of positions would need more memory than the
//! text.

use serde::Deserialize as _;
use serde_json::value::RawValue;
use windlass_core::limits::{RECORD_BYTES_AT_ONCE_MAX, RECORDS_AT_ONCE_MAX};

/// The first elements of an array, and the total number.
#[derive(Debug, Default)]
pub struct Elements<'a> {
    first: Piece<'a>,
    len: usize,
    is_interrupted: bool,
}

/// Consecutive elements: at most [`RECORDS_AT_ONCE_MAX`], with at most [`RECORD_BYTES_AT_ONCE_MAX`]
/// bytes in total unless it is a single one.
#[derive(Debug, Default)]
pub struct Piece<'a> {
    elements: Vec<&'a RawValue>,
    bytes: usize,
}

impl<'a> Elements<'a> {
    /// Number of elements in the array.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns true if the array has no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first elements: all of them unless they exceed one piece.
    pub fn first(&self) -> &[&'a RawValue] {
        &self.first.elements
    }

    /// The text after the last element of [`Self::first`], which are slices of `json`; `None` when
    /// no elements follow.
    pub fn rest(&self, json: &'a [u8]) -> Option<&'a [u8]> {
        let last = self.first.elements.last()?;
        (self.len > self.first.elements.len()).then(|| after(json, last))
    }

    /// Returns true if a second array began after the first had filled the piece: [`Self::rest`]
    /// would omit elements of one of them.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }

    pub(crate) fn begin(&mut self) {
        self.is_interrupted |= self.len > self.first.elements.len();
    }

    pub(crate) fn push(&mut self, element: &'a RawValue) {
        if self.len == self.first.elements.len() {
            self.first.take(element);
        }
        self.len += 1;
    }

    pub(crate) fn clear(&mut self) {
        self.first.elements.clear();
        self.first.bytes = 0;
        self.len = 0;
        self.is_interrupted = false;
    }
}

impl<'a> Piece<'a> {
    /// Takes `element`, unless the piece is full.
    fn take(&mut self, element: &'a RawValue) -> bool {
        let bytes = self.bytes + element.get().len();
        let fits = self.elements.is_empty()
            || (self.elements.len() < RECORDS_AT_ONCE_MAX && bytes <= RECORD_BYTES_AT_ONCE_MAX);
        if fits {
            self.elements.push(element);
            self.bytes = bytes;
        }
        fits
    }
}

/// The next piece of the array that continues with `rest`, directly after one of its elements; and
/// the text after that piece, `None` at the end of the array.
///
/// # Panics
/// The document was not read as JSON to its end before.
pub fn following(rest: &[u8]) -> (Vec<&RawValue>, Option<&[u8]>) {
    let mut piece = Piece::default();
    let mut left = rest;
    while let Some(text) = left.trim_ascii_start().strip_prefix(b",") {
        let mut reader = serde_json::Deserializer::from_slice(text);
        let element = <&RawValue>::deserialize(&mut reader).expect("it was read as JSON before");
        if !piece.take(element) {
            return (piece.elements, Some(left));
        }
        left = after(text, element);
    }
    (piece.elements, None)
}

/// The text after `element`, which is a slice of `json`.
fn after<'a>(json: &'a [u8], element: &RawValue) -> &'a [u8] {
    let element = element.get();
    let end = element.as_ptr().addr() - json.as_ptr().addr() + element.len();
    json.get(end..).unwrap_or_default()
}

#[cfg(test)]
#[path = "elements_tests.rs"]
mod tests;
