//! Masking of credentials in text: vendors echo rejected tokens in their error bodies, in any
//! escaping.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use crate::readings::{self, Reading};

/// Length of a piece: this many consecutive bytes of a credential are masked.
const PIECE_BYTES: usize = 8;
/// Shortest value that is masked, as a whole. Masking shorter ones would damage every message and
/// hide nothing that cannot be guessed.
const VALUE_BYTES_MIN: usize = 4;
/// Number of consecutive bytes of a credential that make a text unfit for storage; for a shorter
/// value, all its bytes.
const HELD_BYTES: usize = 16;
/// Number of short-lived values kept: a few tokens and the assertions that obtained them, so that a
/// vendor's complaint about the previous token is still recognized.
const PASSING_MAX: usize = 8;
/// Replacement text for a credential.
const MASK: &str = "***";

/// The values to mask.
#[derive(Default)]
pub(super) struct Redactor {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    kept: Vec<SecretString>,
    passing: VecDeque<SecretString>,
    pieces: Pieces,
}

impl Redactor {
    /// Masks `value` permanently: a credential of the configured secret.
    pub(super) fn keep(&self, value: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.kept.push(SecretString::from(value));
        known.pieces.add(value);
    }

    /// Masks `value`, an access token or an assertion, until [`PASSING_MAX`] newer ones replace it.
    pub(super) fn remember(&self, value: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |held: &SecretString| held.expose_secret() == value;
        // A value that returns every time, such as a client's own secret, must not evict others.
        if known.passing.iter().any(is_known) {
            return;
        }
        known.passing.push_back(SecretString::from(value));
        if known.passing.len() <= PASSING_MAX {
            known.pieces.add(value);
            return;
        }
        known.passing.pop_front();
        let mut pieces = Pieces::default();
        let values = known.kept.iter().chain(&known.passing);
        values.for_each(|value| pieces.add(value.expose_secret()));
        known.pieces = pieces;
    }

    /// `text` with every piece of a value masked up to the end of its word, in any escaping.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut shown = String::with_capacity(text.len());
        let mut at = 0;
        for place in self.places_in(text) {
            shown.push_str(text.get(at..place.start).unwrap_or_default());
            shown.push_str(MASK);
            at = place.end;
        }
        shown.push_str(text.get(at..).unwrap_or_default());
        shown
    }

    /// The ranges of `text` to mask, ascending and disjoint; the whole text when it has too many
    /// readings.
    fn places_in(&self, text: &str) -> Vec<Range<usize>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut places = Vec::new();
        let all = known.pieces.find_in(text, |reading, found| {
            let place = reading.place(&found.range);
            let end = word_end(text, text.ceil_char_boundary(place.end));
            places.push(text.floor_char_boundary(place.start)..end);
        });
        if all.is_err() {
            places.clear();
            places.push(0..text.len());
        }
        places.sort_by_key(|place| place.start);
        let mut apart: Vec<Range<usize>> = Vec::new();
        for place in places {
            match apart.last_mut() {
                Some(last) if place.start <= last.end => last.end = last.end.max(place.end),
                _ => apart.push(place),
            }
        }
        apart
    }

    /// Returns true if `text` must not be stored, because it holds [`HELD_BYTES`] of a value in any
    /// escaping.
    pub(super) fn finds_in(&self, text: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_held = false;
        let all = known
            .pieces
            .find_in(text, |_, found| is_held |= found.is_held);
        is_held || all.is_err()
    }
}

/// The index that recognizes values.
#[derive(Default)]
struct Pieces {
    /// Each piece of a value, with the number of consecutive bytes that forbids storage.
    of_values: HashMap<u64, usize>,
    /// Values that are shorter than a piece.
    short: Vec<Vec<u8>>,
}

/// A run of pieces in a reading.
struct Found {
    range: Range<usize>,
    /// True if it is too long to be stored.
    is_held: bool,
}

impl Pieces {
    fn add(&mut self, value: &str) {
        let value = without_armor(value);
        self.add_form(&value);
        if let Some(plain) = readings::without_separators(&value) {
            self.add_form(&plain);
        }
    }

