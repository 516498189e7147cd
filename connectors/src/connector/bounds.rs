//! The bounds of a window in the vendor's own terms, and the records of a page that belong to
//! neighboring windows.
//!
//! Windows are `[from, to)`. A documented rule is translated: an inclusive end requests the last
//! unit inside, an exclusive start the last unit before. For an undocumented rule, the request is
//! one unit wider on that side, so that no rule can lose a record; records on the neighbor's side
//! of that margin are left to the neighbor. Trimming requires that the vendor filters on the time
//! that the record shows; otherwise every record is kept.

use windlass_core::{Span, Timestamp};

use crate::manifest::request::{Bound, BoundFormat, FilterClock, Window};

#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    start: Bound,
    end: Bound,
    unit_ms: i64,
    format: BoundFormat,
    trims: bool,
}

impl Bounds {
    pub(super) fn new(window: &Window) -> Self {
        Self {
            start: window.start_bound,
            end: window.end_bound,
            unit_ms: window.unit.0,
            format: window.format,
            trims: window.clock == FilterClock::Event,
        }
    }

    /// The first and the last requested bound, in the vendor's format.
    pub(super) fn asked(&self, span: Span) -> (String, String) {
        let from = match self.start {
            Bound::Inclusive => span.from(),
            Bound::Exclusive | Bound::Unknown => span.from().minus_ms(self.unit_ms),
        };
        let to = match self.end {
            Bound::Exclusive => span.to(),
            Bound::Inclusive => span.to().minus_ms(self.unit_ms),
            Bound::Unknown => span.to().plus_ms(self.unit_ms),
        };
        (self.write(from), self.write(to))
    }

    /// The maximum excess of a request's width over its window's width.
    pub(super) fn padding_ms(&self) -> i64 {
        let start = i64::from(self.start != Bound::Inclusive);
        let end = i64::from(self.end == Bound::Unknown);
        (start + end) * self.unit_ms
    }

    /// Returns true if a record at `time` lies in the safety margin and the neighbor certainly
    /// requests it.
    pub(super) fn is_neighbours(&self, span: Span, time: Timestamp) -> bool {
        if !self.trims {
            return false;
        }
        let margin_ms = 2 * self.unit_ms;
        // With an inclusive end, the neighbor requests only up to its last unit; a record at a
        // finer time after that instant belongs to no other window.
        let neighbour_reaches = match self.end {
            Bound::Inclusive => span.from().minus_ms(self.unit_ms),
            Bound::Exclusive | Bound::Unknown => span.from().minus_ms(1),
        };
        let before = self.start == Bound::Unknown
            && time >= span.from().minus_ms(margin_ms)
            && time <= neighbour_reaches;
        let after =
            self.end == Bound::Unknown && time >= span.to() && time < span.to().plus_ms(margin_ms);
        before || after
    }

    fn write(&self, time: Timestamp) -> String {
        let pattern = match self.format {
            BoundFormat::EpochS => return time.as_seconds().to_string(),
            BoundFormat::EpochMs => return time.as_ms().to_string(),
            BoundFormat::Rfc3339 => "%Y-%m-%dT%H:%M:%SZ",
            BoundFormat::Rfc3339Ms => "%Y-%m-%dT%H:%M:%S%.3fZ",
            BoundFormat::Zoneless => "%Y-%m-%dT%H:%M:%S",
            BoundFormat::ZonelessMs => "%Y-%m-%dT%H:%M:%S%.3f",
            BoundFormat::Date => "%Y-%m-%d",
        };
        time.to_datetime().format(pattern).to_string()
    }
}

#[cfg(test)]
#[path = "bounds_tests.rs"]
mod tests;
