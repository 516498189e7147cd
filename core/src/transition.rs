//! Everything that can happen to a window. [`Window::apply`] makes it happen.
//!
//! [`Window::apply`]: crate::window::Window::apply

mod cause;
mod illegal;

pub use self::cause::{Cause, Kept, Release};
pub use self::illegal::IllegalMove;

use crate::checkpoint::Checkpoint;
use crate::frontier::Split;
use crate::ids::Owner;
use crate::time::Timestamp;

/// A worker asks for a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The epoch the worker was told, or read.
    pub epoch: u64,
    /// A fresh nonce, one per call.
    pub owner: Owner,
    /// When the lease ends: the worker's deadline plus the skew allowance.
    pub lease_until: Timestamp,
    /// When.
    pub now: Timestamp,
}

/// Everything that can happen to a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Tick: a task that names the window is sent.
    Dispatch {
        /// When the dispatch counts as lost.
        until: Timestamp,
        /// When.
        now: Timestamp,
    },
    /// Worker: takes it.
    Claim(Claim),
    /// Holder: one page is durable.
    Checkpoint(Checkpoint),
    /// Holder: the last page is durable.
    Complete {
        /// The last page.
        last: Checkpoint,
        /// How long its history stays, in milliseconds.
        history_ms: i64,
    },
    /// Holder: gives it back.
    Release(Release),
    /// Tick: a lease or a dispatch ran out.
    Expire {
        /// Where to split, if the window has run out of time too often.
        split: Option<Split>,
        /// When.
        now: Timestamp,
    },
    /// A new process takes it back from one that was stopped on the same machine. Excused: it may not
    /// have been this window that stopped the process, but without a page it is a suspect.
    Recover {
        /// When.
        now: Timestamp,
    },
    /// Tick: gives it up.
    Park {
        /// Why.
        reason: String,
        /// When.
        now: Timestamp,
    },
    /// Tick: what lies at and after `to` has windows of its own now.
    Shrink {
        /// The new end.
        to: Timestamp,
        /// When.
        now: Timestamp,
    },
    /// Tick: what it has delivered ends at `to`, and the rest has windows of its own now.
    Close {
        /// The new end.
        to: Timestamp,
        /// How long its history stays, in milliseconds.
        history_ms: i64,
        /// When.
        now: Timestamp,
    },
    /// Tick: the vendor no longer keeps what it covers, and nothing of it was read. Its span is
    /// among the unavailable ones by now.
    Lapse {
        /// How long its history stays, in milliseconds.
        history_ms: i64,
        /// When.
        now: Timestamp,
    },
    /// Tick: tries a window once more that parked as a suspect.
    Probe {
        /// When.
        now: Timestamp,
    },
    /// Operator: tries a parked window again.
    Retry {
        /// When.
        now: Timestamp,
    },
}

impl Event {
    /// The name in the state diagram and in logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Dispatch { .. } => "dispatch",
            Self::Claim(_) => "claim",
            Self::Checkpoint(_) => "checkpoint",
            Self::Complete { .. } => "complete",
            Self::Release(_) => "release",
            Self::Expire { .. } => "expire",
            Self::Recover { .. } => "recover",
            Self::Park { .. } => "park",
            Self::Shrink { .. } => "shrink",
            Self::Close { .. } => "close",
            Self::Lapse { .. } => "lapse",
            Self::Probe { .. } => "probe",
            Self::Retry { .. } => "retry",
        }
    }
}
