//! The parts of a window: its phase with the data of that phase, the present attempt, and the
//! history, with the accessors of the last two.

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Cursor, PageTotals};
use crate::ids::Owner;
use crate::time::Timestamp;
use crate::window::Window;

/// The delivered part of a window that waits for its split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivered {
    /// No part: the window was too large to be read at all.
    #[default]
    Nothing,
    /// The time before the split point.
    Before,
    /// The time from the split point on.
    After,
}

/// The split point of a window, and its delivered part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SplitPoint {
    /// A multiple of the unit, strictly inside the window.
    pub at: Timestamp,
    /// The delivered part.
    pub delivered: Delivered,
}

/// The phases of a window, each with its own data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Work remains.
    Open {
        /// The place at which the next run continues; `None` at page one.
        place: Option<Place>,
        stage: Stage,
    },
    /// No work remains, so there is neither a place nor a wait.
    Done {
        at: Timestamp,
        /// The instant from which its history may be deleted.
        expires_at: Timestamp,
    },
}

/// The stages of an open window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    Ready(Wait),
    Dispatched {
        /// The instant at which the dispatch counts as lost.
        until: Timestamp,
    },
    Running {
        /// The nonce of the claim that holds it.
        owner: Owner,
        lease_until: Timestamp,
    },
    Parked {
        reason: String,
        /// The instant at which a suspect is probed without an operator.
        retry_at: Option<Timestamp>,
        /// A split that is still pending once the window is retried.
        split: Option<SplitPoint>,
    },
}

/// The waits of a ready window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wait {
    /// Earliest next claim; `None` for at once.
    pub(super) not_before: Option<Timestamp>,
    /// The split that the next tick makes, before the window can be dispatched.
    pub(super) split: Option<SplitPoint>,
}

/// The place at which an open window continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) cursor: Cursor,
    /// The run that ended without having sent the one-time token. The run after it may send the
    /// token; a later one may not, because a run in between may have sent it.
    pub(super) unsent_after: Option<u32>,
}

/// The counts and times that restart at page one, without the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) totals: PageTotals,
    /// The sink position after the last checkpoint; `None` from a sink without one.
    pub(super) sink_position: Option<String>,
    /// True if every page so far kept the order that its manifest declares.
    pub(super) ordered: bool,
    /// True if the ids of all delivered records are stored.
    pub(super) remembered: bool,
}

impl Attempt {
    /// An attempt that has delivered nothing.
    pub(super) fn new() -> Self {
        Self {
            totals: PageTotals::default(),
            sink_position: None,
            ordered: true,
            remembered: true,
        }
    }
}

/// The counts and times of a window's whole life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct History {
    /// Checkpointed pages. Never decreases, even by a restart.
    pub(super) page: u64,
    pub(super) runs: u32,
    /// Runs since the last checkpoint that count towards parking.
    pub(super) attempts: u32,
    /// Consecutive deaths of the process while the window was in flight without a page.
    pub(super) deaths: u32,
    /// Runs since the last checkpoint that ended in an outage or a page error.
    pub(super) setbacks: u32,
    /// Restarts at page one.
    pub(super) restarts: u32,
    /// Restarts that an operator's retry has forgiven.
    pub(super) restarts_forgiven: u32,
    /// Runs that delivered pages and ended before the window did, since it was last split.
    pub(super) overruns: u32,
    /// True if a file that this state did not write may have some of its records.
    pub(super) adopted: bool,
    /// Slowest of the last pages in milliseconds; halves with each faster page.
    pub(super) slowest_page_ms: i64,
    /// The last error. A parked window has its reason instead.
    pub(super) last_error: Option<String>,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

impl History {
    /// The history of a window that is created at `now`.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            page: 0,
            runs: 0,
            attempts: 0,
            deaths: 0,
            setbacks: 0,
            restarts: 0,
            restarts_forgiven: 0,
            overruns: 0,
            adopted: false,
            slowest_page_ms: 0,
            last_error: None,
            created_at: now,
            updated_at: now,
        }
    }
}

/// The accessors of both, beside the fields: a new attribute needs no other file for it.
impl Window {
    /// Checkpointed pages in the window's whole life. Never decreases, even by a restart.
    pub fn page(&self) -> u64 {
        self.history.page
    }

    /// The sink position after the last checkpoint; `None` from a sink without one.
    pub fn sink_position(&self) -> Option<&str> {
        self.attempt.sink_position.as_deref()
    }

    /// Records delivered since the last restart.
    pub fn records(&self) -> u64 {
        self.attempt.totals.records
    }

    /// Bytes of those records as received from the vendor.
    pub fn bytes(&self) -> u64 {
        self.attempt.totals.bytes
    }

    /// Rejects since the last restart.
    pub fn rejected(&self) -> u64 {
        self.attempt.totals.rejected
    }

    /// Records that a sweep found already delivered, since the last restart.
    pub fn known(&self) -> u64 {
        self.attempt.totals.known
    }

    /// Earliest record time since the last restart.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.attempt.totals.oldest
    }

    /// Latest record time since the last restart.
    pub fn newest(&self) -> Option<Timestamp> {
        self.attempt.totals.newest
    }

    /// Returns whether every page since the last restart kept the order that its manifest declares.
    pub fn ordered(&self) -> bool {
        self.attempt.ordered
    }

    /// Returns whether the ids of all records delivered since the last restart are stored.
    pub fn remembered(&self) -> bool {
        self.attempt.remembered
    }

    /// Returns whether a file that this state did not write may have some of its records. Their ids
    /// are stored, and are skipped.
    pub fn adopted(&self) -> bool {
        self.history.adopted
    }

    /// Number of runs, the present one included.
    pub fn runs(&self) -> u32 {
        self.history.runs
    }

    /// Runs since the last checkpoint that count towards parking.
    pub fn attempts(&self) -> u32 {
        self.history.attempts
    }

    /// Consecutive deaths of the process while this window was in flight without a page. One makes
    /// it a suspect.
    pub fn deaths(&self) -> u32 {
        self.history.deaths
    }

    /// Runs since the last checkpoint that ended in an outage or a page error; sets the next
    /// backoff.
    pub fn setbacks(&self) -> u32 {
        self.history.setbacks
    }

    /// Restarts at page one.
    pub fn restarts(&self) -> u32 {
        self.history.restarts
    }

    /// Restarts that an operator's retry has forgiven.
    pub fn restarts_forgiven(&self) -> u32 {
        self.history.restarts_forgiven
    }

    /// Runs that delivered pages and ended before the window did, since it was last split.
    pub fn overruns(&self) -> u32 {
        self.history.overruns
    }

    /// Slowest of the last pages, fetch and delivery, in milliseconds; halves with each faster
    /// page.
    pub fn slowest_page_ms(&self) -> i64 {
        self.history.slowest_page_ms
    }

    /// The last error, without secrets or record bodies. For a parked window, the reason.
    pub fn last_error(&self) -> Option<&str> {
        match self.stage() {
            Some(Stage::Parked { reason, .. }) => Some(reason),
            _ => self.history.last_error.as_deref(),
        }
    }

    /// The instant of its creation.
    pub fn created_at(&self) -> Timestamp {
        self.history.created_at
    }

    /// The instant of its last move.
    pub fn updated_at(&self) -> Timestamp {
        self.history.updated_at
    }
}
