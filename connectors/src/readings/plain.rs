//! The reading without separators and foreign forms of the same characters, as dumps and templates
//! write a value: `71:37:2b`, `0x71, 0x37`, one character per space, zero-width characters in
//! between, full-width forms.

use super::{Reading, hex_byte};

/// The reading without separators and digit prefixes, full-width forms as ASCII; `None` when it has
/// none of them.
pub(super) fn plain(reading: &Reading) -> Option<Reading> {
    let mut inner = Reading::with_capacity(reading.bytes.len());
    let mut at = 0;
    while let Some(rest) = reading.bytes.get(at..)
        && let Some(first) = rest.first()
    {
        let dropped = dropped(rest);
        if dropped > 0 && !is_boundary(reading, at) {
            at += dropped;
            continue;
        }
        let (byte, used) = full_width(rest).unwrap_or((*first, 1));
        inner.push(byte, reading.stored_place(at..at + used));
        at += used;
    }
    (inner.bytes.len() < reading.bytes.len()).then_some(inner)
}

/// True for the mark between bytes that are not adjacent in the text.
fn is_boundary(reading: &Reading, at: usize) -> bool {
    reading.places.get(at) == Some(&(0, 0))
}

/// The length of the separator that `rest` starts with; zero for none.
fn dropped(rest: &[u8]) -> usize {
    match rest {
        [b'0', b'x' | b'X', digits @ ..] if digits.get(..2).and_then(hex_byte).is_some() => 2,
        // No hyphen: it is a digit of base64url.
        [b':' | b',', ..] => 1,
        [byte, ..] if byte.is_ascii_whitespace() || byte.is_ascii_control() => 1,
        // U+00AD, U+00A0.
        [0xc2, 0xad | 0xa0, ..] => 2,
        // U+200B to U+200F, U+2060 to U+2064, U+FEFF.
        [0xe2, 0x80, 0x8b..=0x8f, ..] | [0xe2, 0x81, 0xa0..=0xa4, ..] | [0xef, 0xbb, 0xbf, ..] => 3,
        _ => 0,
    }
}

/// The ASCII character of a full-width form (U+FF01 to U+FF5E), and its length in UTF-8.
fn full_width(rest: &[u8]) -> Option<(u8, usize)> {
    match rest {
        [0xef, 0xbc, low @ 0x81..=0xbf, ..] => Some((low - 0x81 + b'!', 3)),
        [0xef, 0xbd, low @ 0x80..=0x9e, ..] => Some((low - 0x80 + b'`', 3)),
        _ => None,
    }
}
