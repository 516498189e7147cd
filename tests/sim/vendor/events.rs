//! The records of a vendor: quiet hours, steady ones and bursts, dense where pullers lose records:
//! on round instants, one unit beside them, and many at one instant.

use windlass_core::Timestamp;
use windlass_core::time::{HOUR_MS, MINUTE_MS};

use super::spec::{Shape, VendorSpec, pick};

/// Windows often begin at multiples of this, in milliseconds.
const ROUND_MS: i64 = 5 * MINUTE_MS;
/// Every multiple of this, in milliseconds, has records on it and one unit beside it.
const BOUND_MS: i64 = HOUR_MS;
/// Density of a burst relative to a steady hour.
const BURST: f64 = 100.0;
/// Density of a quiet hour relative to a steady one.
const QUIET: f64 = 0.05;

/// One record of a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// The time that bounds filter on.
    pub(super) time: Timestamp,
    /// The time in the record.
    pub(super) shown: Timestamp,
    /// Instant from which listings have it.
    pub(super) published_at: Timestamp,
    /// Its number, unique for the vendor.
    pub(super) number: u32,
    /// Its feed.
    pub(super) feed: u32,
    /// Number of its occurrences in a listing.
    pub(super) copies: u8,
    /// Its place where there is no order.
    pub(super) shuffled: i64,
}

/// One record to deliver, with the facts that only the vendor knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Truth {
    /// Its id, as in delivered lines.
    pub(crate) id: String,
    /// Its feed.
    pub(crate) feed: u32,
    /// The time that windows filter on.
    pub(crate) time: Timestamp,
    /// Instant from which listings have it.
    pub(crate) published_at: Timestamp,
    /// Number of its occurrences in one listing.
    pub(crate) copies: u8,
}

impl Event {
    /// The id that the connector makes of the record.
    pub(super) fn id(&self, shape: Shape) -> String {
        match shape {
            Shape::Google => format!("{}|{}", self.shown, self.qualifier()),
            _ => self.qualifier(),
        }
    }

    /// The vendor's own id.
    pub(super) fn qualifier(&self) -> String {
        format!("e{}-{:06}", self.feed, self.number)
    }

    pub(super) fn truth(&self, shape: Shape) -> Truth {
        Truth {
            id: self.id(shape),
            feed: self.feed,
            time: self.time,
            published_at: self.published_at,
            copies: self.copies,
        }
    }
}

/// The records of `spec` for a world that begins at `begin`, by time.
pub(super) fn generate(spec: &VendorSpec, begin: Timestamp, seed: u64) -> Vec<Event> {
    let rng = &mut fastrand::Rng::with_seed(seed);
    let from = begin.minus_ms(spec.history_ms);
    let to = begin.plus_ms(spec.length_ms);
    let mut times = Vec::with_capacity(spec.events + spec.events / 2);
    for segment in segments(rng, from, to, spec.events) {
        scatter(rng, spec, &segment, &mut times);
    }
    on_bounds(rng, spec, from, to, &mut times);
    times.retain(|time| from <= *time && *time < to);
    times.sort_unstable();
    let mut events = Vec::with_capacity(times.len());
    for (time, number) in times.into_iter().zip(0..) {
        events.push(event(rng, spec, time, number));
    }
    events
}

/// A time span of one record density.
struct Segment {
    from: Timestamp,
    width_ms: i64,
    count: usize,
}

/// Segments from `from` to `to` with about `events` records in all.
fn segments(
    rng: &mut fastrand::Rng,
    from: Timestamp,
    to: Timestamp,
    events: usize,
) -> Vec<Segment> {
    let (mut drawn, mut at, mut total) = (Vec::new(), from, 0.0);
    while at < to {
        let (minutes, density) = match rng.u8(0..20) {
            0..9 => (rng.i64(30..=300), QUIET),
            9..17 => (rng.i64(30..=300), 1.0),
            _ => (rng.i64(1..=10), BURST),
        };
        let width_ms = (minutes * MINUTE_MS).min(to.ms_since(at));
        #[expect(clippy::cast_precision_loss, reason = "days in milliseconds are exact")]
        let weight = density * width_ms as f64;
        drawn.push((at, width_ms, weight));
        total += weight;
        at = at.plus_ms(width_ms);
    }
    let share = |weight: f64| {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a few thousand records"
        )]
        let count = (weight / total * events as f64 + rng.f64()) as usize;
        count
    };
    let mut share = share;
    let segment = |(from, width_ms, weight)| Segment {
        from,
        width_ms,
        count: share(weight),
    };
    drawn.into_iter().map(segment).collect()
}

fn scatter(rng: &mut fastrand::Rng, spec: &VendorSpec, it: &Segment, times: &mut Vec<Timestamp>) {
    let mut left = it.count;
    while left > 0 {
        let at = it.from.plus_ms(rng.i64(0..it.width_ms));
        let (at, most) = match rng.u8(0..100) {
            // On a likely bound.
            0..10 => (at.floor_to(ROUND_MS.max(spec.unit_ms)), 1),
            // Several, or more than a page, at one instant.
            10..14 => (at, 7),
            14 => (at, spec.page_size * 2 + 1),
            _ => (at, 1),
        };
        let at = if spec.finer {
            at
        } else {
            at.floor_to(spec.unit_ms)
        };
        let count = rng.usize(1..=most).min(left);
        times.extend(std::iter::repeat_n(at, count));
        left -= count;
    }
}

/// Records on some round instants and one unit before and after, at most a quarter of all.
fn on_bounds(
    rng: &mut fastrand::Rng,
    spec: &VendorSpec,
    from: Timestamp,
    to: Timestamp,
    times: &mut Vec<Timestamp>,
) {
    let room = times.len() / 4;
    let mut added = 0;
    let mut bound = from.ceil_to(BOUND_MS);
    while bound < to && added + 4 <= room {
        if rng.u8(0..3) == 0 {
            let beside = spec.unit_ms;
            times.extend([bound.minus_ms(beside), bound, bound, bound.plus_ms(beside)]);
            added += 4;
        }
        bound = bound.plus_ms(BOUND_MS);
    }
}

fn event(rng: &mut fastrand::Rng, spec: &VendorSpec, time: Timestamp, number: u32) -> Event {
    let is_late = rng.u32(0..1_000) < spec.late_per_mille;
    let lag_ms = if is_late {
        rng.i64(spec.late_ms.clone())
    } else {
        // Mostly soon, and always before the window's end has settled.
        let most = *pick(rng, &[SOON_MS, SOON_MS, SOON_MS, spec.settle_ms]);
        rng.i64(0..most.min(spec.settle_ms))
    };
    let shown = if spec.arrival {
        time.minus_ms(rng.i64(0..30 * MINUTE_MS))
            .floor_to(spec.unit_ms)
    } else {
        time
    };
    let twice = rng.u32(0..1_000) < spec.twice_per_mille;
    Event {
        time,
        shown,
        published_at: time.plus_ms(lag_ms),
        number,
        feed: rng.u32(0..spec.feeds),
        copies: 1 + u8::from(twice),
        shuffled: rng.i64(..),
    }
}

/// Milliseconds within which most records are published.
const SOON_MS: i64 = 3_000;
