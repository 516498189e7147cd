//! Rebuilds a timeline from its delivered files, for a state that is lost or older than its output
//! folder.
//!
//! The time of a complete file counts as delivered: it becomes a done window, unless the state has
//! one. Unfinished windows keep the time that no file covers. The time of two kinds of files is
//! read again, without the ids in the file:
//!
//! - files with a name of the older form, which has no end,
//! - files that lack records, even where the state has a done window for them.
//!
//! All other time between the first and the last file is a gap, which the planner closes like any
//! gap. Sweeps are the exception: a sweep reads in order and leaves no file where no record was
//! late, so the time between its files is done.

use std::collections::BTreeMap;

use crate::creation::settled_edge;
use crate::ids::{Generation, Lane, Timeline, WindowId};
use crate::limits;
use crate::progress::Progress;
use crate::source::{Policy, SourceDefinition};
use crate::span::Span;
use crate::time::Timestamp;
use crate::window::{Status, Window};

/// The records of a file that still exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// All records.
    Whole,
    /// Some records: the time of the file is read again, without the records that it has.
    Part,
    /// No record, or none that can be identified: the whole time of the file is read again.
    Nothing,
}

/// A complete file of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompleteFile {
    /// The first instant of its window.
    pub from: Timestamp,
    /// The first instant after its window; `None` in names of the older form.
    pub to: Option<Timestamp>,
    /// The latest record time, known where the name has no end.
    pub newest: Option<Timestamp>,
    /// The position of the file's end, in the sink's own form.
    pub position: String,
    /// The records that still exist.
    pub content: Content,
}

impl CompleteFile {
    /// The time to read again, if the file is damaged and is the only evidence of its delivery.
    fn lacking(&self) -> Option<Span> {
        let to = self.to.filter(|_| self.content != Content::Whole)?;
        Span::new(self.from, to).ok()
    }

    /// Returns whether the time of the file counts as delivered.
    fn is_delivered(&self) -> bool {
        self.to.is_some() && self.content == Content::Whole
    }
}

/// The stored state of one timeline, and its files.
#[derive(Debug, Clone, Copy)]
pub struct Remains<'a> {
    /// The stored marks, or new ones for a timeline that the state has lost.
    pub progress: &'a Progress,
    /// The windows in `behind` and those from `open_from` on, ascending.
    pub windows: &'a [Window],
    /// The complete files, ascending by `from`.
    pub files: &'a [CompleteFile],
    /// The policy of the source.
    pub policy: &'a Policy,
    /// The instant of the adoption.
    pub now: Timestamp,
}

/// The writes by which a state adopts its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// Starts of windows to delete: unfinished windows that files cover in part.
    pub remove: Vec<Timestamp>,
    /// Windows to store, each replacing one with the same start.
    pub put: Vec<Window>,
    /// The marks to store.
    pub progress: Progress,
    /// The number of each file that became a window, with that window's start.
    pub adopted: Vec<(usize, Timestamp)>,
    /// Files that overlap others and cover no time of their own.
    pub overlapping: usize,
}

/// The error when `behind` cannot list all unfinished windows before `open_from`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{timeline} would have {count} unfinished windows before `open_from`, and the limit is {max}"
)]
pub struct TooManyBehind {
    /// The timeline of the marks.
    pub timeline: Timeline,
    /// Number of windows to list.
    pub count: usize,
    /// Largest number of windows that `behind` lists.
    pub max: usize,
}

/// Covered time, as starts and ends of spans that do not touch.
#[derive(Debug, Clone, Default)]
struct Taken(BTreeMap<Timestamp, Timestamp>);

impl Taken {
    fn add(&mut self, span: Span) {
        let (mut from, mut to) = (span.from(), span.to());
        let touching: Vec<_> = self.0.range(..=to).rev().map(|(a, b)| (*a, *b)).collect();
        for (a, b) in touching.into_iter().take_while(|(_, b)| *b >= span.from()) {
            self.0.remove(&a);
            (from, to) = (from.min(a), to.max(b));
        }
        self.0.insert(from, to);
    }

    /// The uncovered parts of `span`, ascending.
    fn free(&self, span: Span) -> Vec<Span> {
        let mut free = Vec::new();
        let mut at = span.from();
        let before = self.0.range(..=at).next_back();
        let within = self.0.range(span.from()..span.to());
        for (from, to) in before.into_iter().chain(within) {
            free.extend(Span::new(at, (*from).min(span.to())));
            at = at.max(*to);
        }
        free.extend(Span::new(at, span.to()));
        free
    }
}

