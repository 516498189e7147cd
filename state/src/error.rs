//! Errors of a store, by the caller's possible response.

use windlass_core::ids::WindowId;
use windlass_core::progress::Progress;
use windlass_core::transition::IllegalMove;
use windlass_core::window::Window;

/// A failure of the store itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Nothing was read or written; the same call may succeed later.
    #[error("the state store is not available: {0}")]
    Unavailable(String),
    /// A write may or may not have been applied. The caller repeats it: if it then loses, the
    /// returned item shows whether it was applied.
    #[error("the outcome of a state write is unknown: {0}")]
    Unknown(String),
    /// The store is full. Nothing was written.
    #[error("the state store is full: {0}; free some space and run again")]
    Full(String),
    /// A stored item is invalid. It stays unchanged.
    #[error("the stored item {key} cannot be read: {problem}")]
    Corrupt {
        /// The key of the item.
        key: String,
        /// The fault of the item.
        problem: String,
    },
    /// The store was written by another version of windlass.
    #[error(
        "the state has schema version {found}, and this windlass reads version {supported}; use \
         the windlass that wrote it, or a newer one"
    )]
    Version {
        /// The version found.
        found: i64,
        /// The version this program reads and writes.
        supported: i64,
    },
    /// The store cannot be opened or does not permit the operation.
    #[error("the state store cannot be used: {0}")]
    Refused(String),
}

/// The error of a move of a window that was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoveError {
    /// The condition did not hold, and nothing changed. `current` is the stored window, which also
    /// shows whether an earlier write with an unknown outcome was applied.
    #[error("window {} did not move: {why}", current.id())]
    Refused {
        /// The window as stored.
        current: Box<Window>,
        /// The failed condition.
        why: IllegalMove,
    },
    /// The store has no such window.
    #[error("there is no window {0}")]
    NotFound(WindowId),
    /// A failure of the store.
    #[error(transparent)]
    Store(#[from] StateError),
}

/// The error of a split that was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The named window or marks changed since the split was planned. Nothing was written.
    #[error("the window was not split: {0} changed since the split was planned")]
    Conflict(String),
    /// A failure of the store.
    #[error(transparent)]
    Store(#[from] StateError),
}

/// The error of a compare-and-set write that was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    /// Another caller wrote after this one's read. With the present value, if any.
    #[error("the conditional write lost: another process moved the marks of this timeline")]
    Conflict(Option<Box<Progress>>),
    /// A failure of the store.
    #[error(transparent)]
    Store(#[from] StateError),
}
