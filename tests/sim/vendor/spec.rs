//! The specification of a simulated vendor: drawn from a seed, and editable before the vendor is
//! created.

use std::ops::RangeInclusive;

use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

use super::fault::Fault;
use crate::clock::SimClock;

/// The real API that a vendor resembles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// Newest first, `nextPageToken` in the body, 403 for a spent quota, no array without records.
    Google,
    /// Oldest first, the next page in a `Link` header, quota in headers.
    Okta,
    /// Newest first, whole seconds, a cursor in the body, errors inside a 200.
    Slack,
    /// No order, the token in a header, a flag for further pages.
    Unordered,
}

impl Shape {
    /// All shapes.
    pub(crate) const ALL: [Self; 4] = [Self::Google, Self::Okta, Self::Slack, Self::Unordered];
}

/// The treatment of a record exactly at a requested bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The record is returned.
    Inclusive,
    /// The record is left out.
    Exclusive,
}

/// The meaning of a page token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A number of records into the listing as of the request for its first page.
    Snapshot,
    /// The last record sent; records published later that sort after it are still sent.
    After,
}

/// The response for time beyond the retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetentionResponse {
    /// The records are missing from the listing.
    Omitted,
    /// HTTP 400 for a span that lies wholly before it, which blocks the source.
    Refused,
}

/// The retention of a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// Milliseconds from a record's time; the manifest's `max_lookback`.
    pub(crate) kept_ms: i64,
    /// The response for earlier time.
    pub(crate) response: RetentionResponse,
}

/// The rate limit of a vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimit {
    /// Requests in any sliding minute; HTTP 429 above it.
    pub(crate) per_minute: u32,
    /// The manifest's `requests_per_minute`. If set, a request above the limit is a violation; if
    /// not, clients learn the limit by it.
    pub(crate) declared: Option<u32>,
}

/// Ages of sweeps that a vendor may have, in milliseconds: short, so that worlds of a few days have
/// them.
const SWEEPS_MS: [&[i64]; 4] = [
    &[2 * HOUR_MS],
    &[6 * HOUR_MS],
    &[2 * HOUR_MS, 6 * HOUR_MS],
    &[3 * HOUR_MS, DAY_MS],
];

/// Records per page of a vendor with one-time tokens.
const SINGLE_USE_PAGE: usize = 10;
/// Fewest records of a vendor with one-time tokens.
const SINGLE_USE_EVENTS_MIN: usize = 3_000;

/// A vendor and its future records. Every field may be changed before [`super::Vendor::new`].
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a property of its own"
)]
pub(crate) struct VendorSpec {
    /// The connector's name, of a-z and 0-9; also the host's first label.
    pub(crate) name: String,
    /// The API it resembles.
    pub(crate) shape: Shape,
    /// Number of logs that are separate sources and share one quota; at least 1.
    pub(crate) feeds: u32,
    /// Age of its first record at the world's beginning, in milliseconds.
    pub(crate) history_ms: i64,
    /// Time for which new records appear, in milliseconds from the world's beginning.
    pub(crate) length_ms: i64,
    /// Approximate number of records, all feeds together.
    pub(crate) events: usize,
    /// The vendor's time unit in milliseconds; bounds are multiples of it.
    pub(crate) unit_ms: i64,
    /// True if records have times between two units. Only where the bounds allow it, see
    /// [`VendorSpec::may_be_finer`].
    pub(crate) finer: bool,
    /// True if bounds filter on a record's arrival rather than on the time in it.
    pub(crate) arrival: bool,
    /// The true rule for the requested start.
    pub(crate) start: Rule,
    /// The true rule for the requested end.
    pub(crate) end: Rule,
    /// True if the manifest states those rules, and not `unknown`.
    pub(crate) documented: bool,
    /// Records per page.
    pub(crate) page_size: usize,
    /// Duration of an exchange, in milliseconds.
    pub(crate) latency_ms: RangeInclusive<i64>,
    /// The manifest's `settle`: records that are not late are published sooner than that after
    /// their time.
    pub(crate) settle_ms: i64,
    /// Records per thousand that are published later than `settle_ms`.
    pub(crate) late_per_mille: u32,
    /// Delay of their publication after their time, in milliseconds.
    pub(crate) late_ms: RangeInclusive<i64>,
    /// Records per thousand that appear twice in each listing.
    pub(crate) twice_per_mille: u32,
    /// Pages per thousand that are empty although more follow.
    pub(crate) empty_per_mille: u32,
    /// True if the manifest declares the order as strict. The actual order always is, if there is
    /// one.
    pub(crate) strict: bool,
    /// The manifest's `sweeps`, in milliseconds, ascending; empty for none.
    pub(crate) sweeps_ms: Vec<i64>,
    /// Width of a source's first window, in milliseconds.
    pub(crate) initial_ms: i64,
    /// The widest span that may be requested, in milliseconds; a wider one is a violation.
    pub(crate) max_span_ms: Option<i64>,
    /// Number of records above which a span gets the manifest's `split` error.
    pub(crate) span_records_max: Option<usize>,
    /// The manifest's `max_in_flight` for the group.
    pub(crate) max_in_flight: u32,
    /// The rate limit; `None` for no limit.
    pub(crate) rate_limit: Option<RateLimit>,
    /// The retention; `None` if unlimited.
    pub(crate) retention: Option<Retention>,
    /// The meaning of its tokens.
    pub(crate) token: TokenKind,
    /// Lifetime of a token, in milliseconds.
    pub(crate) token_ttl_ms: Option<i64>,
    /// True if tokens work once; the manifest then declares `replayable: false`.
    pub(crate) single_use: bool,
    /// True if a used token silently returns the page after its own. Otherwise it is rejected.
    pub(crate) skips: bool,
    /// Most tokens of one span that are rejected, stuck or circular by chance. Above the limit of
    /// restarts, windows park.
    pub(crate) token_faults_max: u32,
    /// True if messages and links of the vendor repeat the credential of the request.
    pub(crate) echoes: bool,
    /// Requests per thousand that meet a fault, until the vendor is quiet.
    pub(crate) faults_per_mille: u32,
    /// The possible faults, all equally likely.
    pub(crate) kinds: Vec<Fault>,
    /// The clock of its `Date`.
    pub(crate) clock: SimClock,
    /// True if machines with different clocks request it, which need not keep its limit.
    pub(crate) unpaced: bool,
}

