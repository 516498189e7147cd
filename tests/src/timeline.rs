//! The records of a vendor, generated from a seed. They are dense where pullers lose records: on
//! window bounds, one unit beside them, and with many records in one millisecond.

use windlass_core::clock::Clock;
use windlass_core::span::Span;
use windlass_core::system::SystemClock;
use windlass_core::time::{DAY_MS, MINUTE_MS, Timestamp};

/// Every multiple of this has records exactly on it, one millisecond before and one after.
pub const BOUND_MS: i64 = 10 * MINUTE_MS;
/// Number of records in one millisecond, once per [`BOUND_MS`].
const BURST: usize = 7;

/// One record, independent of a vendor's shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The time of the event.
    pub time: Timestamp,
    /// Its unique id in the timeline.
    pub id: u64,
}

/// The parameters of a timeline.
#[derive(Debug, Clone, Copy)]
pub struct TimelineSpec {
    /// Equal seeds generate equal timelines.
    pub seed: u64,
    /// The span to pull; a few events lie just outside.
    pub span: Span,
    /// Number of events inside `span`; at least the number that bounds and bursts need.
    pub events: usize,
    /// Approximate size of a record as JSON, in bytes.
    pub record_bytes: usize,
}

/// A vendor's records, oldest first.
#[derive(Debug, Clone)]
pub struct Timeline {
    events: Vec<Event>,
    span: Span,
    record_bytes: usize,
}

impl Timeline {
    /// The timeline of `spec`.
    pub fn generate(spec: &TimelineSpec) -> Self {
        let mut rng = fastrand::Rng::with_seed(spec.seed);
        let mut times = Vec::with_capacity(spec.events + 8);
        let mut bound = spec.span.from().floor_to(BOUND_MS);
        while bound <= spec.span.to() {
            times.extend([bound.minus_ms(1), bound, bound, bound.plus_ms(1)]);
            let burst = bound.plus_ms(rng.i64(2..BOUND_MS - 1));
            if spec.span.contains(burst) {
                times.extend([burst; BURST]);
            }
            bound = bound.plus_ms(BOUND_MS);
        }
        let inside = times
            .iter()
            .filter(|time| spec.span.contains(**time))
            .count();
        for _ in inside..spec.events {
            times.push(spec.span.from().plus_ms(rng.i64(0..spec.span.width_ms())));
        }
        times.sort_unstable();
        let events = times
            .into_iter()
            .zip(0_u64..)
            .map(|(time, number)| Event {
                time,
                id: mix(spec.seed.wrapping_add(number)),
            })
            .collect();
        Self {
            events,
            span: spec.span,
            record_bytes: spec.record_bytes,
        }
    }

    /// The span to pull.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Approximate size of a record as JSON, in bytes.
    pub fn record_bytes(&self) -> usize {
        self.record_bytes
    }

    /// Every event, including those just outside the span, oldest first.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The events of a complete pull: those inside the span, oldest first.
    pub fn expected(&self) -> impl Iterator<Item = &Event> {
        self.events
            .iter()
            .filter(|event| self.span.contains(event.time))
    }

    /// The events between `from` and `to`, with or without those exactly on each bound.
    pub fn between(&self, from: Timestamp, to: Timestamp, bounds: Bounds) -> &[Event] {
        let first = self.events.partition_point(|event| {
            event.time < from || (event.time == from && !bounds.start_inclusive)
        });
        let end = self
            .events
            .partition_point(|event| event.time < to || (event.time == to && bounds.end_inclusive));
        self.events.get(first..end).unwrap_or_default()
    }
}

/// The rules of a vendor for records exactly on the requested bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// True if records at the start are returned.
    pub start_inclusive: bool,
    /// True if records at the end are returned.
    pub end_inclusive: bool,
}

impl Bounds {
    /// Records on both bounds are returned.
    pub const INCLUSIVE: Self = Self {
        start_inclusive: true,
        end_inclusive: true,
    };

    /// All four possible rules.
    pub const ALL: [Self; 4] = [
        Self::INCLUSIVE,
        Self {
            start_inclusive: true,
            end_inclusive: false,
        },
        Self {
            start_inclusive: false,
            end_inclusive: true,
        },
        Self {
            start_inclusive: false,
            end_inclusive: false,
        },
    ];
}

/// A span of `width_ms` that begins on a [`BOUND_MS`] bound two days ago: settled everywhere, and
/// well within every vendor's retention.
///
/// # Panics
/// Never: the width is at least one millisecond.
pub fn recent_span(width_ms: i64) -> Span {
    let from = SystemClock.now().minus_ms(2 * DAY_MS).floor_to(BOUND_MS);
    Span::new(from, from.plus_ms(width_ms.max(1))).expect("a positive width is a span")
}

/// Spreads `number` over all 64 bits. Each step is invertible, so distinct numbers stay distinct.
pub(crate) fn mix(number: u64) -> u64 {
    let spread = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (spread ^ (spread >> 32))
        .wrapping_mul(0xd6e8_feb8_6659_fd93)
        .rotate_left(29)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn hour(events: usize) -> Timeline {
        let from = Timestamp::from_ms(6 * BOUND_MS);
        let span = Span::new(from, from.plus_ms(6 * BOUND_MS)).unwrap();
        Timeline::generate(&TimelineSpec {
            seed: 7,
            span,
            events,
            record_bytes: 850,
        })
    }

    #[test]
    fn timeline_follows_seed_and_event_count() {
        assert_eq!(hour(500).events(), hour(500).events());
        assert_eq!(hour(500).expected().count(), 500);
    }

    #[test]
    fn ids_are_unique_and_events_ascend() {
        let timeline = hour(2_000);
        let ids: BTreeSet<u64> = timeline.events().iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), timeline.events().len());
        assert!(timeline.events().is_sorted_by_key(|event| event.time));
    }

    #[test]
    fn bounds_have_events_on_and_beside_them() {
        let timeline = hour(500);
        let at = |time: Timestamp| timeline.events().iter().filter(|e| e.time == time).count();
        let span = timeline.span();
        for number in 0..=6 {
            let bound = span.from().plus_ms(number * BOUND_MS);
            assert!(at(bound) >= 2 && at(bound.minus_ms(1)) >= 1 && at(bound.plus_ms(1)) >= 1);
        }
        assert!(timeline.events().len() > timeline.expected().count());
    }

    #[test]
    fn each_bound_rule_decides_events_on_bounds() {
        let timeline = hour(500);
        let (from, to) = (timeline.span().from(), timeline.span().to());
        let count = |bounds| timeline.between(from, to, bounds).len();
        let [both, start, end, neither] = Bounds::ALL.map(count);
        assert_eq!((both - start, both - end, both - neither), (2, 2, 4));
        assert!(timeline.between(to, from, Bounds::INCLUSIVE).is_empty());
    }

    #[test]
    fn recent_span_is_past_and_begins_on_bound() {
        let span = recent_span(BOUND_MS);
        assert!(span.from().is_multiple_of(BOUND_MS));
        assert!(span.to().plus_ms(DAY_MS) < SystemClock.now());
    }
}
