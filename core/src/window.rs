//! A window: one half-open piece of a timeline, who works on it, and how far it got.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::checkpoint::Cursor;
use crate::ids::{InvalidId, Lane, Owner, WindowId};
use crate::span::{EmptySpan, Span};
use crate::time::Timestamp;
use crate::wait;

/// Where a window stands. Moves between these happen in [`Window::apply`] only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waits for `not_before` or for a free slot.
    Ready,
    /// A task that names it is on its way to a worker.
    Dispatched,
    /// A worker holds its lease.
    Running,
    /// Every record the vendor returned for it has been acknowledged by the sink.
    Done,
    /// A hole: given up with a reason until an operator retries it.
    Parked,
}

impl Status {
    /// All of them, in the order of the everyday path.
    pub const ALL: [Self; 5] = [
        Self::Ready,
        Self::Dispatched,
        Self::Running,
        Self::Done,
        Self::Parked,
    ];

    /// The stored and printed name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Dispatched => "dispatched",
            Self::Running => "running",
            Self::Done => "done",
            Self::Parked => "parked",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| InvalidId {
                kind: "window status",
                expected: "ready, dispatched, running, done or parked",
                text: text.to_owned(),
            })
    }
}

/// Which part of a window that waits to be split is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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

/// A window as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Timeline and first instant.
    pub id: WindowId,
    /// First instant after the window; always later than `id.from`.
    pub to: Timestamp,
    /// Where it stands.
    pub status: Status,
    /// Rises with every change of hands, from 1; what fences a worker that lost the window.
    pub epoch: u64,
    /// The nonce of the claim that holds it, while running.
    pub owner: Option<Owner>,
    /// While running: when the lease ends. While dispatched: when the dispatch counts as lost.
    pub lease_until: Option<Timestamp>,
    /// The vendor's token for the next page and what request it belongs to; `None` at page one.
    pub cursor: Option<Cursor>,
    /// Pages checkpointed in the window's whole life. Never decreases, restarts included.
    pub page: u64,
    /// What the sink needs to go on after the last checkpoint, in the sink's own form.
    pub sink_position: Option<String>,
    /// Records delivered since the last restart.
    pub records: u64,
    /// Their bytes as the vendor sent them.
    pub bytes: u64,
    /// Records that went to `rejects` since the last restart.
    pub rejected: u64,
    /// Records that a sweep found delivered already, since the last restart.
    pub known: u64,
    /// Earliest record time seen.
    pub oldest: Option<Timestamp>,
    /// Latest record time seen.
    pub newest: Option<Timestamp>,
    /// Whether every page so far kept the order its manifest declares.
    pub ordered: bool,
    /// Runs begun since the last checkpoint that did not end in an excusable way.
    pub attempts: u32,
    /// Deaths of the process in a row while this window was in flight without a page. One is enough
    /// to make it a suspect.
    pub deaths: u32,
    /// Runs since the last checkpoint that an outage or a page error ended; sets the next wait.
    pub setbacks: u32,
    /// How often it had to begin again at page one.
    pub restarts: u32,
    /// Restarts already forgiven by an operator's retry.
    pub restarts_forgiven: u32,
    /// Whether the ids of everything it delivered since the last restart are remembered.
    pub remembered: bool,
    /// Whether a file that this state did not write may have some of its records. Their ids are
    /// remembered, and are left out.
    pub adopted: bool,
    /// Runs begun.
    pub runs: u32,
    /// Runs that delivered pages and ended before the window did, since it was last split.
    pub overruns: u32,
    /// The run that ended without having sent the stored page token, where that works once only. The
    /// run after it may send the token; any later one may not, for a run in between may have.
    pub unsent_after: Option<u32>,
    /// Not to be claimed before this.
    pub not_before: Option<Timestamp>,
    /// Where the next tick is to split it; not dispatched before that is done.
    pub split_at: Option<Timestamp>,
    /// Which part of it is delivered then.
    pub split_delivered: Delivered,
    /// Slowest of the last pages, fetch and delivery, in milliseconds: halves with each page that is
    /// faster.
    pub slowest_page_ms: i64,
    /// What went wrong last, without secrets or record bodies.
    pub last_error: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
    /// When it was done.
    pub done_at: Option<Timestamp>,
    /// When its history may be deleted; set once done.
    pub expires_at: Option<Timestamp>,
}

