//! Checkpoints: the durable progress of a window, one page at a time, as moves from page `from` to
//! the next.

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::source::Order;
use crate::time::Timestamp;

/// A vendor's page token, with the request that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The token as text; a stored next link holds no credentials.
    pub token: String,
    /// Hash of the request (without token) that returned the token. The token is valid only with
    /// the same parameters, so it is never sent with others.
    pub request: String,
}

/// Counts and times of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageTotals {
    /// Delivered records.
    pub records: u64,
    /// Bytes of the records as received from the vendor.
    pub bytes: u64,
    /// Records sent to `rejects`.
    pub rejected: u64,
    /// Records that a sweep found already delivered.
    pub known: u64,
    /// Earliest record time; `None` if no record has a time.
    pub oldest: Option<Timestamp>,
    /// Latest record time; `None` if no record has a time.
    pub newest: Option<Timestamp>,
}

impl PageTotals {
    /// Counts `lines` records as rejected that counted as delivered: they are too large for the sink.
    pub fn reject(&mut self, lines: usize) {
        let lines = u64::try_from(lines).unwrap_or(u64::MAX).min(self.records);
        self.records -= lines;
        self.rejected = self.rejected.saturating_add(lines);
    }

    /// Returns whether a page of these totals follows, in `order`, pages whose records range from
    /// `oldest` to `newest`.
    pub fn follows(
        &self,
        oldest: Option<Timestamp>,
        newest: Option<Timestamp>,
        order: Order,
    ) -> bool {
        match order {
            Order::OldestFirst => self.oldest.is_none_or(|first| Some(first) >= newest),
            Order::NewestFirst => match (self.newest, oldest) {
                (Some(first), Some(oldest)) => first <= oldest,
                _ => true,
            },
        }
    }
}

/// The move of a window past one page, in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageMove {
    /// The window's page before the move; the move applies to no other.
    pub from: u64,
    /// The page to read next; `None` only on the move that completes the window.
    pub cursor: Option<Cursor>,
    /// Counts and times of the page.
    pub totals: PageTotals,
    /// True if the page kept the declared order and each of its records has a time.
    pub ordered: bool,
    /// True if the state has stored the ids of the records.
    pub remembered: bool,
    /// The sink position after this page; `None` from a sink without one.
    pub sink_position: Option<String>,
    /// Duration of the page, fetch and delivery, in milliseconds.
    pub page_ms: i64,
    /// The instant of the move.
    pub now: Timestamp,
}

/// One delivered and acknowledged page: moves a window from page `from` to page `from + 1`. Made only from a
/// [`Commit`](crate::delivery::Commit), which comes behind every step that the move relies on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint(PageMove);

impl Checkpoint {
    pub(crate) const fn of(page: PageMove) -> Self {
        Self(page)
    }

    /// The `page` of the window after this move.
    pub const fn to(&self) -> u64 {
        self.0.from + 1
    }
}

impl Deref for Checkpoint {
    type Target = PageMove;

    fn deref(&self) -> &PageMove {
        &self.0
    }
}

/// A checkpoint without a delivery, for tests of what follows one.
#[cfg(any(test, feature = "test-util"))]
impl From<PageMove> for Checkpoint {
    fn from(page: PageMove) -> Self {
        Self(page)
    }
}

/// The earlier of two optional instants.
pub fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
#[path = "checkpoint_tests.rs"]
mod tests;
