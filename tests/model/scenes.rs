//! The scenes of the searches: small timelines with as many faults as possible.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::limits;
use windlass_core::source::Order;
use windlass_core::time::DAY_MS;
use windlass_core::trust::WhoseClock;
use windlass_core::{Lane, Policy, Progress, Timeline, Timestamp, Window, WindowId};

use crate::row::{Marks, Row};
use crate::state::{FaultLimits, Planner, State, Worker};
use crate::store::{self, Store};
use crate::vendor::{Record, Vendor};

/// The vendor's time unit, in milliseconds.
const UNIT_MS: i64 = 1_000;
/// The vendor's time unit where a window is split at its frontier, in milliseconds.
const FRONTIER_UNIT_MS: i64 = 30_000;
/// Duration of a lease or a dispatch, in milliseconds.
pub(crate) const LEASE_MS: i64 = 100_000;
/// One step of the clock, in milliseconds: more than any lease, and more than the age of a sweep.
const STEP_MS: i64 = 200_000;
/// Beginning of a scene, in milliseconds.
const OPENS_MS: i64 = 20_000;

/// A state that must be reachable in a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum May {
    Park,
    Split,
    FindLate,
    Hold,
}

/// The sink of a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sink {
    /// It acknowledges each page at once, and has no final place.
    Acknowledges,
    /// It holds each page until it is flushed, and the last page until the output is made final. A page
    /// that it only holds is lost with its process.
    Holds,
}

/// A small timeline, and its possible events.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) policy: Policy,
    pub(crate) vendor: Vendor,
    pub(crate) sink: Sink,
    /// End of the timeline.
    pub(crate) end: Timestamp,
    /// Age of the sweep lane, in milliseconds; `None` without one.
    pub(crate) sweep_after_ms: Option<i64>,
    pub(crate) slots: usize,
    pub(crate) planners: usize,
    pub(crate) workers: usize,
    pub(crate) left: FaultLimits,
    pub(crate) may: Vec<May>,
    pub(crate) is_wide: bool,
    /// History of the first window.
    pub(crate) past: Past,
}

/// The history before a scene, which shortens the way to states that take many runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// No window exists yet.
    None,
    /// The first window is one failure, and one restart, from being parked.
    Troubled,
    /// The first window is one run from being split.
    Overrun,
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_ms(seconds * UNIT_MS)
}

fn policy(width: i64) -> Policy {
    let width_ms = width * UNIT_MS;
    Policy {
        unit_ms: UNIT_MS,
        initial_ms: width_ms,
        min_ms: width_ms,
        max_ms: width_ms,
        every_ms: width_ms,
        settle_ms: 0,
        max_lookback_ms: None,
        max_in_flight: 2,
        max_open_windows: 3,
        rate_group: "vendor:acme".parse().expect("a valid group"),
        group_in_flight: 2,
        requests_per_minute: None,
        history_ms: 7 * DAY_MS,
        strict_order: None,
        sweeps_ms: Vec::new(),
        clock: Some(WhoseClock::Ours),
    }
}

/// A vendor with records at these milliseconds.
fn vendor(order: Order, page_records: usize, times_ms: &[i64]) -> Vendor {
    let record = |ms: &i64| Record {
        time: Timestamp::from_ms(*ms),
        published: 0,
    };
    Vendor {
        records: times_ms.iter().map(record).collect(),
        page_records,
        order,
    }
}

impl Scene {
    /// Two windows of two pages: every fault between planners and workers.
    pub(crate) fn windows() -> Self {
        Self {
            name: "windows",
            policy: policy(2),
            vendor: vendor(Order::OldestFirst, 1, &[0, 1_000, 2_000, 3_000]),
            sink: Sink::Acknowledges,
            end: seconds(4),
            sweep_after_ms: None,
            slots: 1,
            planners: 2,
            workers: 2,
            left: FaultLimits {
                ticks: 2,
                clock: 1,
                crashes: 1,
                ..FaultLimits::default()
            },
            may: vec![],
            is_wide: false,
            past: Past::None,
        }
    }

    /// One window, and claims of it that come late, twice, or whose response is lost.
    pub(crate) fn claims() -> Self {
        Self {
            name: "claims",
            end: seconds(2),
            left: FaultLimits {
                ticks: 2,
                clock: 1,
                late_claims: 1,
                lost_responses: 1,
                yields: 1,
                ..FaultLimits::default()
            },
            ..Self::windows()
        }
    }

    /// One window of two pages, into a sink that holds each of them for some time.
    pub(crate) fn held() -> Self {
        Self {
            name: "held",
            sink: Sink::Holds,
            end: seconds(2),
            left: FaultLimits {
                ticks: 3,
                clock: 1,
                crashes: 1,
                lost_responses: 1,
                yields: 1,
                ..FaultLimits::default()
            },
            may: vec![May::Hold],
            ..Self::windows()
        }
    }

    /// A window that parks, is skipped, and is retried.
    pub(crate) fn holes() -> Self {
        Self {
            name: "holes",
            slots: 0,
            left: FaultLimits {
                ticks: 2,
                failures: 1,
                rejections: 1,
                retries: 1,
                ..FaultLimits::default()
            },
            may: vec![May::Park],
            past: Past::Troubled,
            ..Self::windows()
        }
    }

    /// A window that is too large for the vendor.
    pub(crate) fn halves() -> Self {
        Self {
            name: "halves",
            slots: 0,
            left: FaultLimits {
                ticks: 2,
                clock: 1,
                too_large: 1,
                ..FaultLimits::default()
            },
            may: vec![May::Split],
            ..Self::windows()
        }
    }