impl VendorSpec {
    /// A vendor of `shape` that serves every request at once: no faults, no limits, no
    /// late-arriving records.
    pub(crate) fn plain(shape: Shape) -> Self {
        let (name, unit_ms) = match shape {
            Shape::Google => ("simgoogle", 1),
            Shape::Okta => ("simokta", 1),
            Shape::Slack => ("simslack", SECOND_MS),
            Shape::Unordered => ("simunordered", SECOND_MS),
        };
        Self {
            name: name.to_owned(),
            shape,
            feeds: 1,
            history_ms: 12 * HOUR_MS,
            length_ms: 2 * DAY_MS,
            events: 1_000,
            unit_ms,
            finer: false,
            arrival: false,
            start: Rule::Inclusive,
            end: Rule::Exclusive,
            documented: true,
            page_size: 25,
            latency_ms: 20..=200,
            settle_ms: 5 * MINUTE_MS,
            late_per_mille: 0,
            late_ms: 10 * MINUTE_MS..=2 * DAY_MS,
            twice_per_mille: 0,
            empty_per_mille: 0,
            strict: shape != Shape::Unordered,
            sweeps_ms: Vec::new(),
            initial_ms: HOUR_MS,
            max_span_ms: None,
            span_records_max: None,
            max_in_flight: 4,
            rate_limit: None,
            retention: None,
            token: TokenKind::After,
            token_ttl_ms: None,
            single_use: false,
            skips: false,
            token_faults_max: 3,
            echoes: false,
            faults_per_mille: 0,
            kinds: Fault::of(shape),
            clock: SimClock::TRUE,
            unpaced: false,
        }
    }

    /// Draws a vendor. Its retention only omits, and exceeds the records' age by hours, so that
    /// undelivered records lapse only when a world stops for long.
    pub(crate) fn draw(rng: &mut fastrand::Rng) -> Self {
        let shape = *pick(rng, &Shape::ALL);
        let mut spec = Self::plain(shape);
        spec.draw_records(rng);
        spec.draw_bounds(rng);
        spec.draw_limits(rng);
        spec.draw_tokens(rng);
        spec.draw_faults(rng);
        spec
    }

    /// Returns true if records between two units can be pulled exactly: a documented inclusive end
    /// omits those after its last unit, and a documented exclusive start returns them twice.
    pub(crate) fn may_be_finer(&self) -> bool {
        let whole = matches!(self.shape, Shape::Unordered);
        whole
            && (!self.documented || (self.start == Rule::Inclusive && self.end == Rule::Exclusive))
    }

