//! Reasons against a move.

use crate::time::Timestamp;
use crate::window::Status;

/// The error of a move that is not in the state diagram, or not for this caller. The window is
/// unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IllegalMove {
    /// The state diagram has no such edge.
    #[error("a {status} window cannot {event}")]
    Edge {
        /// The present status.
        status: Status,
        /// The attempted event.
        event: &'static str,
    },
    /// The caller's epoch is out of date: the window has changed ownership.
    #[error("epoch {given} is out of date: the window has epoch {current}")]
    Epoch {
        /// The epoch of the caller.
        given: u64,
        /// The epoch of the window.
        current: u64,
    },
    /// The checkpoint does not continue at the window's page.
    #[error("a checkpoint from page {given} cannot move a window at page {current}")]
    Page {
        /// The page from which the checkpoint moves.
        given: u64,
        /// The page of the window.
        current: u64,
    },
    /// The window waits for `not_before` or for a split.
    #[error("the window is not due")]
    NotDue,
    /// A split or shrink point does not lie strictly inside the window.
    #[error("{at} is outside the window {from}..{to}")]
    OutOfSpan {
        /// The split or shrink point.
        at: Timestamp,
        /// The start of the window.
        from: Timestamp,
        /// The end of the window.
        to: Timestamp,
    },
    /// The time before that point is not known to be delivered.
    #[error("the time before {at} is not known to be delivered")]
    NotDelivered {
        /// The end that was requested.
        at: Timestamp,
    },
    /// The window has delivered pages.
    #[error("the window has already delivered pages")]
    Begun,
    /// A checkpoint without a cursor that does not complete the window.
    #[error("a checkpoint that does not complete the window needs a cursor")]
    NoCursor,
}
