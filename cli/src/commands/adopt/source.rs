//! The plan of one source: its timelines with their files, windows and marks.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::adopt::{Adoption, CompleteFile, Content as Left, Remains, adopt, lost_marks};
use windlass_core::ids::{Generation, Lane, Timeline, WindowId};
use windlass_core::progress::Progress;
use windlass_core::seen::{SeenPage, pages_of_a_file};
use windlass_core::source::{Policy, SourceDefinition};
use windlass_core::span::Span;
use windlass_core::sweep::{remembered_until, remembers};
use windlass_core::time::Timestamp;
use windlass_core::window::{Status, Window};
use windlass_sink::ndjson::{Kind, delivered_bytes};
use windlass_state::StateStore;
use windlass_state::sqlite::SqliteStore;

use super::content::{self, Content};
use super::damage::{Salvage, is_damaged, salvage};
use super::files::{Complete, Found};
use super::plan::{Counts, Plan};

/// Windows that are read at a time.
const WINDOWS_PER_READ: usize = 1_000;

/// One source, with the state that may know it.
pub(super) struct Source<'a> {
    pub(super) definition: &'a SourceDefinition,
    pub(super) store: Option<&'a SqliteStore>,
    /// The number of its folder.
    pub(super) folder: usize,
    /// True if the time of missing files is read again.
    pub(super) with_missing: bool,
    /// This machine's clock.
    pub(super) ours: Timestamp,
    /// The time that has certainly come, see [`believable`].
    pub(super) now: Timestamp,
}

/// This machine's clock, or an earlier time that has certainly come: the latest of the vendor's clock
/// at its last stored response and the end of the newest file. A clock that is ahead would otherwise
/// make files too old for a sweep.
pub(super) async fn believable(
    definition: &SourceDefinition,
    store: Option<&SqliteStore>,
    timelines: &BTreeMap<Timeline, Found>,
    ours: Timestamp,
) -> anyhow::Result<Timestamp> {
    let stored = match store {
        Some(store) => store.rate_state(&definition.policy.rate_group).await?,
        None => windlass_core::trust::RateState::default(),
    };
    let vendor = stored.clock.and_then(|clock| clock.vendor_at());
    let ends = timelines.values().flat_map(|found| found.keys());
    let ends = ends.filter_map(|(_, to)| *to).filter(|to| *to <= ours);
    let come = ends.chain(vendor).max();
    Ok(come.map_or(ours, |come| come.min(ours)))
}

/// The files of one lane for `core`, and their contents.
#[derive(Default)]
struct Files<'a> {
    complete: Vec<&'a Complete>,
    judged: Vec<CompleteFile>,
    contents: BTreeMap<usize, Content>,
    salvages: Vec<Salvage>,
}

impl<'a> Files<'a> {
    fn add(&mut self, complete: &'a Complete, from: Timestamp, to: Option<Timestamp>, left: Left) {
        self.complete.push(complete);
        self.judged.push(CompleteFile {
            from,
            to,
            newest: None,
            position: complete.position(),
            content: left,
        });
    }

    /// Start of the first file that lacks records.
    fn first_lacking(&self) -> Option<Timestamp> {
        let lacking = self
            .judged
            .iter()
            .filter(|file| file.content != Left::Whole);
        lacking.map(|file| file.from).min()
    }
}

