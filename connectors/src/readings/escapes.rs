//! Readings with one kind of escape sequence decoded. Each returns `None` where there is none.

use super::{Reading, hex_byte, hex_number};

/// Maximum length of an HTML entity, with its `&` and `;`: `&#x10FFFF;`. `\u{10FFFF}` is as long.
const ENTITY_BYTES_MAX: usize = 10;

/// The meaning of one escape sequence.
enum Meaning {
    Byte(u8),
    Char(char),
}

/// `reading` with each sequence that starts with `marker` decoded by `decode`; `None` when there is
/// none. `decode` also returns the length of the sequence.
fn unescaped(
    reading: &Reading,
    marker: u8,
    decode: impl Fn(&[u8]) -> Option<(usize, Meaning)>,
) -> Option<Reading> {
    if !reading.bytes.contains(&marker) {
        return None;
    }
    let mut inner = Reading::with_capacity(reading.bytes.len());
    let (mut at, mut is_changed) = (0, false);
    while let Some((&first, rest)) = reading.bytes.get(at..).and_then(<[u8]>::split_first) {
        let decoded = (first == marker).then(|| decode(rest)).flatten();
        let used = decoded.as_ref().map_or(1, |(length, _)| 1 + length);
        let place = reading.stored_place(at..at + used);
        match decoded {
            Some((_, Meaning::Byte(byte))) => inner.push(byte, place),
            Some((_, Meaning::Char(c))) => {
                let mut room = [0; 4];
                let encoded = c.encode_utf8(&mut room).bytes();
                encoded.for_each(|byte| inner.push(byte, place));
            }
            None => inner.push(first, place),
        }
        is_changed |= used > 1;
        at += used;
    }
    is_changed.then_some(inner)
}

/// Percent encoding (RFC 3986), and `%u` with four digits as JavaScript's `escape` writes it. The
/// comparison handles `+` as a space.
pub(super) fn percent(reading: &Reading) -> Option<Reading> {
    unescaped(reading, b'%', |rest| {
        if rest.first() == Some(&b'u') {
            return utf16(rest, *b"%u");
        }
        Some((2, Meaning::Byte(hex_byte(rest.get(..2)?)?)))
    })
}

/// Quoted-printable (RFC 2045, section 6.7).
pub(super) fn quoted_printable(reading: &Reading) -> Option<Reading> {
    unescaped(reading, b'=', |rest| {
        Some((2, Meaning::Byte(hex_byte(rest.get(..2)?)?)))
    })
}

/// HTML entities: decimal, hexadecimal, and the named ones of ASCII
/// (<https://html.spec.whatwg.org/multipage/named-characters.html>).
pub(super) fn html(reading: &Reading) -> Option<Reading> {
    unescaped(reading, b'&', |rest| {
        let end = rest
            .iter()
            .take(ENTITY_BYTES_MAX)
            .position(|byte| *byte == b';')?;
        let name = std::str::from_utf8(rest.get(..end)?).ok()?;
        let c = match name.strip_prefix('#') {
            Some(digits) => {
                let hex = digits.strip_prefix(['x', 'X']);
                let number = match hex {
                    Some(hex) => hex_number(hex.as_bytes()),
                    None => digits.parse().ok(),
                };
                char::from_u32(number?)?
            }
            None => ENTITIES.iter().find(|(known, _)| *known == name)?.1,
        };
        Some((end + 1, Meaning::Char(c)))
    })
}

/// Named entities of ASCII characters.
const ENTITIES: [(&str, char); 43] = [
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("nbsp", ' '),
    ("excl", '!'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("amp", '&'),
    ("AMP", '&'),
    ("apos", '\''),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("lt", '<'),
    ("LT", '<'),
    ("equals", '='),
    ("gt", '>'),
    ("GT", '>'),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("grave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("verbar", '|'),
    ("vert", '|'),
    ("rcub", '}'),
    ("rbrace", '}'),
];

/// The escapes of string literals: of JSON (RFC 8259, section 7), `\xNN`, `\u{N}` and octal digits
/// of other languages, and a backslash before any other character.
pub(super) fn backslash(reading: &Reading) -> Option<Reading> {
    unescaped(reading, b'\\', |rest| {
        let c = match rest.first()? {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' if rest.get(1) == Some(&b'{') => return braced(rest),
            b'u' => return utf16(rest, *b"\\u"),
            b'x' => return Some((3, Meaning::Byte(hex_byte(rest.get(1..3)?)?))),
            b'0'..=b'7' => return octal(rest),
            sign if sign.is_ascii_punctuation() => char::from(*sign),
            _ => return None,
        };
        Some((1, Meaning::Char(c)))
    })
}

/// `u{`, hexadecimal digits and `}`.
fn braced(rest: &[u8]) -> Option<(usize, Meaning)> {
    let end = rest
        .iter()
        .take(ENTITY_BYTES_MAX)
        .position(|b| *b == b'}')?;
    let c = char::from_u32(hex_number(rest.get(2..end)?)?)?;
    Some((end + 1, Meaning::Char(c)))
}

/// One to three octal digits.
fn octal(rest: &[u8]) -> Option<(usize, Meaning)> {
    let digits = rest.iter().take(3).take_while(|b| matches!(b, b'0'..=b'7'));
    let length = digits.clone().count();
    let number = digits.fold(0, |number, b| number * 8 + u32::from(b - b'0'));
    Some((length, Meaning::Byte(u8::try_from(number).ok()?)))
}

/// `u` and four hexadecimal digits, or a surrogate pair for a character beyond 16 bits, whose second
/// half starts with `marker`.
fn utf16(rest: &[u8], marker: [u8; 2]) -> Option<(usize, Meaning)> {
    let unit = |from: usize| {
        let number = hex_number(rest.get(from..from + 4)?)?;
        u16::try_from(number).ok()
    };
    let first = unit(1)?;
    if let Some(c) = char::from_u32(u32::from(first)) {
        return Some((5, Meaning::Char(c)));
    }
    let second = (rest.get(5..7)? == marker.as_slice())
        .then(|| unit(7))
        .flatten()?;
    let c = char::decode_utf16([first, second]).next()?.ok()?;
    Some((11, Meaning::Char(c)))
}
