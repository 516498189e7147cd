use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;

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
fn partial_secret_is_masked_to_word_end() {
    let redactor = redactor("canary-5f1e9c02");
    assert_eq!(redactor.redact("token canary-5f1e"), "token ***");
    assert_eq!(redactor.redact("token canary-5… (see"), "token ***… (see");
    assert_eq!(redactor.redact("token canary-"), "token canary-");
    assert_eq!(redactor.redact("'canary-5f1OTHER' x"), "'***' x");
    assert_eq!(redactor.redact("id=-5f1e9c02&x=1 y"), "id=*** y");
}

#[test]
fn encoded_and_recased_secrets_are_masked() {
    let redactor = redactor("first+/line==\nsecond€€€line");
    for text in [
        "q=first%2B%2Fline%3D%3D",
        "q=first%2b%2fline%3d%3d",
        "q=FIRST+/LINE==",
        "q=first&#43;/line&#x3d;=",
        "q=first%252B%252Fline%253D%253D",
        "q=Zmlyc3QrL2xpbmU9PQ",
        "q=66697273742b2f6c696e653d3d",
    ] {
        assert_eq!(redactor.redact(text), "q=***", "{text}");
    }
    assert_eq!(redactor.redact("first+/line== second€€€line"), "***");
}

#[test]
fn short_secret_is_masked_only_whole() {
    assert_eq!(redactor("hunter2").redact("bad hunter2!"), "bad ***!");
    assert_eq!(redactor("hunter2").redact("bad aHVudGVyMg=="), "bad ***");
    assert_eq!(redactor("hunter2").redact("a hunter"), "a hunter");
    assert_eq!(redactor("abc").redact("abc"), "abc");
}

#[test]
fn pem_and_jwt_framing_is_not_secret() {
    let pem =
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n";
    let key = redactor(pem);
    assert_eq!(
        key.redact("-----BEGIN PRIVATE KEY----- MIIEvQIBADANBg kqhkiG9w0BAQEF -----END"),
        "-----BEGIN PRIVATE KEY----- *** -----END"
    );
    let token = redactor("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJl");
    assert_eq!(token.redact("bad eyJhbGciOiJSUz"), "bad ***");
    assert!(!token.finds_in("eyJhbGciOiJSUzI1NiJ9.other.token"));
    assert!(token.finds_in("eyJpc3MiOiJhIn0.c2lnbmF0dXJl"));
}

#[test]
fn sixteen_secret_characters_make_text_unstorable() {
    let long = redactor("0123456789abcdefghijklmnop");
    assert!(long.finds_in("t=23456789ABCDEFGH"));
    assert!(long.finds_in("t=Mg%3D%3D&u=MjM0NTY3ODlhYmNkZWZnaA"));
    assert!(!long.finds_in("t=23456789abcdefgX"));
    let middle = redactor("canary-5f1e");
    assert!(middle.finds_in("t=canary%2D5f1e") && !middle.finds_in("t=canary-5f1"));
    let short = redactor("12345");
    assert!(short.finds_in("/p/12345?x") && !short.finds_in("after=9123456"));
}

#[test]
fn overlong_encoded_text_is_masked_and_unstorable() {
    let redactor = redactor("canary-5f1e9c02");
    for text in ["%25%25".repeat(175_000), "%2525".repeat(200_000)] {
        let _bounded = redactor.redact(&text);
    }
    let endless = "QUFB".repeat(262_144);
    assert_eq!(redactor.redact(&endless), MASK);
    assert!(redactor.finds_in(&endless));
}

#[test]
fn oldest_transient_secret_is_forgotten_first() {
    let redactor = redactor("kept-kept-kept");
    for number in 0..=PASSING_MAX {
        redactor.remember(&format!("{number}-token-{number}-{number}"));
        redactor.remember("1-token-1-1");
    }
    assert_eq!(redactor.redact("kept-kept-kept"), "***");
    assert_eq!(redactor.redact("1-token-1-1"), "***");
    assert_eq!(redactor.redact("0-token-0-0"), "0-token-0-0");
}

