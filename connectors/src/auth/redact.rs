//! Taking credentials out of text: vendors echo bad tokens in their error bodies.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};
use url::form_urlencoded;

/// Characters of a credential that identify it. Shorter values are left alone: replacing them would
/// damage every message and hide nothing that cannot be guessed.
const CHARS_MIN: usize = 8;
/// Passing values remembered: a few tokens and the assertions that got them, so that a vendor's
/// complaint about the one before is still recognised.
const PASSING_MAX: usize = 8;
/// What stands for a credential.
const MASK: &str = "***";

/// The values that must not be said.
#[derive(Default)]
pub(super) struct Redactor {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    kept: Vec<SecretString>,
    passing: VecDeque<SecretString>,
}

impl Redactor {
    /// Hides `value` for good: part of the configured secret.
    pub(super) fn keep(&self, value: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.kept.extend(forms(value));
    }

    /// Hides `value` until a few newer ones have come: an access token or an assertion.
    pub(super) fn remember(&self, value: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for form in forms(value) {
            // What comes back every time, such as a client's own secret, must not push out others.
            let new = |held: &SecretString| held.expose_secret() != form.expose_secret();
            if known.passing.iter().all(new) {
                known.passing.push_back(form);
            }
        }
        let surplus = known.passing.len().saturating_sub(PASSING_MAX);
        known.passing.drain(..surplus);
    }

    /// `text` without the values, and without any beginning of one of at least [`CHARS_MIN`]
    /// characters: messages are cut to length before they arrive here.
    pub(super) fn redact(&self, text: &str) -> String {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = known.kept.iter().chain(&known.passing);
        secrets.fold(text.to_owned(), |text, secret| {
            hide(&text, secret.expose_secret())
        })
    }

    /// Whether one of the values stands in `text` whole, so that `text` must not be stored.
    pub(super) fn finds_in(&self, text: &str) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut secrets = known.kept.iter().chain(&known.passing);
        secrets.any(|secret| {
            let secret = secret.expose_secret();
            secret.len() >= CHARS_MIN && text.contains(secret)
        })
    }
}

/// The forms in which a value may appear in a message: each piece between white space (a message is
/// one line, a key has many), as it is and as it stands in a query or form.
fn forms(value: &str) -> Vec<SecretString> {
    let pieces = value
        .split_whitespace()
        .filter(|piece| piece.chars().count() >= CHARS_MIN);
    pieces
        .flat_map(|piece| {
            let encoded: String = form_urlencoded::byte_serialize(piece.as_bytes()).collect();
            let differs = encoded != piece;
            [Some(piece.to_owned()), differs.then_some(encoded)]
        })
        .flatten()
        .map(SecretString::from)
        .collect()
}

/// Replaces every run in `text` that begins like `secret`, as far as the two agree.
fn hide(text: &str, secret: &str) -> String {
    let head_bytes: usize = secret.chars().take(CHARS_MIN).map(char::len_utf8).sum();
    let (head, tail) = secret.split_at(head_bytes);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(head) {
        shown.push_str(before);
        shown.push_str(MASK);
        let same = after.chars().zip(tail.chars()).take_while(|(a, b)| a == b);
        let agreed: usize = same.map(|(a, _)| a.len_utf8()).sum();
        rest = after.split_at(agreed).1;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(value: &str) -> Redactor {
        let redactor = Redactor::default();
        redactor.keep(value);
        redactor
    }

    #[test]
    fn every_occurrence_is_replaced() {
        let redactor = redactor("canary-5f1e9c02");
        assert_eq!(
            redactor.redact("bad canary-5f1e9c02, again canary-5f1e9c02."),
            "bad ***, again ***."
        );
        assert_eq!(redactor.redact("nothing here"), "nothing here");
    }

    #[test]
    fn a_piece_cut_off_by_a_length_limit_is_replaced_too() {
        let redactor = redactor("canary-5f1e9c02");
        assert_eq!(redactor.redact("token canary-5f1e"), "token ***");
        assert_eq!(redactor.redact("token canary-5… (see"), "token ***… (see");
        assert_eq!(redactor.redact("token canary-"), "token canary-");
    }

    #[test]
    fn encoded_and_multi_line_values_are_found() {
        let redactor = redactor("first+/line==\nsecond€€€line");
        assert_eq!(redactor.redact("q=first%2B%2Fline%3D%3D"), "q=***");
        assert_eq!(redactor.redact("first+/line== second€€€line"), "*** ***");
    }

    #[test]
    fn short_values_are_left_alone() {
        assert_eq!(redactor("admin").redact("admin"), "admin");
    }

    #[test]
    fn passing_values_are_forgotten_in_order_and_kept_ones_never() {
        let redactor = redactor("kept-kept-kept");
        for number in 0..=PASSING_MAX {
            redactor.remember(&format!("{number}-passing-value"));
        }
        assert_eq!(redactor.redact("kept-kept-kept"), "***");
        assert_eq!(redactor.redact("1-passing-value"), "***");
        assert_eq!(redactor.redact("0-passing-value"), "0-passing-value");
    }
}
