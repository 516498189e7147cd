//! The checks at the end of a world: no record lost, none repeated more often than its faults
//! explain, no window left behind, no forbidden request or stored secret.

mod repeats;

use std::sync::Arc;

use windlass_core::ids::{Lane, SourceName, Timeline};
use windlass_core::invariant::check_coverage;
use windlass_core::limits;
use windlass_core::progress::Progress;
use windlass_core::span::Span;
use windlass_core::time::{MINUTE_MS, Timestamp};
use windlass_core::window::{Status, Window};
use windlass_state::StateStore;

use crate::books::WindowBook;
use crate::files::Output;
use crate::op::{Change, What};
use crate::true_time;
use crate::truth::{Arrival, SourceTruth, Truths};
use crate::vendor::{Truth, Vendor};
use crate::world::World;

/// Longest time of a window without a move after the faults, in milliseconds: the longest stored
/// wait, a lease and a tick.
const STILL_MS_MAX: i64 = limits::WAIT_MS_MAX + 20 * MINUTE_MS;

/// Counts of records, by delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Distinct records that arrived.
    pub(crate) delivered: u64,
    /// Records that are missing.
    pub(crate) lost: u64,
    /// Arrivals beyond the first of their record.
    pub(crate) duplicates: u64,
    /// Records that arrived through a sweep.
    pub(crate) swept: u64,
}

/// One lane at the end.
pub(crate) struct LaneEnd {
    pub(crate) progress: Progress,
    /// All its windows, ascending.
    pub(crate) windows: Vec<Window>,
}

/// Runs every check.
pub(crate) async fn check(
    world: &World,
    truths: &Truths,
    vendors: &[Arc<Vendor>],
    output: &Output,
) -> Tally {
    for vendor in vendors {
        for problem in vendor.violations() {
            world.violate(format_args!("vendor {}: {problem}", vendor.spec().name));
        }
    }
    let (problems, unacknowledged) = match output {
        Output::Stream(stream) => (stream.violations(), stream.unacknowledged()),
        Output::Files(files) => (files.violations(), 0),
    };
    for problem in problems {
        world.violate(format_args!("output: {problem}"));
    }
    for stranger in truths.strangers() {
        world.violate(format_args!(
            "{stranger} arrived, and no vendor ever had it"
        ));
    }
    let mut tally = Tally::default();
    let mut excess = 0;
    for (name, truth) in truths.sources() {
        let lanes = lanes(world, name, truth).await;
        let sweeps = sweeps_now(world, name, truth).await;
        for lane in &lanes {
            look_at_lane(world, lane, sweeps);
        }
        let arrivals = truths.arrivals(name);
        count(&mut tally, &arrivals);
        let promised = Promise::of(world, &lanes, truth);
        for (record, arrivals) in truth.records.iter().zip(&arrivals) {
            if arrivals.is_empty() && promised.holds(record) {
                tally.lost += 1;
                world.violate(format_args!(
                    "{name}: {} of {}, published {}, is lost",
                    record.id, record.time, record.published_at
                ));
            }
        }
        excess += repeats::check(world, name, truth, &arrivals, truths.is_exact());
    }
    repeats::check_excess(world, unacknowledged, excess);
    tally
}

fn count(tally: &mut Tally, arrivals: &[Vec<Arrival>]) {
    let of_sweep = |it: &&Arrival| matches!(it.window.timeline.lane, Lane::Sweep(_));
    for arrivals in arrivals {
        let number = arrivals.len() as u64;
        tally.delivered += number.min(1);
        tally.duplicates += number.saturating_sub(1);
        tally.swept += arrivals.iter().filter(of_sweep).count() as u64;
    }
}

async fn lanes(world: &World, source: &SourceName, truth: &SourceTruth) -> Vec<LaneEnd> {
    let mut lanes = Vec::new();
    let ever = Span::new(Timestamp::MIN, Timestamp::MAX);
    let progress = world.store.progress_of(truth.shard, source).await;
    let (Ok(stored), Ok(ever)) = (progress, ever) else {
        world.violate(format_args!("{source} cannot be read"));
        return lanes;
    };
    for progress in stored {
        let history = world
            .store
            .history(&progress.timeline, ever, usize::MAX)
            .await;
        let windows = history.unwrap_or_default();
        lanes.push(LaneEnd { progress, windows });
    }
    lanes
}