    fn add_form(&mut self, value: &str) {
        let shared_bytes = shared_bytes(value);
        let value: Vec<u8> = value.bytes().map(folded_value).collect();
        if value.len() < PIECE_BYTES {
            if value.len() >= VALUE_BYTES_MIN {
                self.short.push(value);
            }
            return;
        }
        for (at, piece) in value.windows(PIECE_BYTES).enumerate() {
            let held = if at < shared_bytes {
                usize::MAX
            } else {
                value.len().min(HELD_BYTES)
            };
            let piece = piece.iter().fold(0, |piece, byte| shifted(piece, *byte));
            let known = self.of_values.entry(piece).or_insert(held);
            *known = held.min(*known);
        }
    }

    /// Calls `see` for each match in the readings of `text`.
    fn find_in(
        &self,
        text: &str,
        mut see: impl FnMut(&Reading, Found),
    ) -> Result<(), readings::TooMany> {
        if self.of_values.is_empty() && self.short.is_empty() {
            return Ok(());
        }
        readings::each(text, |reading| {
            self.runs(reading, |found| see(reading, found));
            self.shorts(reading, |found| see(reading, found));
        })
    }

    fn runs(&self, reading: &Reading, mut see: impl FnMut(Found)) {
        let mut piece = 0;
        let mut run: Option<(Range<usize>, usize)> = None;
        let found = |(range, held): (Range<usize>, usize)| Found {
            is_held: range.len() >= held,
            range,
        };
        for (end, byte) in (1..).zip(reading.bytes()) {
            piece = shifted(piece, folded(*byte));
            let held = (end >= PIECE_BYTES)
                .then(|| self.of_values.get(&piece))
                .flatten();
            run = match (run, held) {
                (Some((range, least)), Some(held)) => Some((range.start..end, least.min(*held))),
                (None, Some(held)) => Some((end - PIECE_BYTES..end, *held)),
                (Some(over), None) => {
                    see(found(over));
                    None
                }
                (None, None) => None,
            };
        }
        if let Some(last) = run {
            see(found(last));
        }
    }

    fn shorts(&self, reading: &Reading, mut see: impl FnMut(Found)) {
        let bytes = reading.bytes();
        let in_word = |at: Option<usize>| {
            let byte = at.and_then(|at| bytes.get(at));
            byte.is_some_and(u8::is_ascii_alphanumeric)
        };
        for value in &self.short {
            for (start, window) in bytes.windows(value.len()).enumerate() {
                if window
                    .iter()
                    .map(|byte| folded(*byte))
                    .eq(value.iter().copied())
                {
                    let range = start..start + value.len();
                    // A short value inside a longer word is a coincidence.
                    let is_held = !in_word(start.checked_sub(1)) && !in_word(Some(range.end));
                    see(Found { range, is_held });
                }
            }
        }
    }
}

/// `value` without the armor lines of a PEM key, which are not secret.
fn without_armor(value: &str) -> String {
    let is_armor = |line: &&str| line.starts_with("-----BEGIN ") || line.starts_with("-----END ");
    let lines = value.split('\n').filter(|line| !is_armor(line));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Number of leading bytes of `value` that are not secret: a JSON web token begins with its
/// algorithm, and page tokens can begin with the same bytes.
fn shared_bytes(value: &str) -> usize {
    match value.split_once('.') {
        Some((header, rest)) if header.starts_with("eyJ") && rest.contains('.') => header.len(),
        _ => 0,
    }
}

const fn shifted(piece: u64, byte: u8) -> u64 {
    (piece << 8) | byte as u64
}

/// `byte` as compared: lower case, with every white space, including `+` of forms, as one value.
/// Zero separates parts that are not adjacent, and stays.
const fn folded(byte: u8) -> u8 {
    match byte {
        b'+' | 0x01..=b' ' | 0x7f => b' ',
        _ => byte.to_ascii_lowercase(),
    }
}

/// [`folded`], for a byte of a value, in which zero is not a separator.
const fn folded_value(byte: u8) -> u8 {
    match byte {
        0 => b' ',
        _ => folded(byte),
    }
}

/// The end of the word around `at`, without trailing punctuation.
fn word_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let ends = |c: char| c.is_whitespace() || c.is_control() || "\"'`<>()[]{}|…".contains(c);
    let word = rest.split(ends).next().unwrap_or_default();
    at + word.trim_end_matches(['.', ',', ';', ':', '!', '?']).len()
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