    /// Returns true if records within one unit of a bound come with both adjacent windows: nothing
    /// is trimmed where bounds filter on another time than the one in the record.
    pub(crate) fn repeats_at_bounds(&self) -> bool {
        self.arrival && !self.documented
    }

    fn draw_records(&mut self, rng: &mut fastrand::Rng) {
        self.feeds = *pick(rng, &[1, 1, 1, 2, 3]);
        self.history_ms = rng.i64(2..=36) * HOUR_MS;
        self.length_ms = 4 * DAY_MS;
        self.events = *pick(rng, &[200, 600, 1_500, 3_000, 5_000]);
        self.page_size = *pick(rng, &[3, 10, 25, 50, 100]);
        self.settle_ms = *pick(rng, &[MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS]);
        self.initial_ms = *pick(rng, &[10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS]);
        if rng.bool() {
            self.late_per_mille = 10;
            self.late_ms =
                self.settle_ms + MINUTE_MS..=*pick(rng, &[HOUR_MS, 6 * HOUR_MS, 2 * DAY_MS]);
        }
        self.twice_per_mille = *pick(rng, &[0, 0, 0, 10]);
        self.empty_per_mille = *pick(rng, &[0, 0, 20, 100]);
        if self.late_per_mille > 0 && rng.u8(0..3) > 0 {
            self.sweeps_ms = pick(rng, &SWEEPS_MS).to_vec();
        }
        let slowest = *pick(rng, &[50, 400, 2_000]);
        self.latency_ms = slowest / 10..=slowest;
    }

    fn draw_bounds(&mut self, rng: &mut fastrand::Rng) {
        let rules = [Rule::Inclusive, Rule::Exclusive];
        (self.start, self.end) = (*pick(rng, &rules), *pick(rng, &rules));
        self.documented = rng.bool();
        if self.shape == Shape::Unordered {
            self.unit_ms = *pick(rng, &[SECOND_MS, SECOND_MS, MINUTE_MS]);
            self.arrival = rng.u8(0..4) == 0;
            if self.arrival {
                // No record is late by its arrival time.
                self.sweeps_ms.clear();
            }
            self.finer = self.may_be_finer() && rng.bool();
        }
        self.strict = self.shape != Shape::Unordered && rng.u8(0..4) > 0;
        if rng.u8(0..5) == 0 {
            self.max_span_ms = Some(*pick(rng, &[2 * HOUR_MS, 6 * HOUR_MS, DAY_MS]));
        }
    }

    fn draw_limits(&mut self, rng: &mut fastrand::Rng) {
        self.max_in_flight = rng.u32(1..=6);
        if rng.bool() {
            let per_minute = *pick(rng, &[30, 60, 120, 300]);
            let declared = (rng.u8(0..4) > 0).then_some(per_minute * 9 / 10);
            self.rate_limit = Some(RateLimit {
                per_minute,
                declared,
            });
        }
        if rng.u8(0..4) == 0 {
            let kept_ms = self.history_ms + rng.i64(4..=48) * HOUR_MS;
            let response = RetentionResponse::Omitted;
            self.retention = Some(Retention { kept_ms, response });
        }
        if matches!(self.shape, Shape::Okta | Shape::Unordered) && rng.u8(0..4) == 0 {
            self.span_records_max = Some(self.page_size * rng.usize(3..=10));
        }
    }

    fn draw_tokens(&mut self, rng: &mut fastrand::Rng) {
        self.token = *pick(rng, &[TokenKind::Snapshot, TokenKind::After]);
        if rng.u8(0..3) == 0 {
            self.token_ttl_ms = Some(rng.i64(5..=60) * MINUTE_MS);
        }
        self.single_use = matches!(self.shape, Shape::Slack | Shape::Unordered) && rng.u8(0..8) < 2;
        if self.single_use {
            // Many pages per window, so that runs end in the middle of one.
            self.page_size = SINGLE_USE_PAGE;
            self.events = self.events.max(SINGLE_USE_EVENTS_MIN);
            self.skips = rng.u8(0..4) > 0;
        }
        self.echoes = rng.u8(0..4) == 0;
    }

    fn draw_faults(&mut self, rng: &mut fastrand::Rng) {
        self.faults_per_mille = *pick(rng, &[0, 10, 40, 120]);
        let mut kinds = Fault::of(self.shape);
        rng.shuffle(&mut kinds);
        kinds.truncate(rng.usize(1..=kinds.len()));
        self.kinds = kinds;
    }
}

/// One of `choices`, which must not be empty.
pub(super) fn pick<'a, T>(rng: &mut fastrand::Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.usize(..choices.len())]
}
