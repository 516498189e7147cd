//! The parts of a window: its phase with what only that phase has, the attempt in progress, and the
//! history of its life, with the accessors of the last two.

use serde::{Deserialize, Serialize};

use crate::checkpoint::{Cursor, PageTotals};
use crate::ids::Owner;
use crate::time::Timestamp;
use crate::window::Window;

/// The part of a window that is delivered when it waits to be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivered {
    /// None of it: the window was too large to be read at all.
    #[default]
    Nothing,
    /// What lies before the split point.
    Before,
    /// What lies at the split point and after it.
    After,
}

/// Where a window is to be split, and which part of it is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Split {
    /// A multiple of the unit, strictly inside the window.
    pub at: Timestamp,
    /// The delivered part.
    pub delivered: Delivered,
}

/// The phases of a window, each with what only a window there has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Work remains.
    Open {
        /// The place to go on at; `None` at page one.
        place: Option<Place>,
        stage: Stage,
    },
    /// Nothing remains, so there is no place to go on at and nothing to wait for.
    Done {
        at: Timestamp,
        /// When its history may be deleted.
        expires_at: Timestamp,
    },
}

/// The stages of an open window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    Ready(Wait),
    Dispatched {
        /// When the dispatch counts as lost.
        until: Timestamp,
    },
    Running {
        /// The nonce of the claim that holds it.
        owner: Owner,
        lease_until: Timestamp,
    },
    Parked {
        reason: String,
        /// When a suspect is tried again without an operator.
        retry_at: Option<Timestamp>,
        /// A split that it still waits for once it is retried.
        split: Option<Split>,
    },
}

/// The waits of a ready window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wait {
    /// Not to be claimed before this.
    pub(super) not_before: Option<Timestamp>,
    /// The split that the next tick makes; not dispatched before that.
    pub(super) split: Option<Split>,
}

/// The place where an open window goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) cursor: Cursor,
    /// The run that ended without having sent the token, where tokens work once only. The run after it
    /// may send the token; any later one may not, for a run in between may have.
    pub(super) unsent_after: Option<u32>,
}

/// All that begins anew when a window begins again at page one, but for its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) totals: PageTotals,
    /// What the sink needs to go on after the last checkpoint, in the sink's own form.
    pub(super) sink_position: Option<String>,
    /// Every page so far kept the order that its manifest declares.
    pub(super) ordered: bool,
    /// The ids of everything it delivered are remembered.
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
    /// Pages checkpointed. Never decreases, restarts included.
    pub(super) page: u64,
    /// Runs begun.
    pub(super) runs: u32,
    /// Runs begun since the last checkpoint that did not end in an excusable way.
    pub(super) attempts: u32,
    /// Deaths of the process in a row while the window was in flight without a page.
    pub(super) deaths: u32,
    /// Runs since the last checkpoint that an outage or a page error ended.
    pub(super) setbacks: u32,
    /// Times it began again at page one.
    pub(super) restarts: u32,
    /// Restarts that an operator's retry has forgiven.
    pub(super) restarts_forgiven: u32,
    /// Runs that delivered pages and ended before the window did, since it was last split.
    pub(super) overruns: u32,
    /// A file that this state did not write may have some of its records.
    pub(super) adopted: bool,
    /// Slowest of the last pages in milliseconds; halves with each page that is faster.
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
    /// Pages checkpointed in the window's whole life. Never decreases, restarts included.
    pub fn page(&self) -> u64 {
        self.history.page
    }

    /// What the sink needs to go on after the last checkpoint, in the sink's own form.
    pub fn sink_position(&self) -> Option<&str> {
        self.attempt.sink_position.as_deref()
    }

    /// Records delivered since the last restart.
    pub fn records(&self) -> u64 {
        self.attempt.totals.records
    }

    /// Bytes of those records as the vendor sent them.
    pub fn bytes(&self) -> u64 {
        self.attempt.totals.bytes
    }

    /// Records that went to `rejects` since the last restart.
    pub fn rejected(&self) -> u64 {
        self.attempt.totals.rejected
    }

    /// Records that a sweep found delivered already, since the last restart.
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

    /// Whether every page since the last restart kept the order that its manifest declares.
    pub fn ordered(&self) -> bool {
        self.attempt.ordered
    }

    /// Whether the ids of everything it delivered since the last restart are remembered.
    pub fn remembered(&self) -> bool {
        self.attempt.remembered
    }

    /// Whether a file that this state did not write may have some of its records. Their ids are
    /// remembered, and are left out.
    pub fn adopted(&self) -> bool {
        self.history.adopted
    }

    /// Runs begun.
    pub fn runs(&self) -> u32 {
        self.history.runs
    }

    /// Runs begun since the last checkpoint that did not end in an excusable way.
    pub fn attempts(&self) -> u32 {
        self.history.attempts
    }

    /// Deaths of the process in a row while this window was in flight without a page. One is enough
    /// to make it a suspect.
    pub fn deaths(&self) -> u32 {
        self.history.deaths
    }

    /// Runs since the last checkpoint that an outage or a page error ended; sets the next wait.
    pub fn setbacks(&self) -> u32 {
        self.history.setbacks
    }

    /// Times it began again at page one.
    pub fn restarts(&self) -> u32 {
        self.history.restarts
    }

    /// Restarts already forgiven by an operator's retry.
    pub fn restarts_forgiven(&self) -> u32 {
        self.history.restarts_forgiven
    }

    /// Runs that delivered pages and ended before the window did, since it was last split.
    pub fn overruns(&self) -> u32 {
        self.history.overruns
    }

    /// Slowest of the last pages, fetch and delivery, in milliseconds: halves with each page that is
    /// faster.
    pub fn slowest_page_ms(&self) -> i64 {
        self.history.slowest_page_ms
    }

    /// The last error, without secrets or record bodies. Of a parked window, the reason.
    pub fn last_error(&self) -> Option<&str> {
        match self.stage() {
            Some(Stage::Parked { reason, .. }) => Some(reason),
            _ => self.history.last_error.as_deref(),
        }
    }

    /// When it was created.
    pub fn created_at(&self) -> Timestamp {
        self.history.created_at
    }

    /// When it last moved.
    pub fn updated_at(&self) -> Timestamp {
        self.history.updated_at
    }
}
