//! Generated JSON: valid, and as unusual as the grammar allows.

use crate::draw::Draw;

/// Most elements of an occasional large page: enough to show their cost per element.
const MANY: usize = 5_000;

/// Deepest value inside a record.
const DEPTH_MAX: usize = 4;

/// Escaped text inside quotation marks, which breaks readers that count braces, look for line ends,
/// or cut characters in two.
const TEXTS: [&str; 16] = [
    "",
    "a",
    "]}",
    "}],{[",
    r#"\""#,
    r"\\",
    r#"\\\""#,
    r"\n\r\t\b\f\/",
    r"\u0000",
    r"\ud83e\udd89",
    "\u{1f989}é\u{301}",
    "\u{2028}",
    "2026-01-01T00:00:00.000Z",
    "1767225600",
    r"\u0061",
    "null",
];

/// Scalars other than text.
const SCALARS: [&str; 12] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "1.5",
    "1E5",
    "1e-7",
    "9223372036854775807",
    "18446744073709551616",
];

/// White space between tokens.
const SPACES: [&str; 8] = ["", "", "", "", " ", "\n", "\r\n\t", "  "];

fn space(draw: &mut Draw, out: &mut String) {
    out.push_str(draw.word(&SPACES));
}

/// One of `keys`, or a generated one. A key may occur twice in an object.
fn key(draw: &mut Draw, keys: &[&str], out: &mut String) {
    out.push('"');
    if keys.is_empty() || draw.one_in(3) {
        out.push_str(draw.word(&TEXTS));
    } else {
        out.push_str(draw.word(keys));
    }
    out.push('"');
}

/// A random value; keys of its objects are often among `keys`.
pub(crate) fn value(draw: &mut Draw, keys: &[&str], out: &mut String) {
    nested(draw, keys, 0, out);
}

fn nested(draw: &mut Draw, keys: &[&str], depth: usize, out: &mut String) {
    let kinds = if depth < DEPTH_MAX { 6 } else { 3 };
    match draw.below(kinds) {
        0 => out.push_str(draw.word(&SCALARS)),
        1 | 2 => {
            out.push('"');
            out.push_str(draw.word(&TEXTS));
            out.push('"');
        }
        3 => {
            let length = draw.below(4);
            list(draw, length, out, |draw, out| {
                nested(draw, keys, depth + 1, out);
            });
        }
        _ => {
            out.push('{');
            let length = draw.below(5);
            for at in 0..length {
                if at > 0 {
                    out.push(',');
                }
                space(draw, out);
                key(draw, keys, out);
                space(draw, out);
                out.push(':');
                space(draw, out);
                nested(draw, keys, depth + 1, out);
            }
            space(draw, out);
            out.push('}');
        }
    }
}

/// An array of `length` elements.
pub(crate) fn list(
    draw: &mut Draw,
    length: usize,
    out: &mut String,
    mut element: impl FnMut(&mut Draw, &mut String),
) {
    out.push('[');
    for at in 0..length {
        if at > 0 {
            out.push(',');
        }
        space(draw, out);
        element(draw, out);
        space(draw, out);
    }
    space(draw, out);
    out.push(']');
}

/// An array of up to `most` values, at times of many more, in nested objects with the keys `under`;
/// the array itself if `under` is empty. `keys` are those of other members.
pub(crate) fn page(draw: &mut Draw, under: &[&str], keys: &[&str], most: usize) -> String {
    let mut out = String::new();
    let most = if draw.one_in(500) { MANY } else { most };
    space(draw, &mut out);
    wrap(draw, under, keys, most, &mut out);
    space(draw, &mut out);
    out
}

fn wrap(draw: &mut Draw, under: &[&str], keys: &[&str], most: usize, out: &mut String) {
    let Some((first, rest)) = under.split_first() else {
        let length = draw.below(most + 1);
        list(draw, length, out, |draw, out| value(draw, keys, out));
        return;
    };
    out.push('{');
    for _ in 0..draw.below(3) {
        key(draw, keys, out);
        out.push(':');
        value(draw, keys, out);
        space(draw, out);
        out.push(',');
    }
    out.push('"');
    out.push_str(first);
    out.push_str("\":");
    wrap(draw, rest, keys, most, out);
    for _ in 0..draw.below(3) {
        out.push(',');
        key(draw, keys, out);
        out.push(':');
        value(draw, keys, out);
    }
    space(draw, out);
    out.push('}');
}
