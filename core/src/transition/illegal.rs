//! Why a move may not be made.

use crate::time::Timestamp;
use crate::window::Status;

/// The move is not in the state diagram, or not for this caller. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IllegalMove {
    /// No such edge.
    #[error("a {status} window cannot {event}")]
    Edge {
        /// The status it has.
        status: Status,
        /// The event that was tried.
        event: &'static str,
    },
    /// The caller's epoch is not the window's: it changed hands.
    #[error("epoch {given} has been replaced by {current}")]
    Epoch {
        /// The caller's.
        given: u64,
        /// The window's.
        current: u64,
    },
    /// The checkpoint does not continue where the window stands.
    #[error("a checkpoint from page {given} cannot move a window at page {current}")]
    Page {
        /// The page the checkpoint moves from.
        given: u64,
        /// The page the window is at.
        current: u64,
    },
    /// It waits for `not_before` or for a split.
    #[error("the window is not due")]
    NotDue,
    /// A split or shrink point does not lie strictly inside the window.
    #[error("{at} does not lie inside {from}..{to}")]
    OutOfSpan {
        /// The point.
        at: Timestamp,
        /// Where the window starts.
        from: Timestamp,
        /// Where it ends.
        to: Timestamp,
    },
    /// What lies before that point is not known to be delivered.
    #[error("what lies before {at} is not known to be delivered")]
    NotDelivered {
        /// The point.
        at: Timestamp,
    },
    /// It has begun already.
    #[error("the window has delivered pages")]
    Begun,
    /// A checkpoint without a cursor that does not complete the window.
    #[error("a checkpoint that does not complete the window needs a cursor")]
    NoCursor,
}
