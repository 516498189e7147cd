//! The allowed repetitions of records, given the faults that occurred (promise P2).

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::ids::{Lane, SourceName, Timeline};
use windlass_core::time::Timestamp;

use crate::books::Books;
use crate::truth::{Arrival, SourceTruth};
use crate::vendor::Truth;
use crate::world::World;

/// A window and the parts it was split into: they share the deliveries before the split.
type Family = (Timeline, Timestamp);

/// The repetitions of one family.
#[derive(Debug, Default)]
struct Repeats {
    /// Distinct records it delivered.
    records: BTreeSet<usize>,
    /// Lines of one whole read: its records, some of them twice.
    lines: u64,
    /// Arrivals beyond the first of a record.
    repeated: u64,
    /// Those of them at a split: at most the records of one unit.
    at_splits: u64,
}

/// Checks the arrivals of one source. Returns the number of repetitions that only lost responses of
/// the stream can explain; all of them where output is `exact`, as in files.
pub(super) fn check(
    world: &World,
    source: &SourceName,
    truth: &SourceTruth,
    arrivals: &[Vec<Arrival>],
    exact: bool,
) -> u64 {
    let books = world.books();
    let unit_ms = books.sources.get(source).map_or(1, |book| book.unit_ms);
    let mut families: BTreeMap<Family, Repeats> = BTreeMap::new();
    let mut problems = Vec::new();
    for (number, (record, arrivals)) in truth.records.iter().zip(arrivals).enumerate() {
        let mut before: BTreeMap<Family, u64> = BTreeMap::new();
        for arrival in arrivals {
            let family = family(&books, arrival);
            let others = !before.is_empty() && !before.contains_key(&family);
            let at_bounds = truth.vendor.spec().repeats_at_bounds()
                && is_at_bound(record, unit_ms, &family, &before);
            if others && !at_bounds && !is_excused(&books, &family, &before) {
                problems.push(format!(
                    "{} of {} came with {} and again with {}",
                    record.id, record.time, arrivals[0].window, arrival.window
                ));
            }
            let times = before.entry(family.clone()).or_default();
            *times += 1;
            let repeats = families.entry(family.clone()).or_default();
            if repeats.records.insert(number) {
                repeats.lines += u64::from(record.copies);
            }
            // A record that a listing has twice is two.
            if *times > u64::from(record.copies) {
                repeats.repeated += 1;
                repeats.at_splits += u64::from(is_at_split(&books, &family, record, unit_ms));
            }
        }
    }
    let page_size = truth.vendor.spec().page_size as u64;
    // A token of an earlier run leads back undetected, and forward again from there.
    let cycles = truth.vendor.faults().get("vendor_token_circle").copied();
    let mut excess = 0;
    for (family, repeats) in &families {
        let back = cycles.unwrap_or(0) * repeats.lines;
        let repeated = if exact && truth.vendor.spec().repeats_at_bounds() {
            // The parts of a split are windows with a bound between them, too.
            repeats.repeated - repeats.at_splits
        } else if exact {
            repeats.repeated
        } else {
            beyond(&books, family, repeats, page_size)
        };
        excess += repeated.saturating_sub(back);
    }
    drop(books);
    for problem in problems {
        world.violate(problem);
    }
    excess
}

/// Checks that `excess` is explained by `unacknowledged`, the lines that the stream took although their
/// response was lost.
pub(super) fn check_excess(world: &World, unacknowledged: u64, excess: u64) {
    if excess > unacknowledged {
        world.violate(format_args!(
            "{excess} repetitions that no stop explains, and lost answers explain {unacknowledged}"
        ));
    }
}

fn family(books: &Books, arrival: &Arrival) -> Family {
    let timeline = &arrival.window.timeline;
    let from = arrival.window.from;
    let lane = books.lanes.get(timeline);
    (
        timeline.clone(),
        lane.map_or(from, |lane| lane.family(from)),
    )
}

/// Whether a record lies at a bound of one of the windows that it came with.
fn is_at_bound(
    record: &Truth,
    unit_ms: i64,
    family: &Family,
    before: &BTreeMap<Family, u64>,
) -> bool {
    let mut bounds = before.keys().chain([family]).map(|(_, from)| *from);
    bounds.any(|from| record.time.ms_since(from).abs() <= unit_ms)
}

/// Returns true if a record may have come with windows that are not parts of one another.
fn is_excused(books: &Books, family: &Family, before: &BTreeMap<Family, u64>) -> bool {
    let sweeps = |family: &Family| matches!(family.0.lane, Lane::Sweep(_));
    // The deliveries of an interrupted read may be stored under a page that a restart replaced.
    let troubled = (sweeps(family) || before.keys().any(sweeps))
        && before.keys().chain([family]).any(|family| {
            let (stops, restarts) = trouble(books, family);
            stops + restarts > 0
        });
    // A vanished window is created again with other bounds.
    let vanished = before
        .keys()
        .chain([family])
        .any(|family| books.lanes.get(&family.0).is_some_and(|lane| lane.has_lost));
    let both = sweeps(family) && before.keys().all(sweeps);
    let given_up = both
        && before
            .keys()
            .chain([family])
            .any(|it| was_parked(books, it));
    troubled || vanished || given_up
}

fn is_at_split(books: &Books, family: &Family, record: &Truth, unit_ms: i64) -> bool {
    let Some(lane) = books.lanes.get(&family.0) else {
        return false;
    };
    let (from, to) = (record.time.minus_ms(unit_ms), record.time.plus_ms(unit_ms));
    lane.split_points.range(from..=to).next().is_some()
}

/// Returns true if a window of the family was parked and retried.
fn was_parked(books: &Books, family: &Family) -> bool {
    let lane = books.lanes.get(&family.0);
    books.windows.iter().any(|(id, book)| {
        let root = lane.map_or(id.from, |lane| lane.family(id.from));
        book.was_parked && id.timeline == family.0 && root == family.1
    })
}

/// Runs of a family that may have delivered a page without a checkpoint, and its restarts.
fn trouble(books: &Books, family: &Family) -> (u64, u64) {
    let lane = books.lanes.get(&family.0);
    let members = books.windows.iter().filter(|(id, _)| {
        let root = lane.map_or(id.from, |lane| lane.family(id.from));
        id.timeline == family.0 && root == family.1
    });
    members.fold((0, 0), |(stops, restarts), (_, book)| {
        (stops + book.stops(), restarts + book.restarts)
    })
}

/// The repetitions beyond a page for each stop, a whole read for each restart, and one unit for
/// each split.
fn beyond(books: &Books, family: &Family, repeats: &Repeats, page_size: u64) -> u64 {
    let repeated = repeats.repeated - repeats.at_splits;
    if repeated == 0 {
        return 0;
    }
    let (stops, restarts) = trouble(books, family);
    let explained = stops * page_size + restarts * repeats.lines;
    repeated.saturating_sub(explained)
}
