//! Why a store could not do what it was asked, by what the caller can do about it.

use windlass_core::ids::WindowId;
use windlass_core::progress::Progress;
use windlass_core::transition::IllegalMove;
use windlass_core::window::Window;

/// A store's own failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Nothing was read or written; the same call may succeed later.
    #[error("the state store is not available: {0}")]
    Unavailable(String),
    /// A write may or may not have been applied. Repeat it: the refusal then shows which.
    #[error("the outcome of a state write is unknown: {0}")]
    Unknown(String),
    /// There is no room left. Nothing was written.
    #[error("the state store is full: {0}; free some space and run again")]
    Full(String),
    /// A stored item cannot be understood. It is left as it is.
    #[error("the stored item {key} cannot be read: {problem}")]
    Corrupt {
        /// Which item.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The store was written by another version of windlass.
    #[error(
        "the state is of schema version {found} and this windlass reads {supported}; \
         use the windlass that wrote it, or a newer one"
    )]
    Version {
        /// The version found.
        found: i64,
        /// The version this program reads and writes.
        supported: i64,
    },
    /// The store cannot be opened or does not permit what was asked.
    #[error("the state store refuses: {0}")]
    Refused(String),
}

/// A move of a window was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoveError {
    /// The condition did not hold. Nothing changed; `current` is the window as it stands, which
    /// also answers whether an earlier write with an unknown outcome was applied.
    #[error("window {} did not move: {why}", current.id())]
    Refused {
        /// The window as stored.
        current: Box<Window>,
        /// Which condition failed.
        why: IllegalMove,
    },
    /// There is no such window.
    #[error("there is no window {0}")]
    NotFound(WindowId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StateError),
}

/// A split of a window was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Something is not as it was planned from: the named window or marks. Nothing changed.
    #[error("the window was not split: {0} changed since the split was planned")]
    Conflict(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StateError),
}

/// A compare-and-set write was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    /// Somebody else wrote since the caller read; the current value, if any.
    #[error("somebody else moved the progress of this timeline")]
    Conflict(Option<Box<Progress>>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StateError),
}
