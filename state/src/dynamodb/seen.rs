//! Seen pages: one item each, or several for a page with very many records.

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
        // The first piece is written last: it makes the others count.
        for piece in pieces(page).iter().rev() {
            // The write does not depend on the stored item, so one without a response may be sent
            // again here; the caller would have to start with the first piece.
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
                // Only an item of another form is not replaced, and reading it returns that error.
                met.map_or(Ok(()), |met| read::<SeenPiece>(met).map(drop))?;
                let changed = format!("{key}: another process changed it during the write");
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
        let mut responses = self.table.pages(&partition, range, Consistency::Consistent);
        let mut whole = Whole::default();
        let mut digests = 0;
        while let Some(items) = responses.next(usize::MAX).await? {
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

/// Pages from their pieces, without pieces left over from a longer version of a page.
#[derive(Debug, Default)]
struct Whole {
    pages: Vec<SeenPage>,
    /// Number of valid pieces of the last page.
    pieces: u32,
}

impl Whole {
    /// Adds the next piece by sort key, and returns the number of added digests.
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