impl Window {
    /// A new window, ready, for `span` of the timeline that `id` names.
    pub fn new(id: WindowId, to: Timestamp, now: Timestamp) -> Result<Self, EmptySpan> {
        Span::new(id.from, to)?;
        Ok(Self {
            id,
            to,
            status: Status::Ready,
            epoch: 1,
            owner: None,
            lease_until: None,
            cursor: None,
            page: 0,
            sink_position: None,
            records: 0,
            bytes: 0,
            rejected: 0,
            known: 0,
            oldest: None,
            newest: None,
            ordered: true,
            attempts: 0,
            deaths: 0,
            setbacks: 0,
            restarts: 0,
            restarts_forgiven: 0,
            remembered: true,
            adopted: false,
            runs: 0,
            overruns: 0,
            unsent_after: None,
            not_before: None,
            split_at: None,
            split_delivered: Delivered::Nothing,
            slowest_page_ms: 0,
            last_error: None,
            created_at: now,
            updated_at: now,
            done_at: None,
            expires_at: None,
        })
    }

    /// A window of which there is nothing to read: done from the start.
    pub fn done(
        id: WindowId,
        to: Timestamp,
        history_ms: i64,
        now: Timestamp,
    ) -> Result<Self, EmptySpan> {
        Ok(Self {
            status: Status::Done,
            done_at: Some(now),
            expires_at: Some(now.plus_ms(history_ms)),
            ..Self::new(id, to, now)?
        })
    }

    /// The time it covers.
    ///
    /// # Panics
    /// Never: every constructor and store refuses a window that ends before it starts (INV-1).
    pub fn span(&self) -> Span {
        Span::new(self.id.from, self.to).expect("INV-1: a window ends after it starts")
    }

    /// Whether work remains: anything but done. A parked window is unfinished.
    pub fn is_unfinished(&self) -> bool {
        self.status != Status::Done
    }

    /// Whether a worker may claim it now: dispatched, or ready and due with no split pending.
    pub fn is_claimable(&self, now: Timestamp) -> bool {
        match self.status {
            Status::Dispatched => true,
            Status::Ready => self.is_due(now),
            Status::Running | Status::Done | Status::Parked => false,
        }
    }

    /// Whether it may be split. A sweep's window may not: it joins whole live windows, each of which the
    /// vendor has served, and holds nothing up while it is parked.
    pub fn is_splittable(&self) -> bool {
        !matches!(self.id.timeline.lane, Lane::Sweep(_))
    }

    /// Whether it waits for nothing but a slot: `not_before` has passed and no split is pending.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.split_at.is_none() && self.waits_until(now).is_none()
    }

    /// Its `not_before`, if that is still to come and can be true.
    pub fn waits_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.not_before
            .and_then(|not_before| wait::until(not_before, now))
    }

    /// Whether the stored page token of a running window had not been sent when this run got it: the
    /// vendor gave it to this run, or the run just before this one ended without having sent it. What
    /// this run does with it is for its worker to know.
    pub fn token_is_unsent(&self) -> bool {
        // A checkpoint resets the count that the claim has raised.
        let is_own = self.attempts == 0;
        let before = self.runs.checked_sub(1);
        let is_left = self.unsent_after.is_some() && self.unsent_after == before;
        self.cursor.is_some() && (is_own || is_left)
    }

    /// Whether its latest run failed: it delivered no page and ended in an outage, a page that cannot
    /// be used, a restart from page one, or the death of its process. A wait that the vendor asked for
    /// is no failure.
    pub fn is_failing(&self) -> bool {
        let is_open = !matches!(self.status, Status::Done | Status::Parked);
        let begins_again = self.restarts > self.restarts_forgiven && self.cursor.is_none();
        is_open && (self.setbacks > 0 || self.is_suspect() || begins_again)
    }

    /// Whether it may be what the process dies of: it was in flight at the last death and has had no
    /// page since. Of such windows one at a time is in flight in a process.
    pub fn is_suspect(&self) -> bool {
        self.deaths > 0
    }

    /// Whether it has been the only suspect in flight at too many deaths.
    pub fn is_convicted(&self) -> bool {
        self.deaths > crate::limits::SUSPECT_DEATHS_MAX
    }

    /// When a window that parked as a suspect is tried again; `None` for any other.
    pub fn tried_again_at(&self) -> Option<Timestamp> {
        let parked_as_suspect = self.status == Status::Parked && self.is_convicted();
        self.not_before.filter(|_| parked_as_suspect)
    }

    /// Whether it has used up its tries, so that the next tick parks it.
    pub fn is_exhausted(&self) -> bool {
        self.is_convicted()
            || self.attempts >= crate::limits::ATTEMPTS_MAX
            || self.restarts.saturating_sub(self.restarts_forgiven) > crate::limits::RESTARTS_MAX
    }
}
