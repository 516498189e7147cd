//! Sweeps: further passes over settled time for what the vendor published late. A sweep follows the
//! ledger of the live lane: each of its windows is one or more whole live windows, which are done
//! and old enough, so that what those delivered is all that has to be known.

use crate::carve::{settled_edge, settles_at, within_day};
use crate::ids::Lane;
use crate::limits;
use crate::retention;
use crate::source::Policy;
use crate::span::Span;
use crate::time::Timestamp;
use crate::trust::Trusted;
use crate::window::{Status, Window};

/// What a sweep lane is planned from, beside its own marks.
#[derive(Debug, Clone, Copy)]
pub struct Ledger<'a> {
    /// The live lane's windows that start at the sweep's mark or after it, ascending.
    pub live: &'a [Window],
    /// Whether those are all there are below `through`.
    pub whole: bool,
    /// Everything of the live lane before this is delivered.
    pub through: Timestamp,
    /// How old time must be, in milliseconds, before this lane reads it.
    pub after_ms: i64,
}

/// The next piece of a sweep lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// To be read again.
    Read(Span),
    /// Passed over: it was old enough when it was read first, or it is not known, or not known any
    /// more, what was delivered of it, or the vendor no longer keeps it.
    Pass(Span),
}

/// The end of what a lane that trails by `after_ms` may read while the live lane is delivered up to
/// `through`.
pub fn edge(policy: &Policy, through: Timestamp, after_ms: i64, now: Timestamp) -> Timestamp {
    let old_enough = settled_edge(policy, now)
        .plus_ms(policy.settle_ms)
        .minus_ms(after_ms)
        .floor_to(policy.unit_ms);
    through.min(old_enough)
}

/// Whether there is enough above `mark` for the ledger to be read. `end` is that of the timeline.
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

/// The earliest instant at which [`is_due`] holds for a lane that trails by `after_ms` and has read
/// up to `mark`; `None` while the lane that it follows has not delivered enough, up to `through`.
pub(crate) fn due_at(
    policy: &Policy,
    mark: Timestamp,
    through: Timestamp,
    after_ms: i64,
    end: Option<Timestamp>,
) -> Option<Timestamp> {
    let end = end.filter(|end| mark < *end).unwrap_or(Timestamp::MAX);
    let edge = end.min(mark.plus_ms(least_ms(policy, after_ms)));
    // The edge of a sweep is rounded down twice: once as settled time, once for its own age.
    let old_enough = edge
        .ceil_to(policy.unit_ms)
        .plus_ms(after_ms)
        .minus_ms(policy.settle_ms);
    (edge <= through).then(|| settles_at(policy, old_enough))
}

/// The least width at which a sweep's newest time is cut: a sweep is in no hurry, and every window
/// costs the same.
fn least_ms(policy: &Policy, after_ms: i64) -> i64 {
    policy.max_ms.min(after_ms / 4).max(policy.unit_ms)
}

/// The next piece of a sweep lane after `at`; `None` while there is not enough.
pub fn next(
    at: Timestamp,
    ledger: &Ledger<'_>,
    policy: &Policy,
    end: Option<Timestamp>,
    trusted: Trusted,
) -> Option<Piece> {
    piece(at, ledger, policy, end, trusted)
}

/// The next piece while the vendor's clock is not known and ours shows `now`: one to be read, so that
/// a response shows the vendor's. Only what no clock would have read is passed over.
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
        // History that is gone, or time that never had windows.
        return (ledger.whole).then(|| Span::new(at, edge).ok().map(Piece::Pass))?;
    };
    if first.id().from > at {
        return Span::new(at, first.id().from).ok().map(Piece::Pass);
    }
    let first_need = need(first, ledger, policy, now);
    let wanted = first_need == Need::Open;
    let (mut to, mut records, mut full) = (at, 0_u64, false);
    let mut is_at_the_end = true;
    for window in rest.by_ref() {
        // Nothing comes between this window and the one before any more.
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
    // The next reading of the ledger begins at the same window, and shows no more of them.
    full |= is_at_the_end && !ledger.whole;
    let span = Span::new(at, to).ok()?;
    let enough = full || is_due(policy, at, to, ledger.after_ms, end);
    match (wanted, enough) {
        (true, true) => Some(Piece::Read(span)),
        (false, true) => Some(Piece::Pass(span)),
        (_, false) => None,
    }
}

/// Whether a second reading of a window can find something that the first could not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// It can.
    Open,
    /// It never could, whatever the clock says.
    Never,
    /// It cannot any more, by the clock.
    Past,
}

fn need(window: &Window, ledger: &Ledger<'_>, policy: &Policy, now: Trusted) -> Need {
    let was_old = window.created_at() >= window.to().plus_ms(ledger.after_ms);
    if !window.remembered() || was_old {
        return Need::Never;
    }
    let is_gone =
        retention::horizon(policy, now.passed()).is_some_and(|horizon| window.to() <= horizon);
    // What it delivered may be forgotten from then on, and would be delivered again as a whole.
    let is_history = window.expires_at().is_none_or(|at| now.at() < at);
    if is_gone || !is_history {
        Need::Past
    } else {
        Need::Open
    }
}

/// Until when what `window` delivers at `now` is remembered: longer than the window itself, without
/// which no sweep reads it again. A sweep can come late, behind a hole or a pause, or when it is
/// configured long after the window was read.
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

/// Whether what `window` delivers has to be remembered when it is read at `read_at`: some sweep of its
/// source will read it again. A sweep that comes late itself may have another right behind it.
pub fn remembers(window: &Window, policy: &Policy, read_at: Timestamp) -> bool {
    let last = policy.sweeps_ms.last();
    // A clock of ours that was ahead has created the window later than it is read.
    let read_at = window.created_at().min(read_at);
    let is_young = last.is_some_and(|after_ms| read_at < window.to().plus_ms(*after_ms));
    let is_sweep = matches!(window.id().timeline.lane, Lane::Sweep(_));
    is_young || (is_sweep && policy.sweeps_ms.len() > 1)
}

/// Whether what `window` delivers next is remembered: a sweep will read it again, and nothing of it is
/// missing so far. What a sweep finds is remembered in any case.
pub fn keeps(window: &Window, policy: &Policy, read_at: Trusted) -> bool {
    let whole = window.remembered() || matches!(window.id().timeline.lane, Lane::Sweep(_));
    whole && remembers(window, policy, read_at.at())
}

/// Whether the ids of a page of `window` are remembered when `nameless`, some record has none. A live
/// window that cannot be remembered as a whole is not swept.
pub fn keeps_ids(window: &Window, nameless: bool) -> bool {
    !nameless || matches!(window.id().timeline.lane, Lane::Sweep(_))
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