impl Source<'_> {
    fn policy(&self) -> &Policy {
        &self.definition.policy
    }

    pub(super) async fn plan(
        &self,
        mut timelines: BTreeMap<Timeline, Found>,
        plan: &mut Plan,
    ) -> anyhow::Result<()> {
        let name = &self.definition.name;
        let stored = match self.store {
            Some(store) => store.progress_of(self.definition.shard(), name).await?,
            None => Vec::new(),
        };
        let ours = self.ours;
        for found in timelines.values_mut() {
            let all = found.len();
            found.retain(|(_, to), _| to.is_none_or(|to| to <= ours));
            plan.counts(name).future += (all - found.len()) as u64;
        }
        timelines.retain(|_, found| !found.is_empty());
        let mut generations: BTreeSet<Generation> = timelines
            .keys()
            .map(|timeline| timeline.generation.clone())
            .collect();
        // Done windows of the present definition may have lost all their files.
        let current = &self.definition.generation;
        let has_marks = |progress: &Progress| progress.timeline.generation == *current;
        if stored.iter().any(has_marks) {
            generations.insert(current.clone());
        }
        for generation in generations {
            let of = |progress: &&Progress| progress.timeline.generation == generation;
            let mut marks: Vec<_> = stored.iter().filter(of).cloned().collect();
            let extents = extents(&timelines, &generation);
            let mut lost = lost_marks(self.definition, &generation, &marks, &extents, self.now);
            // The lanes of an earlier definition stay unchanged: only their files count.
            let is_current = generation == self.definition.generation;
            lost.retain(|it| is_current || timelines.contains_key(&it.timeline));
            marks.retain(|it| is_current || timelines.contains_key(&it.timeline));
            marks.extend(lost);
            for progress in marks {
                let found = timelines.remove(&progress.timeline).unwrap_or_default();
                self.lane(progress, &found, plan).await?;
            }
        }
        Ok(())
    }

    async fn lane(
        &self,
        mut progress: Progress,
        found: &Found,
        plan: &mut Plan,
    ) -> anyhow::Result<()> {
        let name = &self.definition.name;
        let missing = self.missing(&progress, found).await?;
        let mut files = self.judge(&progress, found, plan).await?;
        let absent = Complete::default();
        for window in missing.iter().filter(|_| self.with_missing) {
            let (from, to) = (window.id().from, Some(window.to()));
            // Beside an adopted file, only the records that it lacks are missing.
            let older = found.get(&(from, None));
            let lines = older.and_then(|older| older.lines.as_ref());
            if let (Some(older), Some(lines)) = (older, lines) {
                let content = content::read(&lines.path)?;
                files.contents.insert(files.judged.len(), content);
                files.add(older, from, to, Left::Part);
            } else {
                files.add(&absent, from, to, Left::Nothing);
            }
        }
        plan.counts(name).missing += missing.len() as u64;
        if let Some(first) = files.first_lacking()
            && first < progress.open_from
        {
            // Time behind the marks counts as done, so they go back to it.
            progress.open_from = first;
            progress.behind.retain(|from| *from < first);
        }
        let windows = match self.store {
            Some(store) => windows(store, &progress).await?,
            None => Vec::new(),
        };
        read_older(&progress, &windows, &mut files)?;
        let mut adoption = adopt(&Remains {
            progress: &progress,
            windows: &windows,
            files: &files.judged,
            policy: self.policy(),
            now: self.now,
        })?;
        let pages = self.pages(&mut adoption, &mut files, plan)?;
        let counts = plan.counts(name);
        let known = adoption.adopted.iter().filter_map(|(number, _)| {
            let file = files.judged.get(*number)?;
            (file.content == Left::Whole).then_some(number)
        });
        counts.files += found.len() as u64;
        counts.adopted += known.collect::<BTreeSet<_>>().len() as u64;
        counts.overlapping += adoption.overlapping as u64;
        let done = |it: &&Window| it.status() == Status::Done;
        counts.done += adoption.put.iter().filter(done).count() as u64;
        counts.again += adoption.put.iter().filter(|it| !done(it)).count() as u64;
        let salvages = files.salvages.into_iter();
        plan.salvages.extend(salvages.map(|it| (self.folder, it)));
        plan.adoptions.push((adoption, pages));
        Ok(())
    }

    /// The files `found`, each whole or with its remaining part.
    async fn judge<'a>(
        &self,
        progress: &Progress,
        found: &'a Found,
        plan: &mut Plan,
    ) -> anyhow::Result<Files<'a>> {
        let mut files = Files::default();
        for ((from, to), complete) in found {
            let id = WindowId {
                timeline: progress.timeline.clone(),
                from: *from,
            };
            let own = match self.store {
                Some(store) => store.window(&id).await?,
                None => None,
            };
            // Beside an adopted file, its window counts only the records delivered since.
            let own = own.filter(|own| match to {
                Some(to) => *to == own.to(),
                None => !own.adopted() && !own.is_unfinished(),
            });
            let damaged = match is_damaged(complete, own.as_ref()) {
                Ok(is_damaged) => is_damaged,
                Err(error) => {
                    plan.unreadable.push(format!("{error:#}"));
                    continue;
                }
            };
            let to = to.or(own.filter(|_| damaged).map(|own| own.to()));
            if !damaged {
                files.add(complete, *from, to, Left::Whole);
                continue;
            }
            let has_older = to.is_some() && found.contains_key(&(*from, None));
            let damaged = salvage(complete, has_older)?;
            if let Some(content) = &damaged.content {
                files.contents.insert(files.judged.len(), content.clone());
            }
            files.add(complete, *from, to, damaged.left());
            files.salvages.extend(damaged.salvages);
            plan.counts(&self.definition.name).damaged += 1;
        }
        Ok(files)
    }

    /// Done windows that have delivered lines, but have no file left.
    async fn missing(&self, progress: &Progress, found: &Found) -> anyhow::Result<Vec<Window>> {
        let mut missing = Vec::new();
        let Some(store) = self.store else {
            return Ok(missing);
        };
        let mut at = Timestamp::MIN;
        while let Ok(span) = Span::new(at, Timestamp::MAX) {
            let history = store.history(&progress.timeline, span, WINDOWS_PER_READ);
            let windows = history.await?;
            let next = windows.last().map(|last| last.id().from.plus_ms(1));
            let is_last = windows.len() < WINDOWS_PER_READ;
            missing.extend(windows.into_iter().filter(|window| {
                let has = |to| {
                    let complete = found.get(&(window.id().from, to));
                    complete.is_some_and(|complete| complete.lines.is_some())
                };
                let bytes = delivered_bytes(window, Kind::Lines).unwrap_or(0);
                let is_older = !window.adopted() && has(None);
                bytes > 0 && !has(Some(window.to())) && !is_older
            }));
            match next {
                Some(next) if !is_last => at = next,
                _ => break,
            }
        }
        Ok(missing)
    }

    /// The seen pages of the files whose windows `adoption` stores.
    fn pages(
        &self,
        adoption: &mut Adoption,
        files: &mut Files<'_>,
        plan: &mut Plan,
    ) -> anyhow::Result<Vec<SeenPage>> {
        let mut pages = Vec::new();
        for (number, from) in adoption.adopted.clone() {
            let Some(window) = adoption.put.iter_mut().find(|it| it.id().from == from) else {
                continue;
            };
            let lines = files.complete.get(number).and_then(|it| it.lines.as_ref());
            if let (false, true, Some(lines)) = (
                files.contents.contains_key(&number),
                !window.is_unfinished() && self.may_be_swept(window),
                lines,
            ) {
                files.contents.insert(number, content::read(&lines.path)?);
            }
            if let Some(content) = files.contents.get(&number) {
                let counts = plan.counts(&self.definition.name);
                pages.extend(self.remember(window, content, counts));
            }
        }
        Ok(pages)
    }

    /// Returns true if a sweep may read the records of `window` again.
    fn may_be_swept(&self, window: &Window) -> bool {
        let last_ms = self.policy().sweeps_ms.last();
        last_ms.is_some_and(|last_ms| self.now < window.to().plus_ms(2 * last_ms))
    }

    /// The seen pages of `content`, which was read from the file of `window`.
    fn remember(
        &self,
        window: &mut Window,
        content: &Content,
        counts: &mut Counts,
    ) -> Vec<SeenPage> {
        let policy = self.policy();
        if let Some(pulled_at) = content.pulled_at {
            window.set_created_at(pulled_at.min(self.now));
        }
        if content.nameless > 0 {
            counts.nameless += 1;
            if window.adopted() {
                // Sweeps could not distinguish its records from others.
                let id = window.id().clone();
                let (to, history_ms) = (window.to(), policy.history_ms);
                if let Ok(done) = Window::done_in_file(id, to, None, history_ms, self.now) {
                    *window = done.adopting(true);
                }
            }
            return Vec::new();
        }
        window.set_remembered(!matches!(window.id().timeline.lane, Lane::Sweep(_)));
        if !window.adopted() && !remembers(window, policy, window.created_at()) {
            window.set_remembered(false);
            return Vec::new();
        }
        let expires_at = remembered_until(window, policy, self.now);
        pages_of_a_file(window, &content.records, policy.unit_ms, expires_at)
    }
}

