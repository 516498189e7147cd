//! The changes of an adoption, computed before anything is written.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use windlass_core::adopt::{Adoption, CompleteFile, Remains, adopt, lost_marks};
use windlass_core::ids::{Generation, Lane, SourceName, Timeline};
use windlass_core::progress::Progress;
use windlass_core::seen::{SeenPage, pages_of_a_file};
use windlass_core::source::{Policy, SourceDefinition};
use windlass_core::span::Span;
use windlass_core::sweep::{remembered_until, remembers};
use windlass_core::time::Timestamp;
use windlass_core::window::{Status, Window};
use windlass_sink::ndjson::Folder;
use windlass_state::StateStore;
use windlass_state::sqlite::SqliteStore;

use super::content::{self, Content};
use super::files::{Found, complete};
use crate::config::Config;
use crate::local::folders::Place;
use crate::output::{grouped, lines, table};

/// All adoptions, with their counts for the report.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    adoptions: Vec<(Adoption, Vec<SeenPage>)>,
    sources: BTreeMap<SourceName, Counts>,
    /// Number of files of sources outside the configuration, which stay unchanged.
    strangers: u64,
}

/// The counts of one source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    files: u64,
    /// Number of files that the state did not know.
    adopted: u64,
    done: u64,
    again: u64,
    overlapping: u64,
    /// Number of files whose time cannot be swept, because their records have no ids.
    nameless: u64,
}

impl Plan {
    /// Compares the folders `taken` with `store`, if the state exists.
    pub(super) async fn of(
        config: &Config,
        store: Option<&SqliteStore>,
        taken: &[(Place, Folder)],
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let mut plan = Self::default();
        for (place, folder) in taken {
            for name in &place.sources {
                let definition = &config.source(name.as_str())?.definition;
                let timelines = complete(folder, name)?;
                let source = Source {
                    definition,
                    store,
                    now,
                };
                source.plan(timelines, &mut plan).await?;
            }
            plan.count_strangers(folder, &place.sources)?;
        }
        Ok(plan)
    }

    fn count_strangers(
        &mut self,
        folder: &Folder,
        known: &BTreeSet<SourceName>,
    ) -> anyhow::Result<()> {
        for file in folder.files()? {
            let name = file?.name;
            let is_known = |name: &windlass_sink::ndjson::FileName| {
                known.contains(&name.window.timeline.source)
            };
            self.strangers += u64::from(name.is_some_and(|name| !is_known(&name)));
        }
        Ok(())
    }

    /// The changes to store.
    pub(super) fn into_adoptions(self) -> Vec<(Adoption, Vec<SeenPage>)> {
        self.adoptions
    }

    fn total(&self) -> Counts {
        let counts = self.sources.values();
        counts.fold(Counts::default(), |total, counts| total.plus(*counts))
    }

    /// A one-line summary.
    pub(super) fn summary(&self) -> String {
        let total = self.total();
        format!(
            "{} of {} files of {} sources: {} windows done, {} windows to read again",
            grouped(total.adopted),
            grouped(total.files),
            self.sources.len(),
            grouped(total.done),
            grouped(total.again)
        )
    }

    /// One row per source, and the files that stay unchanged.
    pub(super) fn text(&self) -> String {
        let mut table = table(["source", "files", "adopted", "done", "to read again"]);
        for (name, counts) in &self.sources {
            let numbers = [counts.files, counts.adopted, counts.done, counts.again];
            let [files, adopted, done, again] = numbers.map(grouped);
            table.add_row([name.to_string(), files, adopted, done, again]);
        }
        let mut text = lines(&table);
        let total = self.total();
        for (count, what) in [
            (
                self.strangers,
                "of sources that the configuration does not name; they stay as they are",
            ),
            (
                total.overlapping,
                "that overlap others; see `windlass verify`",
            ),
            (
                total.nameless,
                "whose records have no ids of the vendor; their time counts as delivered",
            ),
        ] {
            if count > 0 {
                text.push_str(&format!("{} files {what}\n", grouped(count)));
            }
        }
        text
    }

