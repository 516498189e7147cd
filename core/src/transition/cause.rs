//! How a run ends that does not complete its window.

use crate::frontier::Split;
use crate::time::Timestamp;

/// How a run ended without completing the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// What happened and whether it counts against the window.
    pub cause: Cause,
    /// Earliest next claim.
    pub not_before: Option<Timestamp>,
    /// What went wrong, for people. Kept from before when `None`.
    pub error: Option<String>,
    /// When.
    pub now: Timestamp,
}

/// Why a worker gave a window back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Told to stop, told to wait, or its source is blocked: never counts.
    Yielded,
    /// Out of time. With it, where to split if the window has run out of time too often.
    OutOfTime(Option<Split>),
    /// The vendor or the sink is unwell: lengthens the next wait, never parks.
    Outage,
    /// A repeatable page error, which counts unless a checkpoint was made since the claim.
    Failed,
    /// The vendor rejected or repeated its own token: begin again at page one.
    Restart,
    /// The same, of a window that has not fitted the runs it had: split it at this instant, so that
    /// each part has more of a chance, and begin again with both at page one. Counts as a restart,
    /// and forgives those so far.
    Halve(Timestamp),
    /// The vendor rejected or repeated its own token, and it is known what has been delivered: split
    /// there, and go on with the rest at page one.
    Reenter(Split),
    /// The request is too large for the vendor: split at this instant.
    Split(Timestamp),
    /// One of those that keep the window's place, where a page token may be sent once only: this run
    /// has not sent the stored one, or the vendor has refused it without serving a page.
    Unsent(Kept),
}

/// Why a worker gave a window back whose place is kept: see [`Cause`] for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// [`Cause::Yielded`].
    Yielded,
    /// [`Cause::OutOfTime`].
    OutOfTime(Option<Split>),
    /// [`Cause::Outage`].
    Outage,
}

impl Cause {
    /// The same, of a run that has not sent the stored page token. What does not keep the window's
    /// place stays as it is.
    #[must_use]
    pub const fn unsent(self) -> Self {
        match self {
            Self::Yielded => Self::Unsent(Kept::Yielded),
            Self::OutOfTime(split) => Self::Unsent(Kept::OutOfTime(split)),
            Self::Outage => Self::Unsent(Kept::Outage),
            other => other,
        }
    }

    /// The same without what became of the token.
    #[must_use]
    pub const fn plain(self) -> Self {
        match self {
            Self::Unsent(Kept::Yielded) => Self::Yielded,
            Self::Unsent(Kept::OutOfTime(split)) => Self::OutOfTime(split),
            Self::Unsent(Kept::Outage) => Self::Outage,
            other => other,
        }
    }
}