/// Number of sweeps configured for a source at the end.
async fn sweeps_now(world: &World, source: &SourceName, truth: &SourceTruth) -> usize {
    let record = world.store.source(truth.shard, source).await;
    let policy = record.ok().flatten().map(|record| record.definition.policy);
    policy.map_or(0, |policy| policy.sweeps_ms.len())
}

fn look_at_lane(world: &World, lane: &LaneEnd, sweeps: usize) {
    let LaneEnd { progress, windows } = lane;
    let mark = progress.scheduled_through;
    let within: Vec<_> = windows
        .iter()
        .filter(|it| it.id().from < mark)
        .cloned()
        .collect();
    let has_lost = world
        .books()
        .lanes
        .get(&progress.timeline)
        .is_some_and(|lane| lane.has_lost);
    if !has_lost {
        world.expect(check_coverage(progress, &within));
    }
    if matches!(progress.timeline.lane, Lane::Sweep(number) if usize::from(number) > sweeps) {
        // No worker reads a sweep that is no longer configured.
        return;
    }
    let now = true_time::now();
    for window in windows {
        let book = world.books().windows.get(window.id()).copied();
        // By the true time: a wrong clock may have stored any other.
        let moved_at = book.and_then(|book| book.moved_at);
        let still_ms = now.ms_since(moved_at.unwrap_or(window.updated_at()));
        let is_open = !matches!(window.status(), Status::Done | Status::Parked);
        if is_open && still_ms > STILL_MS_MAX {
            world.violate(format_args!("nobody works on {window:?}"));
        }
    }
}

/// The records that a source had to deliver by now.
struct Promise<'a> {
    world: &'a World,
    truth: &'a SourceTruth,
    settle_ms: i64,
    start: Timestamp,
    through: Timestamp,
    unavailable: Vec<Span>,
    lanes: &'a [LaneEnd],
    /// The ages at which all time was swept; empty if a change came between.
    sweeps_ms: Vec<i64>,
}

impl<'a> Promise<'a> {
    fn of(world: &'a World, lanes: &'a [LaneEnd], truth: &'a SourceTruth) -> Self {
        let first_pass = || {
            lanes
                .iter()
                .filter(|lane| !is_sweep(&lane.progress.timeline))
        };
        let live = lanes
            .iter()
            .find(|lane| lane.progress.timeline.lane == Lane::Live);
        let through = live.map_or(Timestamp::MIN, complete_through);
        let start = first_pass().map(|lane| lane.progress.start).min();
        let unavailable = first_pass().flat_map(|lane| lane.progress.unavailable.clone());
        let name = lanes.first().map(|lane| &lane.progress.timeline.source);
        let book = name.and_then(|name| world.books().sources.get(name).copied());
        let changed = world.ops().iter().any(|op| {
            let what = &op.what;
            matches!(
                what,
                What::Apply {
                    change: Change::Sweeps { .. },
                    ..
                }
            )
        });
        let sweeps_ms = if changed {
            Vec::new()
        } else {
            truth.policy.sweeps_ms.clone()
        };
        Self {
            world,
            truth,
            settle_ms: book.map_or(0, |book| book.settle_ms),
            start: start.unwrap_or(Timestamp::MAX),
            through,
            unavailable: unavailable.collect(),
            lanes,
            sweeps_ms,
        }
    }

    /// Returns true if `record` had to be delivered.
    fn holds(&self, record: &Truth) -> bool {
        let at = record.time;
        let in_reach = self.start <= at
            && at < self.through
            && !self.unavailable.iter().any(|span| span.contains(at));
        in_reach && (self.was_on_time(record) || self.was_there(record) || self.was_swept(record))
    }

