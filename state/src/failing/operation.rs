//! The operations of a store.

use windlass_core::moves::Move;

/// A method of [`StateStore`](crate::StateStore).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the method of that name")]
pub enum Operation {
    Sources,
    Source,
    ApplySource,
    BlockSource,
    SetPause,
    Progress,
    SaveProgress,
    Create,
    Split,
    Window,
    OpenWindows,
    WindowsAt,
    History,
    Claim,
    Checkpoint,
    Complete,
    Release,
    Decide,
    RateState,
    StartCooldown,
    StoreClock,
    ReserveRequests,
    Remember,
    Seen,
    Sync,
    ExpireHistory,
}

impl Operation {
    /// The operation of the move `asked`.
    pub const fn of(asked: &Move<'_>) -> Self {
        match asked {
            Move::Claim(..) => Self::Claim,
            Move::Checkpoint(..) => Self::Checkpoint,
            Move::Complete(..) => Self::Complete,
            Move::Release(..) => Self::Release,
            Move::Decide(..) => Self::Decide,
        }
    }

    /// Returns whether the operation may change stored items.
    pub const fn is_write(self) -> bool {
        !matches!(
            self,
            Self::Sources
                | Self::Source
                | Self::Progress
                | Self::Window
                | Self::OpenWindows
                | Self::WindowsAt
                | Self::History
                | Self::RateState
                | Self::Seen
        )
    }
}