/// A lossless way to escape a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escaping {
    PercentUpper,
    PercentLower,
    PercentEverything,
    Form,
    HtmlDecimal,
    HtmlHex,
    HtmlNamed,
    Json,
    JsonUnicode,
    Base64,
    Base64Unpadded,
    Base64Url,
    Base64UrlPadded,
    HexLower,
    HexUpper,
    HexColons,
    HexPrefixes,
    PercentU,
    BackslashX,
    BackslashBraces,
    Octal,
    QuotedPrintable,
    Spaced,
    Base32,
}

const ESCAPINGS: [Escaping; 24] = [
    Escaping::PercentUpper,
    Escaping::PercentLower,
    Escaping::PercentEverything,
    Escaping::Form,
    Escaping::HtmlDecimal,
    Escaping::HtmlHex,
    Escaping::HtmlNamed,
    Escaping::Json,
    Escaping::JsonUnicode,
    Escaping::Base64,
    Escaping::Base64Unpadded,
    Escaping::Base64Url,
    Escaping::Base64UrlPadded,
    Escaping::HexLower,
    Escaping::HexUpper,
    Escaping::HexColons,
    Escaping::HexPrefixes,
    Escaping::PercentU,
    Escaping::BackslashX,
    Escaping::BackslashBraces,
    Escaping::Octal,
    Escaping::QuotedPrintable,
    Escaping::Spaced,
    Escaping::Base32,
];

impl Escaping {
    /// `c` escaped on its own.
    fn char(self, c: char) -> String {
        let mut room = [0; 4];
        let bytes = c.encode_utf8(&mut room).bytes();
        let plain = c.is_ascii_alphanumeric();
        let percent = |format: fn(u8) -> String| bytes.clone().map(format).collect::<String>();
        let name = match c {
            '&' => "amp",
            '<' => "lt",
            '>' => "gt",
            '"' => "quot",
            '\'' => "apos",
            '+' => "plus",
            '=' => "equals",
            '/' => "sol",
            _ => "",
        };
        match self {
            Self::PercentEverything => percent(|byte| format!("%{byte:02X}")),
            Self::Form if c == ' ' => "+".to_owned(),
            Self::PercentUpper | Self::Form if !plain => percent(|byte| format!("%{byte:02X}")),
            Self::PercentLower if !plain => percent(|byte| format!("%{byte:02x}")),
            Self::HtmlDecimal if !plain => format!("&#{};", u32::from(c)),
            Self::HtmlHex if !plain => format!("&#x{:x};", u32::from(c)),
            Self::HtmlNamed if !name.is_empty() => format!("&{name};"),
            Self::Json if matches!(c, '"' | '\\' | '/') => format!("\\{c}"),
            Self::JsonUnicode if !plain => {
                let mut escaped = String::new();
                for unit in c.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04x}"));
                }
                escaped
            }
            Self::HexLower => percent(|byte| format!("{byte:02x}")),
            Self::HexUpper => percent(|byte| format!("{byte:02X}")),
            Self::HexColons => percent(|byte| format!("{byte:02x}:")),
            Self::HexPrefixes => percent(|byte| format!("0x{byte:02x}, ")),
            Self::PercentU if !plain => {
                let mut escaped = String::new();
                for unit in c.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("%u{unit:04X}"));
                }
                escaped
            }
            Self::BackslashX if !plain => percent(|byte| format!("\\x{byte:02x}")),
            Self::BackslashBraces if !plain => format!("\\u{{{:x}}}", u32::from(c)),
            Self::Octal if !plain => percent(|byte| format!("\\{byte:03o}")),
            Self::QuotedPrintable => percent(|byte| format!("={byte:02X}")),
            Self::Spaced => format!("{c} "),
            _ => c.to_string(),
        }
    }

    /// The text as digits, and the bits of each.
    fn digits(self, text: &str) -> Option<(String, usize)> {
        match self {
            Self::Base64 => Some((STANDARD.encode(text), 6)),
            Self::Base64Unpadded => Some((STANDARD_NO_PAD.encode(text), 6)),
            Self::Base64Url => Some((URL_SAFE_NO_PAD.encode(text), 6)),
            Self::Base64UrlPadded => Some((URL_SAFE.encode(text), 6)),
            Self::Base32 => Some((base32(text.as_bytes()), 5)),
            _ => None,
        }
    }
}

fn base32(bytes: &[u8]) -> String {
    let bits = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1));
    let bits: Vec<_> = bits.collect();
    let digit = |bits: &[u8]| {
        let value = (0..5).fold(0, |value, at| {
            value << 1 | usize::from(bits.get(at) == Some(&1))
        });
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[value])
    };
    bits.chunks(5).map(digit).collect()
}

