//! The events of a window. [`Window::apply`] applies them.
//!
//! [`Window::apply`]: crate::window::Window::apply

mod cause;
mod illegal;

pub use self::cause::{Cause, Interruption, Release};
pub use self::illegal::IllegalMove;

use crate::checkpoint::Checkpoint;
use crate::frontier::SplitPoint;
use crate::ids::Owner;
use crate::time::Timestamp;

/// A worker's claim of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The epoch in the worker's task, or as read.
    pub epoch: u64,
    /// A fresh nonce, one per call.
    pub owner: Owner,
    /// The end of the lease: the worker's deadline plus the skew allowance.
    pub lease_until: Timestamp,
    /// The instant of the claim.
    pub now: Timestamp,
}

/// An event of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Tick: a task that names the window is sent.
    Dispatch {
        /// The instant at which the dispatch counts as lost.
        until: Timestamp,
        /// The instant of the dispatch.
        now: Timestamp,
    },
    /// Worker: claims the window.
    Claim(Claim),
    /// Holder: one page is durable.
    Checkpoint(Checkpoint),
    /// Holder: the last page is durable.
    Complete {
        /// The checkpoint of the last page.
        last: Checkpoint,
        /// Retention of its history, in milliseconds.
        history_ms: i64,
    },
    /// Holder: releases the window.
    Release(Release),
    /// Tick: a lease or a dispatch has expired.
    Expire {
        /// The split point of a window with too many overruns; `None` for any other.
        split: Option<SplitPoint>,
        /// The instant of the expiry.
        now: Timestamp,
    },
    /// A new process takes the window back from one that was stopped on the same machine. The run
    /// does not count as an attempt, because another window may have stopped the process. A window
    /// without a page becomes a suspect.
    Recover {
        /// The instant of the recovery.
        now: Timestamp,
    },
    /// Tick: parks the window.
    Park {
        /// The reason that operators read.
        reason: String,
        /// The instant of the parking.
        now: Timestamp,
    },
    /// Tick: new windows now cover the time from `to` on.
    Shrink {
        /// The new end.
        to: Timestamp,
        /// The instant of the split.
        now: Timestamp,
    },
    /// Tick: the window is delivered up to `to`, and new windows now cover the rest.
    Close {
        /// The new end.
        to: Timestamp,
        /// Retention of its history, in milliseconds.
        history_ms: i64,
        /// The instant of the split.
        now: Timestamp,
    },
    /// Tick: the vendor has dropped the window's span before anything of it was read. The marks
    /// already list the span as unavailable.
    Lapse {
        /// Retention of its history, in milliseconds.
        history_ms: i64,
        /// The instant of the lapse.
        now: Timestamp,
    },
    /// Tick: probes a window that parked as a suspect.
    Probe {
        /// The instant of the probe.
        now: Timestamp,
    },
    /// Operator: retries a parked window.
    Retry {
        /// The instant of the retry.
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
