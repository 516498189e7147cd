//! What a simulated vendor is like: drawn from a seed, editable before the vendor is made.

use std::ops::RangeInclusive;

use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

use super::fault::Fault;
use crate::clock::SimClock;

/// Whose API a vendor resembles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    /// Newest first, `nextPageToken` in the body, 403 for a spent quota, nothing for no records.
    Google,
    /// Oldest first, the next page in a `Link` header, budget in headers.
    Okta,
    /// Newest first, whole seconds, a cursor in the body, errors inside a 200.
    Slack,
    /// No order, the token in a header, a flag that says whether there is more.
    Unordered,
}

impl Shape {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Google, Self::Okta, Self::Slack, Self::Unordered];
}

/// Whether a record at exactly the bound asked for is returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// It is.
    Inclusive,
    /// It is not.
    Exclusive,
}

/// What a page token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A number of records into the listing as it was when its first page was asked for.
    Snapshot,
    /// The last record sent; what is published later and sorts behind it is still sent.
    After,
}

/// What is said about time that the vendor no longer keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetentionReply {
    /// Nothing: the records are not in the listing.
    Omitted,
    /// A 400 for a span that lies wholly before it, which blocks the source.
    Refused,
}

/// How long records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// From a record's time on, in milliseconds; the manifest's `max_lookback`.
    pub(crate) kept_ms: i64,
    /// What is said about the time before.
    pub(crate) reply: RetentionReply,
}

/// How many requests are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimit {
    /// In any sliding minute; a request above it is answered with 429.
    pub(crate) per_minute: u32,
    /// The manifest's `requests_per_minute`. With it a request above the limit is a violation;
    /// without it, it is how the limit becomes known.
    pub(crate) declared: Option<u32>,
}

/// Sweeps that a vendor may ask for, in milliseconds: short, so that worlds of a few days see them.
const SWEEPS_MS: [&[i64]; 4] = [
    &[2 * HOUR_MS],
    &[6 * HOUR_MS],
    &[2 * HOUR_MS, 6 * HOUR_MS],
    &[3 * HOUR_MS, DAY_MS],
];

/// Records of a page where tokens work once.
const SINGLE_USE_PAGE: usize = 10;
/// The fewest records of a vendor whose tokens work once.
const SINGLE_USE_EVENTS_MIN: usize = 3_000;

/// A vendor and the records it will have. Every field may be changed before [`super::Vendor::new`].
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a property of its own"
)]
pub(crate) struct VendorSpec {
    /// The connector's name, of a-z and 0-9; also the host's first label.
    pub(crate) name: String,
    /// Whose API it resembles.
    pub(crate) shape: Shape,
    /// Logs that are separate sources and share one request budget; at least 1.
    pub(crate) feeds: u32,
    /// How far records go back when the world begins, in milliseconds.
    pub(crate) history_ms: i64,
    /// How long records keep coming, in milliseconds from the world's begin.
    pub(crate) length_ms: i64,
    /// About how many records there are, all feeds together.
    pub(crate) events: usize,
    /// The vendor's time unit in milliseconds: what bounds are multiples of.
    pub(crate) unit_ms: i64,
    /// Whether records show times between two units. Only where the bounds allow it, see
    /// [`VendorSpec::may_be_finer`].
    pub(crate) finer: bool,
    /// Whether bounds filter on when a record arrived, rather than on the time it shows.
    pub(crate) arrival: bool,
    /// The true rule for the start asked for.
    pub(crate) start: Rule,
    /// The true rule for the end asked for.
    pub(crate) end: Rule,
    /// Whether the manifest states those rules, or `unknown`.
    pub(crate) documented: bool,
    /// Records of a page.
    pub(crate) page_size: usize,
    /// How long an exchange takes, in milliseconds.
    pub(crate) latency_ms: RangeInclusive<i64>,
    /// The manifest's `settle`: what is not late is published sooner than that after its time.
    pub(crate) settle_ms: i64,
    /// Records of a thousand that are published later than `settle_ms`.
    pub(crate) late_per_mille: u32,
    /// How much later than their time these are published, in milliseconds.
    pub(crate) late_ms: RangeInclusive<i64>,
    /// Records of a thousand that stand twice in each listing.
    pub(crate) twice_per_mille: u32,
    /// Pages of a thousand that come empty although more follow.
    pub(crate) empty_per_mille: u32,
    /// Whether the manifest declares the order as strict. It always is, but where there is none.
    pub(crate) strict: bool,
    /// The manifest's `sweeps`, in milliseconds, ascending; none without.
    pub(crate) sweeps_ms: Vec<i64>,
    /// Width of a source's first window, in milliseconds.
    pub(crate) initial_ms: i64,
    /// The widest span that is answered; asking for a wider one is a violation.
    pub(crate) max_span_ms: Option<i64>,
    /// Spans with more records than that are answered with the manifest's `split` error.
    pub(crate) span_records_max: Option<usize>,
    /// The manifest's `max_in_flight` for the group.
    pub(crate) max_in_flight: u32,
    /// How many requests are answered; any number without.
    pub(crate) rate_limit: Option<RateLimit>,
    /// How long records are kept; for ever without.
    pub(crate) retention: Option<Retention>,
    /// What a token names.
    pub(crate) token: TokenKind,
    /// How long a token is accepted after it was given, in milliseconds.
    pub(crate) token_ttl_ms: Option<i64>,
    /// Whether a token is accepted once only; the manifest then says `replayable: false`.
    pub(crate) single_use: bool,
    /// Whether such a token, sent again, is answered with the page after the one it stood for, without
    /// a word. Otherwise it is refused.
    pub(crate) skips: bool,
    /// Tokens of one span that are rejected, stuck or circular by chance, at most. Above the
    /// restarts that park a window, windows park.
    pub(crate) token_faults_max: u32,
    /// Whether messages and links of the vendor repeat the credential they were asked with.
    pub(crate) echoes: bool,
    /// Requests of a thousand that meet a fault, until the vendor is quiet.
    pub(crate) faults_per_mille: u32,
    /// Which faults these are; each is as likely as the others.
    pub(crate) kinds: Vec<Fault>,
    /// What it shows as its time.
    pub(crate) clock: SimClock,
    /// Whether machines whose clocks disagree ask it, which need not keep to its limit.
    pub(crate) unpaced: bool,
}

impl VendorSpec {
    /// A vendor of `shape` that answers every request, at once and well: no faults, no limits, no
    /// late records.
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

    /// Any vendor there may be. The retention it draws only omits, and is longer than what records
    /// go back by hours, so that what is not pulled in time lapses only when a world stops for long.
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

    /// Whether records between two units can be pulled exactly: a documented inclusive end leaves
    /// out what lies after its last unit, and a documented exclusive start brings it twice.
    pub(crate) fn may_be_finer(&self) -> bool {
        let whole = matches!(self.shape, Shape::Unordered);
        whole
            && (!self.documented || (self.start == Rule::Inclusive && self.end == Rule::Exclusive))
    }

    /// Whether what lies within one unit of a bound comes with both windows beside it: nothing is
    /// trimmed where bounds filter on another time than the one that records show.
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
                // Nothing comes late by the time it arrived.
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
            let reply = RetentionReply::Omitted;
            self.retention = Some(Retention { kept_ms, reply });
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
            // Many pages a window, so that runs end in the middle of one.
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

/// One of `choices`, which are never none.
pub(super) fn pick<'a, T>(rng: &mut fastrand::Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.usize(..choices.len())]
}
