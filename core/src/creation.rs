//! Creation of windows along a timeline: their ends and their widths.

use crate::limits;
use crate::source::Policy;
use crate::span::Span;
use crate::time::{DAY_MS, HOUR_MS, Timestamp};
use crate::trust::Trusted;
use crate::window::Window;

/// Cuts one timeline into windows at one instant.
#[derive(Debug, Clone, Copy)]
pub struct WindowCreator<'a> {
    policy: &'a Policy,
    /// First instant that no window may cover yet.
    edge: Timestamp,
    /// True if `edge` is the end of the timeline rather than of settled time.
    ends: bool,
    width_ms: i64,
}

impl<'a> WindowCreator<'a> {
    /// A window creator at `now` with windows of `width_ms`, for a timeline that ends at `end`; `None` is a
    /// timeline without an end.
    pub fn new(policy: &'a Policy, end: Option<Timestamp>, now: Timestamp, width_ms: i64) -> Self {
        let settled = settled_edge(policy, now);
        let end = end.map(|end| end.ceil_to(policy.unit_ms));
        let (edge, ends) = match end {
            Some(end) if end <= settled => (end, true),
            _ => (settled, false),
        };
        let width_ms = align_width(width_ms, policy.unit_ms);
        Self {
            policy,
            edge,
            ends,
            width_ms,
        }
    }

    /// A window creator for the single window that starts at `mark`, at any time of the machine clock: its
    /// response shows the vendor clock.
    pub fn probe(policy: &'a Policy, end: Option<Timestamp>, mark: Timestamp) -> Self {
        let settled = policy.settle_ms.saturating_add(limits::EDGE_ALLOWANCE_MS);
        let until = mark.plus_ms(policy.every_ms).plus_ms(settled);
        Self::new(policy, end, until, policy.every_ms)
    }

    /// The window that starts at `at`; `None` while less settled time than one window is left. `at`
    /// and the end of the window are multiples of the time unit.
    pub fn next(&self, at: Timestamp) -> Option<Span> {
        let full = at.plus_ms(self.width_ms);
        let to = within_day(at, full.min(self.edge), self.policy.unit_ms);
        let span = Span::new(at, to).ok()?;
        let at_live_edge = to == self.edge && !self.ends;
        let enough = self.policy.every_ms.min(self.width_ms);
        (!at_live_edge || span.width_ms() >= enough).then_some(span)
    }
}

/// The end of a window from `at` to `to` at most. A window of up to a day ends at UTC midnight, so
/// that a day's files hold the records of that day; a wider one belongs to its first day.
pub(crate) fn within_day(at: Timestamp, to: Timestamp, unit_ms: i64) -> Timestamp {
    let midnight = at.floor_to(DAY_MS).plus_ms(DAY_MS).floor_to(unit_ms);
    if to.ms_since(at) <= DAY_MS && at < midnight {
        to.min(midnight)
    } else {
        to
    }
}

/// The end of settled time: a multiple of the time unit that trails `now - settle`.
pub fn settled_edge(policy: &Policy, now: Timestamp) -> Timestamp {
    now.minus_ms(policy.settle_ms)
        .minus_ms(limits::EDGE_ALLOWANCE_MS)
        .floor_to(policy.unit_ms)
}

/// The earliest instant at which [`settled_edge`] reaches `edge`, rounded up to the time unit.
pub(crate) fn settles_at(policy: &Policy, edge: Timestamp) -> Timestamp {
    edge.ceil_to(policy.unit_ms)
        .plus_ms(policy.settle_ms)
        .plus_ms(limits::EDGE_ALLOWANCE_MS)
}

/// Milliseconds until the end of `window` has settled by the trusted clock; `None` once it has. A
/// window is delivered only after its end has settled.
pub fn unsettled_ms(window: &Window, policy: &Policy, trusted: Trusted) -> Option<i64> {
    let settled = window.to().plus_ms(policy.settle_ms);
    let short_ms = settled.ms_since(trusted.at());
    (short_ms > 0).then_some(short_ms)
}

/// The earliest instant at which a [`WindowCreator`] with windows of `width_ms` finds one that starts at
/// `at`; `None` when the timeline ends there.
pub(crate) fn due_at(
    policy: &Policy,
    end: Option<Timestamp>,
    width_ms: i64,
    at: Timestamp,
) -> Option<Timestamp> {
    let width_ms = align_width(width_ms, policy.unit_ms);
    let enough = at.plus_ms(policy.every_ms.min(width_ms));
    // A window that ends at midnight is found as soon as any later time has settled.
    let full = at.plus_ms(width_ms);
    let midnight = within_day(at, full.min(at.plus_ms(DAY_MS)), policy.unit_ms);
    let after = midnight.plus_ms(policy.unit_ms);
    let is_cut = midnight < full && after.ms_since(at) <= DAY_MS;
    let enough = if is_cut { enough.min(after) } else { enough };
    let end = end.map_or(Timestamp::MAX, |end| end.ceil_to(policy.unit_ms));
    let edge = end.min(enough);
    (at < end).then(|| settles_at(policy, edge))
}

/// `width_ms` rounded down to a multiple of the unit, at least one unit.
fn align_width(width_ms: i64, unit_ms: i64) -> i64 {
    (width_ms - width_ms.rem_euclid(unit_ms)).max(unit_ms)
}

/// Records per hour of the finished windows just passed, averaged with `before`; `before` if there
/// are no such windows.
pub(crate) fn observe(before: Option<u64>, passed: &[&Window]) -> Option<u64> {
    let width_ms: i64 = passed.iter().map(|window| window.span().width_ms()).sum();
    if width_ms <= 0 {
        return before;
    }
    let records: u64 = passed.iter().map(|window| window.records()).sum();
    let hour = u128::from(HOUR_MS.unsigned_abs());
    let seen = u128::from(records) * hour / u128::from(width_ms.unsigned_abs());
    let seen = u64::try_from(seen).unwrap_or(u64::MAX);
    Some(before.map_or(seen, |before| before.midpoint(seen)))
}

/// The width that aims at [`limits::WINDOW_RECORDS_TARGET`] records: wide for quiet sources and
/// narrow in bursts. It shrinks at once and grows at most [`limits::WIDTH_GROWTH_MAX`]-fold per
/// step.
pub(crate) fn adapt_width(policy: &Policy, last_ms: i64, records_per_hour: Option<u64>) -> i64 {
    let Some(density) = records_per_hour else {
        return last_ms;
    };
    let hour = HOUR_MS.unsigned_abs();
    let wanted = limits::WINDOW_RECORDS_TARGET
        .saturating_mul(hour)
        .checked_div(density)
        .map_or(i64::MAX, |ms| i64::try_from(ms).unwrap_or(i64::MAX));
    let grown = last_ms.saturating_mul(limits::WIDTH_GROWTH_MAX);
    align_width(
        wanted.min(grown).clamp(policy.min_ms, policy.max_ms),
        policy.unit_ms,
    )
}

#[cfg(test)]
#[path = "creation_tests.rs"]
mod tests;
