//! The readings of a text: the text itself, and every text that results from undoing its escapings.
//! Each byte of a reading maps to its place in the text, so that a match in a reading can be masked
//! in the text.

mod escapes;
mod plain;

use std::ops::Range;

/// Maximum nesting of escapings. Vendors nest two (a URL in an HTML page, a token in a JSON
/// string); the header of HTTP Basic adds one.
const DEPTH_MAX: usize = 4;
/// Maximum total size of the readings of one text. The largest stored page token has room for 256
/// readings of its own length; only a crafted text needs more.
const READINGS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Shortest run of characters that is read as base64, base32 or hex: a shorter one decodes to fewer than
/// four bytes.
const RUN_BYTES_MIN: usize = 6;
/// Shortest decoded text that is kept: a shorter credential is not recognized.
const TEXT_BYTES_MIN: usize = 4;
/// Separates bytes of a reading that are not adjacent in the text. No escaping contains it.
const SEPARATOR: u8 = 0;

/// The text has more readings than the limits allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

/// One reading of a text.
pub(crate) struct Reading {
    bytes: Vec<u8>,
    /// The range of the text that each byte comes from: first byte, and one past the last.
    places: Vec<(u32, u32)>,
}

/// Calls `see` with every reading of `text`, the text itself first.
///
/// # Errors
/// [`TooMany`] if the limits cut the readings short.
pub(crate) fn each(text: &str, mut see: impl FnMut(&Reading)) -> Result<(), TooMany> {
    let mut left = READINGS_BYTES_MAX.checked_sub(text.len()).ok_or(TooMany)?;
    walk(&Reading::of(text), DEPTH_MAX, &mut left, &mut see)
}

/// Each returns `None` for a reading that has nothing to undo.
const UNDOINGS: [fn(&Reading) -> Option<Reading>; 7] = [
    escapes::percent,
    escapes::html,
    escapes::backslash,
    escapes::quoted_printable,
    base64,
    hex,
    base32,
];

fn walk(
    reading: &Reading,
    depth: usize,
    left: &mut usize,
    see: &mut impl FnMut(&Reading),
) -> Result<(), TooMany> {
    see(reading);
    if depth == 0 {
        return Ok(());
    }
    let mut visit = |inner: &Reading, depth| {
        *left = left.checked_sub(inner.bytes.len()).ok_or(TooMany)?;
        walk(inner, depth, left, see)
    };
    for undo in UNDOINGS {
        if let Some(inner) = undo(reading) {
            visit(&inner, depth - 1)?;
        }
    }
    // Separators between the parts of an escaping do not count as a level. A reading without
    // separators has none to remove.
    plain::plain(reading).map_or(Ok(()), |inner| visit(&inner, depth))
}

/// `text` as compared with readings that have no separators; `None` if it has none itself.
pub(crate) fn without_separators(text: &str) -> Option<String> {
    let plain = plain::plain(&Reading::of(text))?;
    Some(String::from_utf8_lossy(&plain.bytes).into_owned())
}

impl Reading {
    fn of(text: &str) -> Self {
        let places = (0u32..).zip(1u32..).take(text.len()).collect();
        Self {
            bytes: text.as_bytes().to_vec(),
            places,
        }
    }

    fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            places: Vec::with_capacity(bytes),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The range of the text that the bytes `range` come from; empty for an empty range.
    pub(crate) fn place(&self, range: &Range<usize>) -> Range<usize> {
        let places = self.places.get(range.clone()).unwrap_or_default();
        let start = places.first().map_or(0, |place| place.0);
        let end = places.last().map_or(0, |place| place.1);
        // The text is within the size limit, so both conversions are lossless.
        start as usize..end as usize
    }

    fn push(&mut self, byte: u8, place: (u32, u32)) {
        self.bytes.push(byte);
        self.places.push(place);
    }

