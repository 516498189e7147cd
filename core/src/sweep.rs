//! Sweeps: lanes that read settled time again for late-arriving records. A sweep follows the ledger
//! of the live lane: each of its windows covers one or more whole live windows that are done and
//! old enough, so that it only needs the ids which those delivered.

use crate::checkpoint::earliest;
use crate::creation::{settled_edge, settles_at, within_day};
use crate::ids::Lane;
use crate::limits;
use crate::progress::Progress;
use crate::retention;
use crate::source::{Policy, SourceRecord};
use crate::span::Span;
use crate::time::Timestamp;
use crate::trust::Trusted;
use crate::window::{Status, Window};

/// The facts from which a sweep lane is planned, beside its own marks.
#[derive(Debug, Clone, Copy)]
pub struct Ledger<'a> {
    /// The live lane's windows that start at the sweep's mark or after it, ascending.
    pub live: &'a [Window],
    /// True if `live` holds all such windows below `through`.
    pub whole: bool,
    /// The live lane has delivered all time before this instant.
    pub through: Timestamp,
    /// The age at which this lane reads time, in milliseconds.
    pub after_ms: i64,
}

/// The next piece of a sweep lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// A span to read again.
    Read(Span),
    /// A span to skip, for one of these reasons:
    ///
    /// - It was old enough at its first reading.
    /// - Its delivered ids are not stored, or no longer.
    /// - The vendor has dropped it.
    Skip(Span),
}

/// The end of the time that a lane with age `after_ms` may read while the live lane is delivered up
/// to `through`.
pub fn edge(policy: &Policy, through: Timestamp, after_ms: i64, now: Timestamp) -> Timestamp {
    let old_enough = settled_edge(policy, now)
        .plus_ms(policy.settle_ms)
        .minus_ms(after_ms)
        .floor_to(policy.unit_ms);
    through.min(old_enough)
}

/// Returns whether enough time lies between `mark` and `edge` to read the ledger. `end` is that of
/// the timeline.
pub fn is_due(
    policy: &Policy,
    mark: Timestamp,
    edge: Timestamp,
    after_ms: i64,
    end: Option<Timestamp>,
) -> bool {
    let to_the_end = end.is_some_and(|end| edge >= end && mark < end);
    to_the_end || edge.ms_since(mark) >= least_ms(policy, after_ms)
}

/// The age of time when `lane` reads it again under `policy`, in milliseconds; `None` for a lane that is
/// no sweep.
pub fn after_ms(policy: &Policy, lane: &Lane) -> Option<i64> {
    let Lane::Sweep(number) = lane else {
        return None;
    };
    let index = usize::from(*number).checked_sub(1)?;
    policy.sweeps_ms.get(index).copied()
}

/// The time of which the sweep lane of `progress` may read the ledger next, while the live lane is
/// delivered up to `through`; `None` if that is too little. Decided without a read, so that a sweep that
/// has nothing to do costs none.
pub fn readable(
    record: &SourceRecord,
    progress: &Progress,
    through: Timestamp,
    now: Timestamp,
) -> Option<Span> {
    let policy = &record.definition.policy;
    let after_ms = after_ms(policy, &progress.timeline.lane)?;
    let mark = progress.scheduled_through;
    let edge = edge(policy, through, after_ms, now);
    let end = earliest(record.definition.end, progress.end);
    let due = record.is_active() && is_due(policy, mark, edge, after_ms, end);
    due.then(|| Span::new(mark, edge).ok())?
}

/// The earliest instant at which [`is_due`] holds for a lane with age `after_ms` that has read up
/// to `mark`; `None` while the live lane has not delivered enough, up to `through`.
pub(crate) fn due_at(
    policy: &Policy,
    mark: Timestamp,
    through: Timestamp,
    after_ms: i64,
    end: Option<Timestamp>,
) -> Option<Timestamp> {
    let end = end.filter(|end| mark < *end).unwrap_or(Timestamp::MAX);
    let edge = end.min(mark.plus_ms(least_ms(policy, after_ms)));
    // The edge of a sweep is rounded down twice: once as settled time, once for the age of the
    // sweep.
    let old_enough = edge
        .ceil_to(policy.unit_ms)
        .plus_ms(after_ms)
        .minus_ms(policy.settle_ms);
    (edge <= through).then(|| settles_at(policy, old_enough))
}

/// The least width of a sweep's newest window: a sweep may wait, and every window costs the same.
fn least_ms(policy: &Policy, after_ms: i64) -> i64 {
    policy.max_ms.min(after_ms / 4).max(policy.unit_ms)
}

/// The next piece of a sweep lane after `at`; `None` while too little time is old enough.
pub fn next(
    at: Timestamp,
    ledger: &Ledger<'_>,
    policy: &Policy,
    end: Option<Timestamp>,
    trusted: Trusted,
) -> Option<Piece> {
    piece(at, ledger, policy, end, trusted)
}

/// The next piece to read while the vendor clock is unknown and the machine clock shows `now`, so
/// that a response shows the vendor clock. It skips only spans that a sweep skips by any clock.
pub(crate) fn asking(
    at: Timestamp,
    ledger: &Ledger<'_>,
    policy: &Policy,
    end: Option<Timestamp>,
    now: Timestamp,
) -> Option<Piece> {
    let next = ledger.live.iter().find(|window| window.id().from >= at);
    let now = Trusted::assumed(now);
    let by_clock = next.is_some_and(|next| need(next, ledger, policy, now) == Need::Past);
    piece(at, ledger, policy, end, now).filter(|_| !by_clock)
}