    /// Returns true if the record was published in time, and within the retention at its first
    /// read.
    fn was_on_time(&self, record: &Truth) -> bool {
        let done = self
            .readings(record)
            .filter_map(|window| self.book(window).done_at);
        let first = done.min().unwrap_or_else(true_time::now);
        record.published_at <= record.time.plus_ms(self.settle_ms) && self.was_kept(record, first)
    }

    /// Returns true if a window that covers the record began after its publication, however late,
    /// and was done within the retention.
    fn was_there(&self, record: &Truth) -> bool {
        self.readings(record).any(|window| {
            let book = self.book(window);
            let done_at = book.done_at.unwrap_or_else(true_time::now);
            Self::had(record, book) && self.was_kept(record, done_at)
        })
    }

    /// Returns true if listings had the record when the window of `book` was created.
    fn had(record: &Truth, book: WindowBook) -> bool {
        let published_at = record.published_at.plus_ms(limits::CLOCK_SKEW_MS);
        book.created_at.is_some_and(|at| published_at < at)
    }

    /// The book of `window`.
    fn book(&self, window: &Window) -> WindowBook {
        let book = self.world.books().windows.get(window.id()).copied();
        book.unwrap_or_default()
    }

    /// Returns true if the record was within the vendor's retention at `at`.
    fn was_kept(&self, record: &Truth, at: Timestamp) -> bool {
        !self.truth.is_gone(record, at, limits::CLOCK_SKEW_MS)
    }

    /// Returns true if a sweep had to find the record: published before time of its age was swept,
    /// and too late for its live window.
    fn was_swept(&self, record: &Truth) -> bool {
        let late_ms = record.published_at.ms_since(record.time) + limits::CLOCK_SKEW_MS;
        let live = self.window_of(&Lane::Live, record);
        (1..).zip(&self.sweeps_ms).any(|(number, after_ms)| {
            let lane = self.lane(&Lane::Sweep(number));
            let done = lane.is_some_and(|lane| record.time < complete_through(lane));
            let was_young = live.is_some_and(|window| {
                let is_young = |at: Timestamp| {
                    at.plus_ms(2 * limits::CLOCK_SKEW_MS) < window.to().plus_ms(*after_ms)
                };
                self.book(window).created_at.is_some_and(is_young)
            });
            // One window of a sweep is read before its age while the vendor's clock is not known.
            let sweep = lane.and_then(|lane| covering(lane, record));
            let was_early = sweep
                .is_some_and(|window| window.runs() > 0 && !Self::had(record, self.book(window)));
            let is_kept = !self.truth.is_gone(record, true_time::now(), 0);
            done && was_young && !was_early && is_kept && late_ms <= *after_ms
        })
    }

    /// The windows of every lane that were read and cover the record.
    fn readings(&self, record: &Truth) -> impl Iterator<Item = &Window> {
        let covering = self.lanes.iter().filter_map(|lane| covering(lane, record));
        covering.filter(|window| window.status() == Status::Done && window.runs() > 0)
    }

    fn lane(&self, lane: &Lane) -> Option<&LaneEnd> {
        self.lanes
            .iter()
            .find(|it| it.progress.timeline.lane == *lane)
    }

    fn window_of(&self, lane: &Lane, record: &Truth) -> Option<&Window> {
        covering(self.lane(lane)?, record)
    }
}

fn covering<'a>(lane: &'a LaneEnd, record: &Truth) -> Option<&'a Window> {
    let after = lane
        .windows
        .partition_point(|it| it.id().from <= record.time);
    let window = lane.windows.get(after.checked_sub(1)?)?;
    (record.time < window.to()).then_some(window)
}

fn is_sweep(timeline: &Timeline) -> bool {
    matches!(timeline.lane, Lane::Sweep(_))
}

/// Watermark of `lane`.
fn complete_through(lane: &LaneEnd) -> Timestamp {
    let LaneEnd { progress, windows } = lane;
    let open_at = windows.partition_point(|it| it.id().from < progress.open_from);
    let named = |window: &&Window| progress.behind.contains(&window.id().from);
    let behind: Vec<_> = windows.iter().filter(named).cloned().collect();
    progress.complete_through(&windows[open_at..], &behind)
}