/// Computes the writes by which the state of `remains` adopts its files. Idempotent.
pub fn adopt(remains: &Remains<'_>) -> Result<Adoption, TooManyBehind> {
    let Remains {
        progress,
        windows,
        files,
        ..
    } = *remains;
    let mut taken = Taken::default();
    // Every window before `open_from` is done, except those in `behind`.
    if progress.start < progress.open_from {
        let unlisted = |window: &&Window| window.is_unfinished();
        let mut done = Taken::default();
        for window in windows.iter().filter(unlisted) {
            done.add(window.span());
        }
        let whole = Span::new(Timestamp::MIN, progress.open_from);
        for span in whole.into_iter().flat_map(|whole| done.free(whole)) {
            taken.add(span);
        }
    }
    let lacking: Vec<_> = files.iter().filter_map(CompleteFile::lacking).collect();
    let done = windows.iter().filter(|window| !window.is_unfinished());
    let (again, done): (Vec<_>, Vec<_>) = done.partition(|it| lacking.contains(&it.span()));
    for window in done {
        taken.add(window.span());
    }
    let mut adoption = Adoption {
        remove: again.iter().map(|window| window.id().from).collect(),
        put: Vec::new(),
        progress: progress.clone(),
        adopted: Vec::new(),
        overlapping: 0,
    };
    // Delivered time first, then time of damaged files: they limit the time of the other files.
    let rank = |file: &CompleteFile| (!file.is_delivered(), file.to.is_none());
    let mut ranked: Vec<_> = files.iter().enumerate().collect();
    ranked.sort_by_key(|(_, file)| rank(file));
    for (number, file) in ranked {
        take_over(remains, number, file, &mut taken, &mut adoption);
    }
    if matches!(progress.timeline.lane, Lane::Sweep(_)) {
        pass_over_gaps(remains, &mut taken, &mut adoption);
    }
    keep_the_rest(remains, &taken, &mut adoption);
    adoption.put.sort_by_key(|window| window.id().from);
    settle_marks(remains, adoption)
}

/// Creates windows for the time that only `file` covers.
fn take_over(
    remains: &Remains<'_>,
    number: usize,
    file: &CompleteFile,
    taken: &mut Taken,
    adoption: &mut Adoption,
) {
    let Remains { policy, now, .. } = *remains;
    let end = file.to.unwrap_or_else(|| end_of(remains, file));
    let Ok(span) = Span::new(file.from, end) else {
        return;
    };
    let is_known = remains
        .windows
        .iter()
        .any(|window| window.id().from == file.from && !window.is_unfinished())
        && file.lacking().is_none();
    let is_being_read = remains
        .windows
        .iter()
        .any(|window| window.id().from == file.from && window.adopted());
    if is_being_read && file.to.is_none() {
        return;
    }
    let free = taken.free(span);
    // A file of the older form belongs to the window with the same start.
    let free = match (file.to, free.first()) {
        (None, Some(first)) if first.from() != file.from => Vec::new(),
        _ => free,
    };
    if free.is_empty() {
        let is_behind_the_marks = span.to() <= remains.progress.open_from;
        adoption.overlapping += usize::from(!is_known && !is_behind_the_marks && file.to.is_some());
        return;
    }
    for piece in free {
        let id = WindowId {
            timeline: remains.progress.timeline.clone(),
            from: piece.from(),
        };
        let window = if file.is_delivered() {
            let position = (piece == span).then(|| file.position.clone());
            Window::done_in_file(id, piece.to(), position, policy.history_ms, now)
        } else {
            let has_some = file.content != Content::Nothing;
            Window::new(id, piece.to(), now).map(|fresh| fresh.adopting(has_some))
        };
        let Ok(window) = window else { continue };
        adoption.adopted.push((number, piece.from()));
        adoption.put.push(window);
        taken.add(piece);
    }
}

/// Counts the time between the marks of a sweep and its last file as done.
fn pass_over_gaps(remains: &Remains<'_>, taken: &mut Taken, adoption: &mut Adoption) {
    let Remains {
        progress,
        policy,
        now,
        ..
    } = *remains;
    let end = adoption.put.iter().map(super::window::Window::to).max();
    let passed = end.and_then(|end| Span::new(progress.scheduled_through, end).ok());
    for gap in passed.map_or_else(Vec::new, |passed| taken.free(passed)) {
        let id = WindowId {
            timeline: progress.timeline.clone(),
            from: gap.from(),
        };
        let done = Window::done(id, gap.to(), policy.history_ms, now);
        adoption.put.extend(done);
        taken.add(gap);
    }
}

