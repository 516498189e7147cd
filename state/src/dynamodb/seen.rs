//! What pages delivered: one item each, or several when a page has very many records.

use windlass_core::seen::{SeenBy, SeenPage};
use windlass_core::span::Span;

use super::DynamoStore;
use super::attributes::{TTL, item, read, read_all};
use super::conditions;
use super::errors::Failed;
use super::expression::Placeholders;
use super::reads::{Consistency, Range};
use crate::error::StateError;
use crate::item::{Key, SeenPiece, Stored, pieces};

impl DynamoStore {
    pub(super) async fn remember_page(&self, page: &SeenPage) -> Result<(), StateError> {
        // The first one last: with it, the others count.
        for piece in pieces(page).iter().rev() {
            // It is the same whatever was there, so one without an answer may be sent again; its
            // caller would have to begin with the first.
            match self.remember_piece(piece).await {
                Err(StateError::Unknown(_)) => self.remember_piece(piece).await?,
                known => known?,
            }
        }
        Ok(())
    }

    async fn remember_piece(&self, piece: &SeenPiece) -> Result<(), StateError> {
        let mut p = Placeholders::default();
        let condition = conditions::is_absent_or_ours(&mut p);
        let mut attributes = piece.to_attributes();
        let expires = piece.page.expires_at.as_seconds();
        attributes.insert(TTL.to_owned(), expires.into());
        let key = Key::seen(piece);
        match self.table.put(item(&key, attributes), condition, p).await {
            Ok(()) => Ok(()),
            Err(Failed::State(error)) => Err(error),
            Err(Failed::Condition(met)) => {
                // Only one of another form is not replaced, and reading it says so.
                met.map_or(Ok(()), |met| read::<SeenPiece>(met).map(drop))?;
                let changed = format!("{key} changed while it was written");
                Err(StateError::Unavailable(changed))
            }
        }
    }

    pub(super) async fn seen_inside(
        &self,
        by: &SeenBy,
        span: Span,
        digests_max: usize,
    ) -> Result<Option<Vec<SeenPage>>, StateError> {
        let (first, last) = Key::seen_between(span);
        let partition = Key::seen_by(by);
        let range = Range::Between(first, last);
        let mut answers = self.table.pages(&partition, range, Consistency::Consistent);
        let mut whole = Whole::default();
        let mut digests = 0;
        while let Some(items) = answers.next(usize::MAX).await? {
            for piece in read_all(items)? {
                digests += whole.take(piece);
            }
            if digests > digests_max {
                return Ok(None);
            }
        }
        Ok(Some(whole.pages))
    }
}

/// Pages from their pieces, without those that a longer memory of a page has left over.
#[derive(Debug, Default)]
struct Whole {
    pages: Vec<SeenPage>,
    /// How many pieces of the last page count.
    pieces: u32,
}

impl Whole {
    /// Takes the next piece by sort key; how many digests that adds.
    fn take(&mut self, next: SeenPiece) -> usize {
        let SeenPiece {
            page,
            piece,
            pieces,
        } = next;
        let place = |it: &SeenPage| (it.at, it.from, it.lane.clone(), it.page);
        if piece == 0 {
            self.pieces = pieces;
        } else {
            let follows = self
                .pages
                .last()
                .is_some_and(|it| place(it) == place(&page));
            if !follows || piece >= self.pieces {
                return 0;
            }
        }
        let digests = page.digests.len();
        self.pages.push(page);
        digests
    }
}

#[cfg(test)]
#[path = "seen_tests.rs"]
mod tests;