    /// A window that never finishes in one run, from a vendor with this strict order. It is split
    /// at two records that share a time unit.
    pub(crate) fn frontier(order: Order) -> Self {
        // Twelve units, of which the first pages cover seven: the rest becomes a few windows.
        let width = 12 * FRONTIER_UNIT_MS / UNIT_MS;
        let policy = Policy {
            unit_ms: FRONTIER_UNIT_MS,
            strict_order: Some(order),
            max_open_windows: 6,
            ..policy(width)
        };
        let halves = match order {
            Order::OldestFirst => [0, 14, 15, 18],
            Order::NewestFirst => [5, 8, 9, 22],
        };
        let times_ms = halves.map(|half| half * FRONTIER_UNIT_MS / 2);
        Self {
            name: match order {
                Order::OldestFirst => "frontier, oldest first",
                Order::NewestFirst => "frontier, newest first",
            },
            policy,
            vendor: vendor(order, 1, &times_ms),
            end: seconds(width),
            slots: 0,
            left: FaultLimits {
                ticks: 2,
                overruns: 1,
                rejections: 1,
                ..FaultLimits::default()
            },
            may: vec![May::Split],
            past: Past::Overrun,
            ..Self::windows()
        }
    }

    /// The same window, whose worker is stopped or outlives its lease.
    pub(crate) fn expiry(order: Order) -> Self {
        Self {
            name: match order {
                Order::OldestFirst => "expiry, oldest first",
                Order::NewestFirst => "expiry, newest first",
            },
            left: FaultLimits {
                ticks: 2,
                clock: 1,
                crashes: 1,
                ..FaultLimits::default()
            },
            ..Self::frontier(order)
        }
    }

    /// The same scene with more faults in one history: for searches that may take minutes.
    pub(crate) fn wide(mut self) -> Self {
        self.left.planner_stops = 1;
        if self.policy.strict_order.is_some() {
            self.left.clock = 1;
        }
        self.slots = 1;
        self.is_wide = true;
        self
    }

    /// A late-arriving record, and a sweep that finds it.
    pub(crate) fn sweeps() -> Self {
        let mut policy = policy(4);
        policy.sweeps_ms = vec![LEASE_MS];
        let mut vendor = vendor(Order::OldestFirst, 1, &[0, 1_000, 2_000]);
        vendor.records[1].published = 1;
        Self {
            name: "sweeps",
            policy,
            vendor,
            sweep_after_ms: Some(LEASE_MS),
            left: FaultLimits {
                ticks: 3,
                clock: 2,
                crashes: 1,
                ..FaultLimits::default()
            },
            may: vec![May::FindLate],
            ..Self::windows()
        }
    }

    /// A table that loses a window.
    pub(crate) fn vanishing() -> Self {
        Self {
            name: "vanishing",
            left: FaultLimits {
                ticks: 4,
                planner_stops: 1,
                vanishing: 1,
                ..FaultLimits::default()
            },
            workers: 1,
            ..Self::windows()
        }
    }

    /// The time at a step of the clock.
    pub(crate) fn now(clock: u8) -> Timestamp {
        Timestamp::from_ms(OPENS_MS + i64::from(clock) * STEP_MS)
    }

    /// The first state.
    pub(crate) fn first(&self) -> State {
        let ages = self.sweep_after_ms.is_some();
        let mut lanes = vec![self.lane(Lane::Live)];
        if ages {
            lanes.push(self.lane(Lane::Sweep(1)));
        }
        let live = &mut lanes[0];
        if let Some(window) = self.first_window() {
            let mut progress = live.marks.progress().clone();
            progress.scheduled_through = window.to();
            live.marks = Marks::new(progress);
            live.windows
                .insert(window.id().from, Row::new(window, ages));
        }
        State {
            clock: 0,
            store: Store {
                lanes,
                seen: BTreeSet::new(),
                ages,
                fault: None,
            },
            planners: vec![Planner::Idle; self.planners],
            workers: vec![Worker::Idle; self.workers],
            delivered: 0,
            margin: 0,
            trespass: false,
            left: self.left,
        }
    }

    fn timeline(lane: Lane) -> Timeline {
        Timeline {
            source: "acme".parse().expect("a valid name"),
            generation: "0123456789ab".parse().expect("a valid generation"),
            lane,
        }
    }

    fn lane(&self, lane: Lane) -> store::Lane {
        let now = Self::now(0);
        let start = Timestamp::from_ms(0);
        let timeline = Self::timeline(lane);
        let progress = Progress::begin(timeline, start, None, &self.policy, now);
        store::Lane {
            marks: Marks::new(Progress {
                version: 1,
                ..progress
            }),
            windows: BTreeMap::new(),
        }
    }

    fn first_window(&self) -> Option<Window> {
        let id = WindowId {
            timeline: Self::timeline(Lane::Live),
            from: Timestamp::from_ms(0),
        };
        let to = id.from.plus_ms(self.policy.initial_ms);
        let window = Window::new(id, to, Self::now(0)).expect("a window has a width");
        match self.past {
            Past::None => None,
            Past::Troubled => Some(window.with(|form| {
                form.attempts = limits::ATTEMPTS_MAX - 1;
                form.restarts = limits::RESTARTS_MAX;
            })),
            Past::Overrun => {
                Some(window.with(|form| form.overruns = limits::OVERRUNS_BEFORE_SPLIT - 1))
            }
        }
    }
}
