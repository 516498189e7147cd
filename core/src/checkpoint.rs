//! Checkpoints: the durable progress of a window, one page at a time, as `{from, to}` moves.

use serde::{Deserialize, Serialize};

use crate::source::Order;
use crate::time::Timestamp;

/// A vendor's page token, with the request it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The token, as text; credentials have been taken out of a stored next link.
    pub token: String,
    /// Hash of the request (without token) it was given for. A cursor is never used for another:
    /// a token is valid only with the parameters that made it.
    pub request: String,
}

/// What one page added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PageTotals {
    /// Records delivered.
    pub records: u64,
    /// Their bytes as the vendor sent them.
    pub bytes: u64,
    /// Records sent to `rejects`.
    pub rejected: u64,
    /// Records that a sweep found delivered already.
    pub known: u64,
    /// Earliest record time.
    pub oldest: Option<Timestamp>,
    /// Latest record time.
    pub newest: Option<Timestamp>,
}

impl PageTotals {
    /// Whether a page of these totals comes, in `order`, after pages whose records were from `oldest` to
    /// `newest`.
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

/// One page delivered and acknowledged: moves a window from page `from` to page `from + 1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The `page` the window has before; the move applies to no other.
    pub from: u64,
    /// Where to go on; `None` only on the move that completes the window.
    pub cursor: Option<Cursor>,
    /// What the page added.
    pub totals: PageTotals,
    /// Whether the page kept the declared order, and says when each of its records was.
    pub ordered: bool,
    /// Whether the ids of its records are remembered.
    pub remembered: bool,
    /// What the sink needs to go on after this page.
    pub sink_position: Option<String>,
    /// How long the page took, fetch and delivery, in milliseconds.
    pub page_ms: i64,
    /// When.
    pub now: Timestamp,
}

impl Checkpoint {
    /// The `page` the window has after this move.
    pub const fn to(&self) -> u64 {
        self.from + 1
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