fn piece(
    at: Timestamp,
    ledger: &Ledger<'_>,
    policy: &Policy,
    end: Option<Timestamp>,
    now: Trusted,
) -> Option<Piece> {
    let edge = edge(policy, ledger.through, ledger.after_ms, now.at());
    if at >= edge {
        return None;
    }
    let mut rest = ledger
        .live
        .iter()
        .skip_while(|window| window.id().from < at);
    let Some(first) = rest.clone().next().filter(|first| first.id().from < edge) else {
        // Deleted history, or time that never had windows.
        return (ledger.whole).then(|| Span::new(at, edge).ok().map(Piece::Skip))?;
    };
    if first.id().from > at {
        return Span::new(at, first.id().from).ok().map(Piece::Skip);
    }
    let first_need = need(first, ledger, policy, now);
    let wanted = first_need == Need::Open;
    let (mut to, mut records, mut full) = (at, 0_u64, false);
    let mut is_at_the_end = true;
    for window in rest.by_ref() {
        // No window can come between this one and the previous one.
        full = window.id().from != to;
        let eligible = !full && window.status() == Status::Done && window.to() <= edge;
        if !eligible {
            is_at_the_end = false;
            break;
        }
        let more = records.saturating_add(window.records());
        let too_much = window.to().ms_since(at) > policy.max_ms
            || more > limits::SWEEP_RECORDS_MAX
            || window.to() > within_day(at, window.to(), policy.unit_ms);
        let same = need(window, ledger, policy, now) == first_need;
        if !same || (wanted && to > at && too_much) {
            (full, is_at_the_end) = (true, false);
            break;
        }
        (to, records) = (window.to(), more);
    }
    // The next reading of the ledger begins at the same window, and returns no more of them.
    full |= is_at_the_end && !ledger.whole;
    let span = Span::new(at, to).ok()?;
    let enough = full || is_due(policy, at, to, ledger.after_ms, end);
    match (wanted, enough) {
        (true, true) => Some(Piece::Read(span)),
        (false, true) => Some(Piece::Skip(span)),
        (_, false) => None,
    }
}

/// The use of a second reading of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// A second reading can find records.
    Open,
    /// A second reading can find none, by any clock.
    Never,
    /// By the clock, it is too late for a second reading.
    Past,
}

fn need(window: &Window, ledger: &Ledger<'_>, policy: &Policy, now: Trusted) -> Need {
    let was_old = window.created_at() >= window.to().plus_ms(ledger.after_ms);
    if !window.remembered() || was_old {
        return Need::Never;
    }
    let is_gone =
        retention::horizon(policy, now.passed()).is_some_and(|horizon| window.to() <= horizon);
    // Its seen pages may be deleted from then on, and a sweep would deliver all of it again.
    let is_history = window.expires_at().is_none_or(|at| now.at() < at);
    if is_gone || !is_history {
        Need::Past
    } else {
        Need::Open
    }
}

/// The instant until which the ids that `window` delivers at `now` are stored. They outlive the
/// window itself, and no sweep reads time again without its window. A sweep can come late, behind a
/// gap or a pause, or be configured long after the window was read.
pub fn remembered_until(window: &Window, policy: &Policy, now: Timestamp) -> Timestamp {
    let last_ms = policy.sweeps_ms.last().copied().unwrap_or_default();
    // The history of the window begins when it is done, some pages after this one.
    let longer_ms = last_ms.saturating_mul(2);
    window
        .to()
        .max(now)
        .plus_ms(policy.history_ms)
        .plus_ms(longer_ms)
}

/// Returns whether the ids that `window` delivers at `read_at` must be stored: some sweep of its
/// source will read it again. A late sweep may have the next one directly behind it.
pub fn remembers(window: &Window, policy: &Policy, read_at: Timestamp) -> bool {
    let last = policy.sweeps_ms.last();
    // A machine clock that was ahead has created the window later than it is read.
    let read_at = window.created_at().min(read_at);
    let is_young = last.is_some_and(|after_ms| read_at < window.to().plus_ms(*after_ms));
    let is_sweep = matches!(window.id().timeline.lane, Lane::Sweep(_));
    is_young || (is_sweep && policy.sweeps_ms.len() > 1)
}

/// Returns whether the next ids that `window` delivers are stored: a sweep will read it again, and
/// no earlier ids are missing. In a window of a sweep, earlier ids may be missing.
pub fn keeps(window: &Window, policy: &Policy, read_at: Trusted) -> bool {
    let whole = window.remembered() || matches!(window.id().timeline.lane, Lane::Sweep(_));
    whole && remembers(window, policy, read_at.at())
}

/// Returns whether the ids of a page of `window` are stored; `nameless` if some record has none. A
/// live window with missing ids is not swept.
pub fn keeps_ids(window: &Window, nameless: bool) -> bool {
    !nameless || matches!(window.id().timeline.lane, Lane::Sweep(_))
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
