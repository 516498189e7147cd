//! Taking credentials out of text: vendors echo bad tokens in their error bodies, in any escaping.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use crate::readings::{self, Reading};

/// Consecutive bytes of a credential that identify it: a piece of this length is masked.
const PIECE_BYTES: usize = 8;
/// Shortest value that is looked for, whole. Masking each shorter one would damage every message and
/// hide nothing that cannot be guessed.
const VALUE_BYTES_MIN: usize = 4;
/// Consecutive bytes of a credential that make a text unfit to be stored; of a shorter value, all.
const HELD_BYTES: usize = 16;
/// Passing values remembered: a few tokens and the assertions that got them, so that a vendor's
/// complaint about the one before is still recognized.
const PASSING_MAX: usize = 8;
/// What stands for a credential.
const MASK: &str = "***";

/// The values that must not be shown.
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
    /// Hides `value` for good: a credential of the configured secret.
    pub(super) fn keep(&self, value: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.kept.push(SecretString::from(value));
        known.pieces.add(value);
    }

    /// Hides `value` until a few newer ones have come: an access token or an assertion.
    pub(super) fn remember(&self, value: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |held: &SecretString| held.expose_secret() == value;
        // What comes back every time, such as a client's own secret, must not push out others.
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

    /// `text` without any piece of a value, each masked to the end of its word, in whatever escaping
    /// it stands there.
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

    /// The places of `text` to mask, in ascending order and apart from each other; all of it when it
    /// has too many readings.
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

    /// Whether so much of a value stands in `text`, in any escaping, that `text` must not be stored.
    pub(super) fn finds_in(&self, text: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_held = false;
        let all = known
            .pieces
            .find_in(text, |_, found| is_held |= found.is_held);
        is_held || all.is_err()
    }
}

/// What values are recognized by.
#[derive(Default)]
struct Pieces {
    /// Each piece of a value, and from how many consecutive bytes on it must not be stored.
    of_values: HashMap<u64, usize>,
    /// Values shorter than a piece.
    short: Vec<Vec<u8>>,
}

/// A run of pieces in a reading.
struct Found {
    range: Range<usize>,
    /// Whether it is too much to be stored.
    is_held: bool,
}

impl Pieces {
    fn add(&mut self, value: &str) {
        let value = without_armor(value);
        let shared_bytes = shared_bytes(&value);
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

    /// Calls `see` with everything found in the readings of `text`.
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
                    // A few letters inside a longer word are there by chance.
                    let is_held = !in_word(start.checked_sub(1)) && !in_word(Some(range.end));
                    see(Found { range, is_held });
                }
            }
        }
    }
}

/// `value` without the lines around a PEM key, which are no part of it.
fn without_armor(value: &str) -> String {
    let is_armor = |line: &&str| line.starts_with("-----BEGIN ") || line.starts_with("-----END ");
    let lines = value.split('\n').filter(|line| !is_armor(line));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// How much of the beginning of `value` is no secret: the first part of a JSON web token names its
/// algorithm, and page tokens can begin with the same.
fn shared_bytes(value: &str) -> usize {
    match value.split_once('.') {
        Some((header, rest)) if header.starts_with("eyJ") && rest.contains('.') => header.len(),
        _ => 0,
    }
}

const fn shifted(piece: u64, byte: u8) -> u64 {
    (piece << 8) | byte as u64
}

/// `byte` as it is compared: in lower case, and every white space, also as forms write it, as one.
/// Zero separates what are no neighbors, and stays.
const fn folded(byte: u8) -> u8 {
    match byte {
        b'+' | 0x01..=b' ' | 0x7f => b' ',
        _ => byte.to_ascii_lowercase(),
    }
}

/// [`folded`], for a byte of a value: no part of it is a separator.
const fn folded_value(byte: u8) -> u8 {
    match byte {
        0 => b' ',
        _ => folded(byte),
    }
}

/// Where the word ends that `at` lies in, without punctuation after it.
fn word_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let ends = |c: char| c.is_whitespace() || c.is_control() || "\"'`<>()[]{}|…".contains(c);
    let word = rest.split(ends).next().unwrap_or_default();
    at + word.trim_end_matches(['.', ',', ';', ':', '!', '?']).len()
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
