//! A window: one half-open piece of a timeline, its owner and its progress.
//!
//! | file | content |
//! | --- | --- |
//! | `window` | the parts of a window, and the constructors |
//! | `parts` | its phases with the data of each, the attempt, the history |
//! | `read` | the accessors, and the predicates of planners and workers |
//! | `form` | the one form in which windows are stored, shown and documented |
//! | `fit` | the rules for its numbers and times |
//! | `moves` | [`Window::apply`], the one function that moves a window |

#[cfg(any(test, feature = "test-util"))]
mod edit;
mod fit;
mod form;
mod moves;
mod parts;
mod read;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::form::{Attribute, Contradiction, Presence, WindowForm};
pub use self::parts::{Delivered, SplitPoint};

use self::parts::{Attempt, History, Phase, Stage, Wait};
use crate::ids::{InvalidId, WindowId};
use crate::span::{EmptySpan, Span};
use crate::time::Timestamp;

/// The phase of a window, by name. Only [`Window::apply`] moves a window between them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Waits for `not_before` or for a free slot.
    Ready,
    /// A task that names the window is in flight to a worker.
    Dispatched,
    /// A worker holds its lease.
    Running,
    /// The sink has acknowledged every record that the vendor returned.
    Done,
    /// Out of automatic retries, with a reason; waits for an operator's retry.
    Parked,
}

impl Status {
    /// All statuses, in the usual order.
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

/// A window as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Timeline and first instant.
    id: WindowId,
    /// First instant after the window; always later than `id.from`.
    to: Timestamp,
    /// Rises with every change of ownership, from 1; fences a worker that has lost the window.
    epoch: u64,
    phase: Phase,
    attempt: Attempt,
    history: History,
}

impl Window {
    /// A new ready window for the span from `id.from` to `to`.
    ///
    /// # Errors
    /// Fails if that span is empty.
    pub fn new(id: WindowId, to: Timestamp, now: Timestamp) -> Result<Self, EmptySpan> {
        Span::new(id.from, to)?;
        Ok(Self {
            id,
            to,
            epoch: 1,
            phase: Phase::Open {
                place: None,
                stage: Stage::Ready(Wait::default()),
            },
            attempt: Attempt::new(),
            history: History::new(now),
        })
    }

    /// A window without anything to read: done from the start.
    ///
    /// # Errors
    /// Fails if its span is empty.
    pub fn done(
        id: WindowId,
        to: Timestamp,
        history_ms: i64,
        now: Timestamp,
    ) -> Result<Self, EmptySpan> {
        Ok(Self {
            phase: Phase::Done {
                at: now,
                expires_at: now.plus_ms(history_ms),
            },
            ..Self::new(id, to, now)?
        })
    }

    /// A new window whose task is sent as soon as it is stored; the dispatch is valid until
    /// `until`.
    ///
    /// # Errors
    /// Fails if its span is empty.
    pub fn dispatched(
        id: WindowId,
        to: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Self, EmptySpan> {
        Ok(Self {
            phase: Phase::Open {
                place: None,
                stage: Stage::Dispatched { until },
            },
            ..Self::new(id, to, now)?
        })
    }

    /// A window that a file of its output proves delivered: done, with the sink's `position` where
    /// the file covers all of it. Its ids count as missing until they have been read from the file.
    ///
    /// # Errors
    /// Fails if its span is empty.
    pub fn done_in_file(
        id: WindowId,
        to: Timestamp,
        position: Option<String>,
        history_ms: i64,
        now: Timestamp,
    ) -> Result<Self, EmptySpan> {
        let mut done = Self::done(id, to, history_ms, now)?;
        done.attempt.sink_position = position;
        done.attempt.remembered = false;
        Ok(done)
    }

    /// The same window; `adopted` if a file that this state did not write may have some of its
    /// records.
    pub fn adopting(mut self, adopted: bool) -> Self {
        self.history.adopted = adopted;
        self
    }

    /// Sets its creation to the time at which its file was delivered.
    pub fn set_created_at(&mut self, pulled_at: Timestamp) {
        self.history.created_at = pulled_at;
    }

    /// Sets whether the ids in its file are stored.
    pub fn set_remembered(&mut self, remembered: bool) {
        self.attempt.remembered = remembered;
    }

    /// The delivered part of this window as a window of its own, done from the start, with all
    /// counts so far.
    ///
    /// # Errors
    /// Fails if its span is empty.
    pub fn delivered_part(
        &self,
        span: Span,
        history_ms: i64,
        now: Timestamp,
    ) -> Result<Self, EmptySpan> {
        let id = WindowId {
            timeline: self.id.timeline.clone(),
            from: span.from(),
        };
        let mut done = Self::done(id, span.to(), history_ms, now)?;
        done.attempt.totals = self.attempt.totals;
        done.attempt.remembered = self.attempt.remembered;
        done.history.created_at = self.history.created_at;
        Ok(done)
    }
}