    /// Appends the parts of `decoded` that can be text, apart from each other. Digits at the wrong
    /// offset, and words that happen to consist of digits, decode to noise. The noise is dropped,
    /// because further readings of it would use up the limit.
    fn append_text_of(&mut self, decoded: &Self) {
        let mut at = 0;
        for chunk in decoded.bytes.utf8_chunks() {
            for part in chunk.valid().split_inclusive(is_noise) {
                let text = part.trim_end_matches(is_noise).len();
                if text >= TEXT_BYTES_MIN {
                    let range = at..at + text;
                    let bytes = decoded.bytes.get(range.clone()).unwrap_or_default();
                    let places = decoded.places.get(range).unwrap_or_default();
                    self.bytes.extend_from_slice(bytes);
                    self.places.extend_from_slice(places);
                    self.push(SEPARATOR, (0, 0));
                }
                at += part.len();
            }
            at += chunk.invalid().len();
        }
    }

    /// The place of the bytes `range` in its stored form.
    fn stored_place(&self, range: Range<usize>) -> (u32, u32) {
        let places = self.places.get(range).unwrap_or_default();
        let ends = places.first().zip(places.last());
        ends.map_or((0, 0), |(first, last)| (first.0, last.1))
    }

    /// The maximal runs of at least [`RUN_BYTES_MIN`] bytes that `fits` accepts.
    fn runs(&self, fits: impl Fn(u8) -> bool) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        let mut start = 0;
        for (at, byte) in self.bytes.iter().enumerate() {
            if !fits(*byte) {
                runs.push(start..at);
                start = at + 1;
            }
        }
        runs.push(start..self.bytes.len());
        runs.retain(|run| run.len() >= RUN_BYTES_MIN);
        runs
    }
}

/// True for a character that no credential contains. NUL stands between the characters of UTF-16.
fn is_noise(c: char) -> bool {
    c.is_control() && !matches!(c, '\0' | '\t' | '\n' | '\r')
}

/// Base64 in either alphabet (RFC 4648), with or without padding. A run may begin before the
/// encoded text, and the encoded text before the value, so each run is read at all four offsets.
fn base64(reading: &Reading) -> Option<Reading> {
    runs_decoded(reading, 4, 6, |byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    })
}

/// Hexadecimal digits; each run is read at both offsets.
fn hex(reading: &Reading) -> Option<Reading> {
    runs_decoded(reading, 2, 4, hex_digit)
}

/// Base32 (RFC 4648, section 6) in capitals or not; each run is read at all eight offsets.
fn base32(reading: &Reading) -> Option<Reading> {
    runs_decoded(reading, 8, 5, |byte| match byte.to_ascii_uppercase() {
        letter @ b'A'..=b'Z' => Some(letter - b'A'),
        digit @ b'2'..=b'7' => Some(digit - b'2' + 26),
        _ => None,
    })
}

/// The text in the runs of digits of `bits` bits each, read from each of the first `offsets` digits.
fn runs_decoded(
    reading: &Reading,
    offsets: usize,
    bits: u32,
    digit: impl Fn(u8) -> Option<u8>,
) -> Option<Reading> {
    let mut inner = Reading::with_capacity(0);
    for run in reading.runs(|byte| digit(byte).is_some()) {
        for offset in 0..offsets {
            let mut decoded = Reading::with_capacity(run.len());
            let (mut held, mut held_bits, mut from) = (0u32, 0u32, run.start + offset);
            for at in run.start + offset..run.end {
                let value = reading.bytes.get(at).and_then(|byte| digit(*byte));
                held = (held << bits) | u32::from(value.unwrap_or_default());
                held_bits += bits;
                if held_bits >= 8 {
                    held_bits -= 8;
                    let [.., byte] = (held >> held_bits).to_be_bytes();
                    decoded.push(byte, reading.stored_place(from..at + 1));
                    // A digit with unused bits also belongs to the next byte.
                    from = if held_bits == 0 { at + 1 } else { at };
                }
            }
            inner.append_text_of(&decoded);
        }
    }
    (!inner.bytes.is_empty()).then_some(inner)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The byte that two hexadecimal digits encode.
fn hex_byte(digits: &[u8]) -> Option<u8> {
    u8::try_from(hex_number(digits)?).ok()
}

/// The number that the hexadecimal digits encode; `None` for other text, and above 32 bits.
fn hex_number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0, |number, byte| {
        Some((number << 4) | u32::from(hex_digit(*byte)?))
    })
}

#[cfg(test)]
#[path = "readings_tests.rs"]
mod tests;
