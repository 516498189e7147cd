//! Half-open spans of time, the shape of every window: `from` belongs to a span, `to` does not.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::{DAY_MS, Timestamp};

/// A half-open span `[from, to)` that is never empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawSpan", into = "RawSpan")]
pub struct Span {
    from: Timestamp,
    to: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct RawSpan {
    from: Timestamp,
    to: Timestamp,
}

/// The error of a span whose `from` does not precede `to`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a span must end after it starts, but [{from}, {to}) does not")]
pub struct EmptySpan {
    /// The intended start.
    pub from: Timestamp,
    /// The intended end.
    pub to: Timestamp,
}

impl Span {
    /// The span `[from, to)`.
    pub fn new(from: Timestamp, to: Timestamp) -> Result<Self, EmptySpan> {
        if from < to {
            Ok(Self { from, to })
        } else {
            Err(EmptySpan { from, to })
        }
    }

    /// The first instant inside the span.
    pub const fn from(self) -> Timestamp {
        self.from
    }

    /// The first instant after the span.
    pub const fn to(self) -> Timestamp {
        self.to
    }

    /// Length in milliseconds, at least 1.
    pub const fn width_ms(self) -> i64 {
        self.to.ms_since(self.from)
    }

    /// Returns whether `time` lies in `[from, to)`.
    pub fn contains(self, time: Timestamp) -> bool {
        self.from <= time && time < self.to
    }

    /// The point at which a window is halved: the UTC midnight nearest to its middle, or the middle
    /// when no midnight is inside. A multiple of `unit_ms`; `None` if a half would be empty.
    pub fn midpoint(self, unit_ms: i64) -> Option<Timestamp> {
        let middle = self.from.plus_ms(self.width_ms() / 2);
        let midnight = middle.plus_ms(DAY_MS / 2).floor_to(DAY_MS);
        let is_inside = |at: &Timestamp| self.from < *at && *at < self.to;
        let midnight = Some(midnight).filter(|at| is_inside(at) && at.is_multiple_of(unit_ms));
        midnight.or_else(|| Some(middle.floor_to(unit_ms)).filter(is_inside))
    }
}

impl TryFrom<RawSpan> for Span {
    type Error = EmptySpan;

    fn try_from(raw: RawSpan) -> Result<Self, EmptySpan> {
        Self::new(raw.from, raw.to)
    }
}

impl From<Span> for RawSpan {
    fn from(span: Span) -> Self {
        Self {
            from: span.from,
            to: span.to,
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.from, self.to)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: i64, to: i64) -> Span {
        Span::new(Timestamp::from_ms(from), Timestamp::from_ms(to)).unwrap()
    }

    #[test]
    fn empty_or_reversed_span_is_invalid() {
        let at = Timestamp::from_ms(5);
        assert_eq!(Span::new(at, at), Err(EmptySpan { from: at, to: at }));
        assert!(Span::new(at, Timestamp::from_ms(4)).is_err());
    }

    #[test]
    fn span_is_half_open() {
        assert!(span(0, 10).contains(Timestamp::from_ms(0)));
        assert!(!span(0, 10).contains(Timestamp::from_ms(10)));
    }

    #[test]
    fn midpoint_prefers_nearest_midnight() {
        let hour = 60 * 60 * 1_000;
        let midpoint = |from, to| span(from * hour, to * hour).midpoint(1_000);
        let at = |hours| Some(Timestamp::from_ms(hours * hour));
        assert_eq!(midpoint(23, 26), at(24));
        assert_eq!(midpoint(6, 36), at(24));
        assert_eq!(midpoint(12, 60), at(48));
        assert_eq!(midpoint(0, 24), at(12));
        let odd = span(23 * hour, 37 * hour).midpoint(7 * hour);
        assert_eq!(odd, at(28), "midnight is no multiple of the unit");
    }

    #[test]
    fn midpoint_is_unit_multiple_strictly_inside() {
        assert_eq!(span(0, 3000).midpoint(1000), Some(Timestamp::from_ms(1000)));
        assert_eq!(span(0, 1000).midpoint(1000), None);
        assert_eq!(
            span(-3000, 0).midpoint(1000),
            Some(Timestamp::from_ms(-2000))
        );
    }
}
