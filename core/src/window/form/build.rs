//! Conversion of a window to its form and back. Only the way back rejects contradictory attributes.

use super::WindowForm;
use crate::checkpoint::{Cursor, PageTotals};
use crate::ids::{Owner, Timeline, WindowId};
use crate::time::Timestamp;
use crate::window::parts::{Attempt, History, Phase, Place, Stage, Wait};
use crate::window::{Delivered, SplitPoint, Status, Window};

/// The error of attributes that no window can have together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("window {id} {problem}")]
pub struct Contradiction {
    /// The id of the window.
    pub id: WindowId,
    /// The contradiction, by the names of the attributes.
    pub problem: String,
}

/// The attributes that only windows of some phases have.
#[derive(Debug, Default)]
struct Loose {
    owner: Option<Owner>,
    lease_until: Option<Timestamp>,
    dispatched_until: Option<Timestamp>,
    place: Option<Place>,
    not_before: Option<Timestamp>,
    split: Option<SplitPoint>,
    reason: Option<String>,
    done_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl From<Phase> for Loose {
    fn from(phase: Phase) -> Self {
        let (place, stage) = match phase {
            Phase::Open { place, stage } => (place, stage),
            Phase::Done { at, expires_at } => {
                return Self {
                    done_at: Some(at),
                    expires_at: Some(expires_at),
                    ..Self::default()
                };
            }
        };
        let mut loose = Self {
            place,
            ..Self::default()
        };
        match stage {
            Stage::Ready(Wait { not_before, split }) => {
                (loose.not_before, loose.split) = (not_before, split);
            }
            Stage::Dispatched { until } => loose.dispatched_until = Some(until),
            Stage::Running { owner, lease_until } => {
                (loose.owner, loose.lease_until) = (Some(owner), Some(lease_until));
            }
            Stage::Parked {
                reason,
                retry_at,
                split,
            } => {
                (loose.not_before, loose.split) = (retry_at, split);
                loose.reason = Some(reason);
            }
        }
        loose
    }
}

impl Loose {
    /// The phase of this status that has exactly these attributes.
    fn into_phase(mut self, status: Status) -> Result<Phase, String> {
        let missing = |attribute: &str| format!("is {status} without `{attribute}`");
        let phase = if status == Status::Done {
            Phase::Done {
                at: self.done_at.take().ok_or_else(|| missing("done_at"))?,
                expires_at: (self.expires_at.take()).ok_or_else(|| missing("expires_at"))?,
            }
        } else {
            Phase::Open {
                place: self.place.take(),
                stage: self.take_stage(status).map_err(missing)?,
            }
        };
        match self.first_left() {
            Some(attribute) => Err(format!("is {status} with `{attribute}`")),
            None => Ok(phase),
        }
    }

    /// The stage of an open window, or the attribute that it lacks.
    fn take_stage(&mut self, status: Status) -> Result<Stage, &'static str> {
        Ok(match status {
            Status::Ready | Status::Done => Stage::Ready(Wait {
                not_before: self.not_before.take(),
                split: self.split.take(),
            }),
            Status::Dispatched => Stage::Dispatched {
                until: self.dispatched_until.take().ok_or("dispatched_until")?,
            },
            Status::Running => Stage::Running {
                owner: self.owner.take().ok_or("owner")?,
                lease_until: self.lease_until.take().ok_or("lease_until")?,
            },
            Status::Parked => Stage::Parked {
                reason: self.reason.take().ok_or("last_error")?,
                retry_at: self.not_before.take(),
                split: self.split.take(),
            },
        })
    }

    /// An attribute that the phase does not have. A reason is never left: it becomes the last
    /// error.
    fn first_left(&self) -> Option<&'static str> {
        let left = [
            (self.owner.is_some(), "owner"),
            (self.lease_until.is_some(), "lease_until"),
            (self.dispatched_until.is_some(), "dispatched_until"),
            (self.place.is_some(), "cursor"),
            (self.not_before.is_some(), "not_before"),
            (self.split.is_some(), "split_at"),
            (self.done_at.is_some(), "done_at"),
            (self.expires_at.is_some(), "expires_at"),
        ];
        let left = left.into_iter().find(|(is_left, _)| *is_left);
        left.map(|(_, attribute)| attribute)
    }
}

fn to_place(
    cursor: Option<String>,
    cursor_for: Option<String>,
    unsent_after: Option<u32>,
) -> Result<Option<Place>, String> {
    match (cursor, cursor_for, unsent_after) {
        (Some(token), Some(request), unsent_after) => Ok(Some(Place {
            cursor: Cursor { token, request },
            unsent_after,
        })),
        (None, None, None) => Ok(None),
        (None, None, Some(_)) => Err("has `unsent_after` without `cursor`".to_owned()),
        _ => Err("has one of `cursor` and `cursor_for` without the other".to_owned()),
    }
}

