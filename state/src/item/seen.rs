//! The stored form of a seen page: digests of its record ids, in one item or several.

use serde::{Deserialize, Serialize};
use windlass_core::ids::{Generation, Lane, SourceName};
use windlass_core::invariant::{Consistent, Violation};
use windlass_core::limits;
use windlass_core::seen::{SeenBy, SeenPage};
use windlass_core::time::Timestamp;

use super::{Attributes, Stored, is_default, packed, read, write};
use crate::error::StateError;

/// The one packed attribute: digests of 8 bytes each, big endian, ascending. As a list of numbers,
/// a page of a thousand records would take 21 KB instead of 8, and a write unit is 1 KB. In this
/// form it is text, two hexadecimal digits per byte; stores hold the bytes.
pub const DIGESTS: &str = "digests";

/// A piece of a seen page, as one item holds it.
///
/// A page has as many items as it needs. Each of them holds their number, and the number in the
/// first one counts. The others are written before it. If a page is stored again with fewer pieces,
/// the old ones are therefore ignored as soon as the first is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenPiece {
    /// The page, with the digests of this piece.
    pub page: SeenPage,
    /// The number of the piece, from 0.
    pub piece: u32,
    /// The number of pieces.
    pub pieces: u32,
}

/// The items that hold `page`, in order; at least one.
pub fn pieces(page: &SeenPage) -> Vec<SeenPiece> {
    let mut digests = page.digests.clone();
    digests.sort_unstable();
    digests.dedup();
    let chunks: Vec<&[u64]> = if digests.is_empty() {
        vec![&[]]
    } else {
        digests.chunks(limits::SEEN_DIGESTS_PER_ITEM).collect()
    };
    let pieces = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
    (0..pieces)
        .zip(chunks)
        .map(|(piece, digests)| SeenPiece {
            page: SeenPage {
                digests: digests.to_vec(),
                ..page.clone()
            },
            piece,
            pieces,
        })
        .collect()
}

#[derive(Serialize, Deserialize)]
struct Form {
    source: SourceName,
    generation: Generation,
    at: Timestamp,
    from: Timestamp,
    lane: Lane,
    page: u64,
    piece: u32,
    pieces: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pass: u32,
    digests: String,
    expires_at: Timestamp,
}

/// INV-16: a piece is one of its page's pieces, and its digests ascend without repetition.
impl Consistent for SeenPiece {
    fn check(&self) -> Result<(), Violation> {
        let digests = &self.page.digests;
        if self.piece < self.pieces && digests.windows(2).all(|pair| pair[0] < pair[1]) {
            return Ok(());
        }
        Err(Violation {
            id: "INV-16",
            problem: format!("piece {} of {} of a page", self.piece, self.pieces),
        })
    }
}

impl Stored for SeenPiece {
    fn to_attributes(&self) -> Attributes {
        let Self {
            page,
            piece,
            pieces,
        } = self.clone();
        write(&Form {
            source: page.by.source,
            generation: page.by.generation,
            at: page.at,
            from: page.from,
            lane: page.lane,
            page: page.page,
            piece,
            pieces,
            pass: page.pass,
            digests: to_text(&page.digests),
            expires_at: page.expires_at,
        })
    }

    fn from_attributes(key: &str, attributes: Attributes) -> Result<Self, StateError> {
        read(key, attributes, Form::into_piece)
    }
}

impl Form {
    fn into_piece(self) -> Result<SeenPiece, String> {
        let by = SeenBy {
            source: self.source,
            generation: self.generation,
        };
        let page = SeenPage {
            by,
            at: self.at,
            from: self.from,
            lane: self.lane,
            page: self.page,
            pass: self.pass,
            digests: from_text(&self.digests)?,
            expires_at: self.expires_at,
        };
        Ok(SeenPiece {
            page,
            piece: self.piece,
            pieces: self.pieces,
        })
    }
}

fn to_text(digests: &[u64]) -> String {
    let bytes: Vec<u8> = digests.iter().flat_map(|it| it.to_be_bytes()).collect();
    packed::to_text(&bytes)
}

fn from_text(text: &str) -> Result<Vec<u64>, String> {
    let bytes = packed::to_bytes(text).unwrap_or_else(|| vec![0]);
    let (digests, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(format!("`{DIGESTS}` is not made of digests of 8 bytes"));
    }
    Ok(digests.iter().map(|it| u64::from_be_bytes(*it)).collect())
}