/// A text, with the range of the value's bytes that each of its bytes reveals.
#[derive(Debug, Clone)]
struct Written {
    text: String,
    origins: Vec<Option<(usize, usize)>>,
}

impl Written {
    fn of(value: &str) -> Self {
        Self {
            text: value.to_owned(),
            origins: (0..value.len()).map(|at| Some((at, at))).collect(),
        }
    }

    fn inside(&self, before: &str, after: &str) -> Self {
        let none = |text: &str| vec![None; text.len()];
        Self {
            text: format!("{before}{}{after}", self.text),
            origins: [none(before), self.origins.clone(), none(after)].concat(),
        }
    }

    fn origin_of(&self, range: Range<usize>) -> Option<(usize, usize)> {
        let origin = self.origins.get(range)?.iter().flatten();
        let (from, to): (Vec<_>, Vec<_>) = origin.copied().unzip();
        from.into_iter().min().zip(to.into_iter().max())
    }

    fn escaped(&self, escaping: Escaping) -> Self {
        if let Some((text, bits)) = escaping.digits(&self.text) {
            let from = |digit: usize| {
                let first = digit * bits / 8;
                self.origin_of(first..((digit * bits + bits - 1) / 8 + 1).min(self.text.len()))
            };
            let digits = (self.text.len() * 8).div_ceil(bits);
            let origins = (0..text.len()).map(|at| if at < digits { from(at) } else { None });
            return Self {
                origins: origins.collect(),
                text,
            };
        }
        let mut out = Self {
            text: String::new(),
            origins: Vec::new(),
        };
        for (at, c) in self.text.char_indices() {
            let written = escaping.char(c);
            let origin = self.origin_of(at..at + c.len_utf8());
            out.origins.extend(vec![origin; written.len()]);
            out.text.push_str(&written);
        }
        out
    }

    /// The longest run of the value's bytes that `places` leaves visible.
    fn longest_left(&self, value: &str, places: &[Range<usize>]) -> usize {
        let mut is_hidden = vec![false; value.len()];
        for (at, origin) in self.origins.iter().enumerate() {
            if let Some((from, to)) = origin
                && places.iter().any(|place| place.contains(&at))
            {
                is_hidden[*from..=*to].fill(true);
            }
        }
        let runs = is_hidden.split(|hidden| *hidden);
        runs.map(<[bool]>::len).max().unwrap_or(0)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn chained_encodings_reveal_under_sixteen_secret_characters(
        value in "[ -~]{4,15}|[ -~]{16,70}|[A-Za-z0-9+/=_.~-]{20,60}|[a-z€é😀+ ]{8,40}",
        chain in proptest::collection::vec(
            (proptest::sample::select(&ESCAPINGS[..]), "[a-z:]{0,3}", "[a-z:]{0,3}"),
            0..=3,
        ),
        before in "[ -%'-\\[\\]-~]{0,12}[ =:\"(]",
        after in "[ -~]{0,12}",
    ) {
        // White space around a secret does not belong to it.
        let value = value.trim().to_owned();
        let bare = readings::without_separators(&value).unwrap_or_else(|| value.clone());
        prop_assume!(bare.len() >= VALUE_BYTES_MIN);
        // `+` is a digit of base64, so it is a space in a value and no separator.
        let has = |wanted| chain.iter().any(|(escaping, ..)| *escaping == wanted);
        prop_assume!(!(has(Escaping::Form) && (has(Escaping::Spaced) || has(Escaping::HexPrefixes))));
        let redactor = redactor(&value);
        let mut written = Written::of(&value);
        for (escaping, before, after) in &chain {
            written = written.inside(before, after).escaped(*escaping);
        }
        let written = written.inside(&before, &after);
        let places = redactor.places_in(&written.text);
        let left = written.longest_left(&value, &places);
        let allowed = value.len().min(HELD_BYTES);
        prop_assert!(left < allowed, "{left} of {value:?} in {:?}: {places:?}", written.text);
        if bare.len() >= PIECE_BYTES {
            prop_assert!(redactor.finds_in(&written.text), "{value:?} in {:?}", written.text);
        }
    }
}