/// The end of the time to read again for a file whose name has no end. It is the start of the next
/// file, or one maximum width if that is earlier; never past settled time, and never before the
/// file's own records.
fn end_of(remains: &Remains<'_>, file: &CompleteFile) -> Timestamp {
    let Remains {
        files, policy, now, ..
    } = *remains;
    let unit_ms = policy.unit_ms;
    let after = |time: Timestamp| time.floor_to(unit_ms).plus_ms(unit_ms);
    let least = after(file.newest.unwrap_or(file.from).max(file.from));
    let widest = file.from.plus_ms(policy.max_ms).floor_to(unit_ms);
    let to = widest.min(settled_edge(policy, now)).max(least);
    let next = files.partition_point(|other| other.from <= file.from);
    files.get(next).map_or(to, |next| next.from.min(to))
}

/// Replaces each unfinished window that files cover in part by its uncovered parts.
fn keep_the_rest(remains: &Remains<'_>, taken: &Taken, adoption: &mut Adoption) {
    for window in remains.windows.iter().filter(|it| it.is_unfinished()) {
        let rest = taken.free(window.span());
        if rest == [window.span()] {
            continue;
        }
        adoption.remove.push(window.id().from);
        for piece in rest {
            let id = WindowId {
                timeline: window.id().timeline.clone(),
                from: piece.from(),
            };
            let fresh = Window::new(id, piece.to(), remains.now);
            let fresh = fresh.map(|fresh| fresh.adopting(window.adopted()));
            adoption.put.extend(fresh);
        }
    }
}

/// Moves the marks to the end of the last window, and lists unfinished windows before `open_from`
/// in `behind`.
fn settle_marks(remains: &Remains<'_>, mut adoption: Adoption) -> Result<Adoption, TooManyBehind> {
    let progress = &mut adoption.progress;
    let ends = adoption.put.iter().map(super::window::Window::to);
    progress.scheduled_through = ends.fold(progress.scheduled_through, Ord::max);
    progress
        .behind
        .retain(|from| !adoption.remove.contains(from));
    let unfinished = adoption.put.iter().filter(|it| it.status() != Status::Done);
    let behind = unfinished
        .map(|window| window.id().from)
        .filter(|from| *from < progress.open_from);
    progress.behind.extend(behind);
    progress.behind.sort_unstable();
    progress.behind.dedup();
    if progress.behind.len() > limits::BEHIND_MAX {
        return Err(TooManyBehind {
            timeline: progress.timeline.clone(),
            count: progress.behind.len(),
            max: limits::BEHIND_MAX,
        });
    }
    if !adoption.put.is_empty() {
        // The next plan counts the windows.
        progress.summary = None;
        progress.updated_at = remains.now;
    }
    Ok(adoption)
}

/// The initial marks of the lanes that a state has lost, before their files are adopted.
///
/// `stored` are the marks that the state still has, and `extents` the first and last instant in the
/// files of each lane. Time before the first live file belongs to the backfills, if they have
/// files.
pub fn lost_marks(
    definition: &SourceDefinition,
    generation: &Generation,
    stored: &[Progress],
    extents: &BTreeMap<Lane, Span>,
    now: Timestamp,
) -> Vec<Progress> {
    let begin = |lane: &Lane, start, end| {
        let timeline = Timeline {
            source: definition.name.clone(),
            generation: generation.clone(),
            lane: lane.clone(),
        };
        Progress::begin(timeline, start, end, &definition.policy, now)
    };
    let is_stored = |lane: &Lane| stored.iter().any(|it| it.timeline.lane == *lane);
    let mut backfills: Vec<_> = extents
        .iter()
        .filter(|(lane, _)| matches!(lane, Lane::Backfill(_)) && !is_stored(lane))
        .collect();
    backfills.sort_by_key(|(_, extent)| extent.from());
    let live = stored.iter().find(|it| it.timeline.lane == Lane::Live);
    let live_extent = extents.get(&Lane::Live);
    let live_start = match (live, live_extent, backfills.last()) {
        (Some(live), _, _) => live.start,
        (None, Some(extent), Some(_)) => extent.from(),
        (None, Some(extent), None) => extent.from().min(definition.start),
        (None, None, Some((_, last))) => last.to(),
        (None, None, None) => definition.start,
    };
    let mut lost = Vec::new();
    if live.is_none() {
        lost.push(begin(&Lane::Live, live_start, None));
    }
    for (number, (lane, extent)) in backfills.iter().enumerate() {
        let start = if number == 0 {
            extent.from().min(definition.start)
        } else {
            extent.from()
        };
        let next = backfills.get(number + 1).map(|(_, next)| next.from());
        lost.push(begin(lane, start, Some(next.unwrap_or(live_start))));
    }
    for lane in extents.keys() {
        if matches!(lane, Lane::Sweep(_)) && !is_stored(lane) {
            lost.push(begin(lane, live_start, None));
        }
    }
    lost
}

#[cfg(test)]
#[path = "adopt_tests.rs"]
mod tests;
