//! Page tokens: text that names a position. The position stays right whatever is published
//! meanwhile, and belongs to one request.

use windlass_core::Timestamp;

/// The place of a record in a listing. Places ascend in the order in which records are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The time, the negated time, or a random number.
    pub(super) rank: i64,
    /// The record's number, or its complement, among equals.
    pub(super) number: i64,
    /// Number of its copy.
    pub(super) copy: u8,
}

impl Place {
    /// The place before every record.
    pub(super) const BEGIN: Self = Self {
        rank: i64::MIN,
        number: i64::MIN,
        copy: 0,
    };
}

/// The position that a token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// The records after so many of the listing as of an instant.
    Offset { as_of: Timestamp, offset: usize },
    /// The records after this one.
    After(Place),
}

/// A parsed token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) position: Position,
    /// Instant of its issue.
    pub(super) given: Timestamp,
    /// Distinguishes it from others for the same place.
    pub(super) nonce: u64,
    /// Its request, see [`hash`].
    pub(super) request: u64,
}

impl Token {
    /// The text that is sent.
    pub(super) fn write(&self) -> String {
        let (kind, a, b, c) = match self.position {
            Position::Offset { as_of, offset } => {
                let offset = i64::try_from(offset).unwrap_or(i64::MAX);
                ('o', as_of.as_ms(), offset, 0)
            }
            Position::After(Place { rank, number, copy }) => ('a', rank, number, copy),
        };
        let (given, nonce, request) = (self.given.as_ms(), self.nonce, self.request);
        format!("{kind}.{a}.{b}.{c}.{given}.{nonce}.{request:x}")
    }

    /// Parses `text`; `None` if it is not one of these tokens.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let kind = parts.next()?;
        let mut number = || parts.next()?.parse::<i64>().ok();
        let (a, b, c) = (number()?, number()?, number()?);
        let given = Timestamp::from_ms(number()?);
        let nonce = u64::try_from(number()?).ok()?;
        let request = u64::from_str_radix(parts.next()?, 16).ok()?;
        let position = match kind {
            "o" => Position::Offset {
                as_of: Timestamp::from_ms(a),
                offset: usize::try_from(b).ok()?,
            },
            "a" => Position::After(Place {
                rank: a,
                number: b,
                copy: u8::try_from(c).ok()?,
            }),
            _ => return None,
        };
        Some(Self {
            position,
            given,
            nonce,
            request,
        })
    }
}

/// A hash of a request without its token; the same one for the same parameters in any order.
pub(super) fn hash(query: &[(String, String)], token: &str) -> u64 {
    let mut pairs: Vec<_> = query.iter().filter(|(name, _)| name != token).collect();
    pairs.sort();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in format!("{pairs:?}").bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}
