//! Mutations of an input: its bytes, words, lines and brackets. A word is replaced by one from
//! elsewhere in the corpus, so that many inputs are nearly valid.

use std::ops::Range;

use crate::draw::Draw;

/// Longest input, in bytes, except for [`REPEATED_BYTES_MAX`].
const BYTES_MAX: usize = 16 * 1024;
/// Longest input of an occasional repetition, in bytes: far above the memory allowance beside the
/// factor, so that a call whose memory does not follow its input is detected.
const REPEATED_BYTES_MAX: usize = 256 * 1024;

/// Numbers at the limits of types and formats.
const NUMBERS: [&str; 24] = [
    "0",
    "1",
    "-1",
    "00",
    "1.5",
    "1e3",
    "1e400",
    "-0",
    "127",
    "200",
    "255",
    "256",
    "404",
    "429",
    "500",
    "65536",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
];

/// Separators, brackets, and look-alikes.
const SIGNS: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    ",",
    ":",
    ";",
    "<",
    ">",
    "=",
    "&",
    "*",
    "#",
    "%",
    "|",
    "\\",
    "/",
    "//",
    "..",
    "?",
    "@",
    " ",
    "\n",
    "\r\n",
    "\t",
    "\0",
    "\u{feff}",
    "\u{2028}",
    "\u{1f989}",
    "é",
    "null",
    "true",
    "~",
    "---",
    "\\u0000",
    "\\ud800",
    "{{",
    "!!str",
];

/// Makes one change to `bytes`, with material from `words` and `seeds`.
pub(crate) fn mutate(draw: &mut Draw, bytes: &mut Vec<u8>, words: &[Vec<u8>], seeds: &[Vec<u8>]) {
    match draw.below(16) {
        0 => flip(draw, bytes),
        1 => {
            let range = range(draw, bytes.len(), 16);
            bytes.drain(range);
        }
        2 => {
            let end = draw.below(bytes.len() + 1);
            bytes.truncate(end);
        }
        3 => insert(draw, bytes, |draw| draw.word(&SIGNS).as_bytes().to_vec()),
        4 => insert(draw, bytes, |draw| draw.word(&NUMBERS).as_bytes().to_vec()),
        5 => insert(draw, bytes, |draw| draw.pick(words).clone()),
        6 | 7 => exchange_word(draw, bytes, |draw| draw.pick(words).clone()),
        8 => exchange_word(draw, bytes, |draw| draw.word(&NUMBERS).as_bytes().to_vec()),
        9 => exchange_word(draw, bytes, |draw| draw.word(&SIGNS).as_bytes().to_vec()),
        10 => splice(draw, bytes, seeds),
        11 => repeat(draw, bytes),
        12 => nest(draw, bytes),
        _ => change_line(draw, bytes, seeds),
    }
    let longest = if draw.one_in(100) {
        REPEATED_BYTES_MAX
    } else {
        BYTES_MAX
    };
    bytes.truncate(longest);
}

/// A random range of at most `longest` within `length`.
fn range(draw: &mut Draw, length: usize, longest: usize) -> Range<usize> {
    let start = draw.below(length + 1);
    let end = (start + draw.below(longest + 1)).min(length);
    start..end
}

fn flip(draw: &mut Draw, bytes: &mut [u8]) {
    let at = draw.below(bytes.len());
    let bit = draw.below(8);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << bit;
    }
}

fn insert(draw: &mut Draw, bytes: &mut Vec<u8>, what: impl FnOnce(&mut Draw) -> Vec<u8>) {
    let at = draw.below(bytes.len() + 1);
    let what = what(draw);
    bytes.splice(at..at, what);
}

/// The word around or after a random place.
fn word(draw: &mut Draw, bytes: &[u8]) -> Range<usize> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    let at = draw.below(bytes.len() + 1);
    let (before, after) = bytes.split_at(at);
    let start = if after.first().is_some_and(is_part) {
        before
            .iter()
            .rposition(|byte| !is_part(byte))
            .map_or(0, |at| at + 1)
    } else {
        at + after.iter().position(is_part).unwrap_or(after.len())
    };
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest
        .iter()
        .position(|byte| !is_part(byte))
        .unwrap_or(rest.len());
    start..start + length
}

fn exchange_word(draw: &mut Draw, bytes: &mut Vec<u8>, by: impl FnOnce(&mut Draw) -> Vec<u8>) {
    let old = word(draw, bytes);
    let new = by(draw);
    bytes.splice(old, new);
}

/// Replaces a piece by one of another seed, or of this input.
fn splice(draw: &mut Draw, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let from = if draw.one_in(2) {
        bytes.clone()
    } else {
        draw.pick(seeds).clone()
    };
    let piece = range(draw, from.len(), 200);
    let old = range(draw, bytes.len(), 60);
    bytes.splice(old, from.get(piece).unwrap_or_default().iter().copied());
}

/// Repeats one piece many times.
fn repeat(draw: &mut Draw, bytes: &mut Vec<u8>) {
    let piece = range(draw, bytes.len(), 64);
    let times = if draw.one_in(20) {
        draw.below(REPEATED_BYTES_MAX)
    } else {
        draw.below(16)
    };
    let piece = bytes
        .get(piece.clone())
        .map(<[u8]>::to_vec)
        .unwrap_or_default();
    let times = times.min(REPEATED_BYTES_MAX / piece.len().max(1));
    let at = draw.below(bytes.len() + 1);
    bytes.splice(at..at, piece.repeat(times));
}

/// Inserts nested brackets, closed or not.
fn nest(draw: &mut Draw, bytes: &mut Vec<u8>) {
    let (open, close) = *draw.pick(&[
        ("[", "]"),
        ("{\"a\":", "}"),
        ("<", ">"),
        ("{", "}"),
        ("- ", ""),
    ]);
    let depth = if draw.one_in(10) {
        draw.below(5_000)
    } else {
        draw.below(130)
    };
    let mut nested = open.repeat(depth);
    if draw.one_in(2) {
        nested.push('1');
        nested.push_str(&close.repeat(depth));
    }
    insert(draw, bytes, |_| nested.into_bytes());
}

/// Removes, doubles, moves, indents or replaces a line.
fn change_line(draw: &mut Draw, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let mut lines: Vec<Vec<u8>> = bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    if lines.is_empty() {
        return;
    }
    let at = draw.below(lines.len());
    let other = draw.below(lines.len());
    match draw.below(6) {
        0 => drop(lines.remove(at)),
        1 => {
            let copy = lines[at].clone();
            lines.insert(other, copy);
        }
        2 => lines.swap(at, other),
        3 => drop(lines[at].splice(0..0, *b"  ")),
        4 => {
            let indented = lines[at].starts_with(b"  ");
            lines[at].drain(..if indented { 2 } else { 0 });
        }
        _ => {
            let from = draw.pick(seeds);
            let theirs: Vec<&[u8]> = from.split_inclusive(|byte| *byte == b'\n').collect();
            if !theirs.is_empty() {
                lines.insert(at, draw.pick(&theirs).to_vec());
            }
        }
    }
    *bytes = lines.concat();
}