fn to_split(at: Option<Timestamp>, delivered: Delivered) -> Result<Option<SplitPoint>, String> {
    match (at, delivered) {
        (Some(at), delivered) => Ok(Some(SplitPoint { at, delivered })),
        (None, Delivered::Nothing) => Ok(None),
        (None, _) => Err("has `split_delivered` without `split_at`".to_owned()),
    }
}

impl From<Window> for WindowForm {
    fn from(window: Window) -> Self {
        let status = window.status();
        let Timeline {
            source,
            generation,
            lane,
        } = window.id.timeline;
        let Attempt {
            totals,
            sink_position,
            ordered,
            remembered,
        } = window.attempt;
        let history = window.history;
        let loose = Loose::from(window.phase);
        let unsent_after = loose.place.as_ref().and_then(|place| place.unsent_after);
        let cursor = loose
            .place
            .map(|place| (place.cursor.token, place.cursor.request));
        let (cursor, cursor_for) = cursor.unzip();
        Self {
            source,
            generation,
            lane,
            from: window.id.from,
            to: window.to,
            status,
            epoch: window.epoch,
            owner: loose.owner,
            lease_until: loose.lease_until,
            dispatched_until: loose.dispatched_until,
            cursor,
            cursor_for,
            unsent_after,
            page: history.page,
            sink_position,
            records: totals.records,
            bytes: totals.bytes,
            rejected: totals.rejected,
            known: totals.known,
            oldest: totals.oldest,
            newest: totals.newest,
            ordered,
            remembered,
            adopted: history.adopted,
            runs: history.runs,
            attempts: history.attempts,
            deaths: history.deaths,
            setbacks: history.setbacks,
            restarts: history.restarts,
            restarts_forgiven: history.restarts_forgiven,
            overruns: history.overruns,
            not_before: loose.not_before,
            split_at: loose.split.map(|split| split.at),
            split_delivered: loose
                .split
                .map_or(Delivered::Nothing, |split| split.delivered),
            slowest_page_ms: history.slowest_page_ms,
            last_error: loose.reason.or(history.last_error),
            created_at: history.created_at,
            updated_at: history.updated_at,
            done_at: loose.done_at,
            expires_at: loose.expires_at,
        }
    }
}

impl WindowForm {
    /// The id of the window.
    pub fn id(&self) -> WindowId {
        let timeline = Timeline {
            source: self.source.clone(),
            generation: self.generation.clone(),
            lane: self.lane.clone(),
        };
        WindowId {
            timeline,
            from: self.from,
        }
    }
}

impl TryFrom<WindowForm> for Window {
    type Error = Contradiction;

    fn try_from(form: WindowForm) -> Result<Self, Contradiction> {
        let id = form.id();
        let parts = |problem| Contradiction {
            id: id.clone(),
            problem,
        };
        let is_parked = form.status == Status::Parked;
        let (reason, last_error) = match form.last_error {
            error if is_parked => (error, None),
            error => (None, error),
        };
        let loose = Loose {
            owner: form.owner,
            lease_until: form.lease_until,
            dispatched_until: form.dispatched_until,
            place: to_place(form.cursor, form.cursor_for, form.unsent_after).map_err(parts)?,
            not_before: form.not_before,
            split: to_split(form.split_at, form.split_delivered).map_err(parts)?,
            reason,
            done_at: form.done_at,
            expires_at: form.expires_at,
        };
        let phase = loose.into_phase(form.status).map_err(parts)?;
        let attempt = Attempt {
            totals: PageTotals {
                records: form.records,
                bytes: form.bytes,
                rejected: form.rejected,
                known: form.known,
                oldest: form.oldest,
                newest: form.newest,
            },
            sink_position: form.sink_position,
            ordered: form.ordered,
            remembered: form.remembered,
        };
        let history = History {
            page: form.page,
            runs: form.runs,
            attempts: form.attempts,
            deaths: form.deaths,
            setbacks: form.setbacks,
            restarts: form.restarts,
            restarts_forgiven: form.restarts_forgiven,
            overruns: form.overruns,
            adopted: form.adopted,
            slowest_page_ms: form.slowest_page_ms,
            last_error,
            created_at: form.created_at,
            updated_at: form.updated_at,
        };
        let window = Self {
            id: id.clone(),
            to: form.to,
            epoch: form.epoch,
            phase,
            attempt,
            history,
        };
        match window.misfit() {
            Some(misfit) => Err(parts(format!("contradicts itself: {misfit}"))),
            None => Ok(window),
        }
    }
}