/// Reads the files whose names have no end, unless their windows are known.
fn read_older(
    progress: &Progress,
    windows: &[Window],
    files: &mut Files<'_>,
) -> anyhow::Result<()> {
    let is_known = |from: &Timestamp| {
        let own = windows.iter().find(|window| window.id().from == *from);
        let is_passed = *from < progress.open_from && !progress.behind.contains(from);
        is_passed || own.is_some_and(|own| own.adopted() || !own.is_unfinished())
    };
    for (number, file) in files.judged.iter_mut().enumerate() {
        let lines = files.complete.get(number).and_then(|it| it.lines.as_ref());
        if let (None, false, Some(lines)) = (file.to, is_known(&file.from), lines)
            && !files.contents.contains_key(&number)
        {
            files.contents.insert(number, content::read(&lines.path)?);
        }
        file.newest = files.contents.get(&number).and_then(|it| it.newest);
    }
    Ok(())
}

/// The windows of `progress` that its marks do not count as done.
async fn windows(store: &SqliteStore, progress: &Progress) -> anyhow::Result<Vec<Window>> {
    let timeline = &progress.timeline;
    let mut windows = store.windows_at(timeline, &progress.behind).await?;
    windows.extend(store.open_windows(timeline, progress.open_from).await?);
    windows.sort_by_key(|window| window.id().from);
    windows.dedup_by_key(|window| window.id().from);
    Ok(windows)
}

/// The first and the last instant in the file names of each lane.
fn extents(timelines: &BTreeMap<Timeline, Found>, generation: &Generation) -> BTreeMap<Lane, Span> {
    let of = timelines
        .iter()
        .filter(|(timeline, _)| timeline.generation == *generation);
    let extents = of.filter_map(|(timeline, found)| {
        let ((first, _), _) = found.first_key_value()?;
        let ends = found.keys().map(|(from, to)| to.unwrap_or(from.plus_ms(1)));
        let extent = Span::new(*first, ends.max()?).ok()?;
        Some((timeline.lane.clone(), extent))
    });
    extents.collect()
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