    pub(super) fn to_json(&self) -> Value {
        let of = |counts: &Counts| {
            json!({
                "files": counts.files,
                "adopted": counts.adopted,
                "windows_done": counts.done,
                "windows_to_read_again": counts.again,
                "overlapping": counts.overlapping,
                "without_ids": counts.nameless,
            })
        };
        let sources: BTreeMap<_, _> = self
            .sources
            .iter()
            .map(|(name, counts)| (name.as_str(), of(counts)))
            .collect();
        json!({
            "sources": sources,
            "total": of(&self.total()),
            "files_of_other_sources": self.strangers,
        })
    }
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            files: self.files + other.files,
            adopted: self.adopted + other.adopted,
            done: self.done + other.done,
            again: self.again + other.again,
            overlapping: self.overlapping + other.overlapping,
            nameless: self.nameless + other.nameless,
        }
    }
}

/// One source, with the state if it exists.
struct Source<'a> {
    definition: &'a SourceDefinition,
    store: Option<&'a SqliteStore>,
    now: Timestamp,
}

impl Source<'_> {
    fn policy(&self) -> &Policy {
        &self.definition.policy
    }

    async fn plan(
        &self,
        mut timelines: BTreeMap<Timeline, Found>,
        plan: &mut Plan,
    ) -> anyhow::Result<()> {
        let name = &self.definition.name;
        let counts = plan.sources.entry(name.clone()).or_default();
        let stored = match self.store {
            Some(store) => store.progress_of(self.definition.shard(), name).await?,
            None => Vec::new(),
        };
        let generations: BTreeSet<Generation> = timelines
            .keys()
            .map(|timeline| timeline.generation.clone())
            .collect();
        for generation in generations {
            let of = |progress: &&Progress| progress.timeline.generation == generation;
            let mut marks: Vec<_> = stored.iter().filter(of).cloned().collect();
            let extents = extents(&timelines, &generation);
            let mut lost = lost_marks(self.definition, &generation, &marks, &extents, self.now);
            // The lanes of an earlier definition stay unchanged: only their files count.
            let is_current = generation == self.definition.generation;
            lost.retain(|it| is_current || timelines.contains_key(&it.timeline));
            marks.retain(|it| timelines.contains_key(&it.timeline));
            marks.extend(lost);
            for progress in marks {
                let found = timelines.remove(&progress.timeline).unwrap_or_default();
                let adoption = self.lane(&progress, &found, counts).await?;
                plan.adoptions.push(adoption);
            }
        }
        Ok(())
    }

    async fn lane(
        &self,
        progress: &Progress,
        found: &Found,
        counts: &mut Counts,
    ) -> anyhow::Result<(Adoption, Vec<SeenPage>)> {
        let windows = match self.store {
            Some(store) => windows(store, progress).await?,
            None => Vec::new(),
        };
        let is_known = |from: &Timestamp| {
            let own = windows.iter().find(|window| window.id().from == *from);
            let is_passed = *from < progress.open_from && !progress.behind.contains(from);
            is_passed || own.is_some_and(|own| own.adopted() || !own.is_unfinished())
        };
        let mut files = Vec::with_capacity(found.len());
        let mut contents: BTreeMap<usize, Content> = BTreeMap::new();
        for (number, ((from, to), complete)) in found.iter().enumerate() {
            let unread = to.is_none() && !is_known(from);
            if let (true, Some(path)) = (unread, &complete.lines) {
                contents.insert(number, content::read(path)?);
            }
            files.push(CompleteFile {
                from: *from,
                to: *to,
                newest: contents.get(&number).and_then(|content| content.newest),
                position: complete.position(),
            });
        }
        let mut adoption = adopt(&Remains {
            progress,
            windows: &windows,
            files: &files,
            policy: self.policy(),
            now: self.now,
        })?;
        let paths: Vec<_> = found.values().map(|complete| &complete.lines).collect();
        let mut pages = Vec::new();
        for (number, from) in adoption.adopted.clone() {
            let Some(window) = adoption.put.iter_mut().find(|it| it.id().from == from) else {
                continue;
            };
            if !contents.contains_key(&number)
                && self.may_be_swept(window)
                && let Some(Some(path)) = paths.get(number)
            {
                contents.insert(number, content::read(path)?);
            }
            if let Some(content) = contents.get(&number) {
                pages.extend(self.remember(window, content, counts));
            }
        }
        let known = adoption.adopted.iter().map(|(number, _)| number);
        counts.files += files.len() as u64;
        counts.adopted += known.collect::<BTreeSet<_>>().len() as u64;
        counts.overlapping += adoption.overlapping as u64;
        let done = |it: &&Window| it.status() == Status::Done;
        counts.done += adoption.put.iter().filter(done).count() as u64;
        counts.again += adoption.put.iter().filter(|it| !done(it)).count() as u64;
        Ok((adoption, pages))
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
