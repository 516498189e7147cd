//! Ends of runs that do not complete their window.

use crate::frontier::SplitPoint;
use crate::time::Timestamp;

/// The end of a run that did not complete the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The cause, which decides whether the run counts against the window.
    pub cause: Cause,
    /// Earliest next claim; `None` for at once.
    pub not_before: Option<Timestamp>,
    /// The error message, for operators. `None` keeps the earlier one.
    pub error: Option<String>,
    /// The instant of the release.
    pub now: Timestamp,
}

/// The cause of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A shutdown request, a requested wait or a blocked source: never counts.
    Yielded,
    /// The deadline of the run has passed. With the split point of a window with too many overruns.
    OutOfTime(Option<SplitPoint>),
    /// The vendor or the sink is unavailable: lengthens the next wait, never parks.
    Outage,
    /// A repeatable page error, which counts unless there was a checkpoint since the claim.
    Failed,
    /// The vendor rejected or repeated its own page token: restart at page one.
    Restart,
    /// The same, for a window that did not fit into its runs: split it at this instant and restart
    /// both halves at page one. Counts as a restart, and forgives all restarts so far.
    Halve(Timestamp),
    /// The vendor rejected or repeated its own page token, and the frontier is known: split there,
    /// and read the rest from page one.
    Reenter(SplitPoint),
    /// The vendor cannot return so much in one request: split at this instant.
    Split(Timestamp),
    /// A cause that keeps the window's place, where page tokens work once: this run has not sent
    /// the stored token, or the vendor rejected it without serving a page.
    Unsent(Interruption),
}

/// The causes that keep the window's place: see [`Cause`] for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// [`Cause::Yielded`].
    Yielded,
    /// [`Cause::OutOfTime`].
    OutOfTime(Option<SplitPoint>),
    /// [`Cause::Outage`].
    Outage,
}

impl Cause {
    /// The same cause for a run that has not sent the stored page token. A cause that does not keep
    /// the window's place stays unchanged.
    #[must_use]
    pub const fn unsent(self) -> Self {
        match self {
            Self::Yielded => Self::Unsent(Interruption::Yielded),
            Self::OutOfTime(split) => Self::Unsent(Interruption::OutOfTime(split)),
            Self::Outage => Self::Unsent(Interruption::Outage),
            other => other,
        }
    }

    /// The same cause without the token use.
    #[must_use]
    pub const fn plain(self) -> Self {
        match self {
            Self::Unsent(Interruption::Yielded) => Self::Yielded,
            Self::Unsent(Interruption::OutOfTime(split)) => Self::OutOfTime(split),
            Self::Unsent(Interruption::Outage) => Self::Outage,
            other => other,
        }
    }
}
