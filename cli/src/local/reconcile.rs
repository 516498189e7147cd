//! Comparison of the files of unfinished and recently finished windows with the state, at the start
//! of a run.
//!
//! Reads the folders of the days from each source's first open window on, and of its earlier
//! unfinished windows; never the whole history.

use std::collections::{BTreeMap, BTreeSet};

use windlass_core::ids::{Timeline, WindowId};
use windlass_core::source::SourceDefinition;
use windlass_core::time::Timestamp;
use windlass_core::window::Window;
use windlass_sink::SinkError;
use windlass_sink::ndjson::{Agreement, ClaimError, Folder, FolderFile, Kind, delivered_bytes};
use windlass_state::sqlite::SqliteStore;
use windlass_state::{StateError, StateStore};

/// Maximum number of files that one start tidies. The rest waits for the next start: a start must
/// not be delayed, and these files are harmless.
const TIDIED_MAX: usize = 10_000;

/// The differences between a folder's files and the state.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// Number of complete files without a window in the state, and their sources.
    unknown: u64,
    unknown_sources: u64,
    /// Number of complete files that are missing, truncated or extended.
    changed: u64,
    /// Number of complete files of unfinished windows.
    early: u64,
    /// Parts of windows that are done or do not exist, or of restarts that have not begun.
    leftovers: Vec<FolderFile>,
    /// Complete files of unfinished windows under obsolete names, with their present ends.
    old_names: Vec<(FolderFile, Timestamp)>,
}

/// A failure of the comparison.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReconcileError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Sink(#[from] SinkError),
}

/// The windows of one source that are unfinished or were done recently.
#[derive(Default)]
struct Ledger {
    /// The first open instant of each current timeline.
    open_from: BTreeMap<Timeline, Timestamp>,
    /// Timelines of earlier definitions, whose files stay unchanged.
    earlier: BTreeSet<Timeline>,
    windows: BTreeMap<WindowId, Window>,
}

impl Differences {
    /// Compares the files in `folder` of the source with `definition` with its windows. Changes
    /// nothing.
    pub(super) async fn look(
        &mut self,
        folder: &Folder,
        store: &SqliteStore,
        definition: &SourceDefinition,
    ) -> Result<(), ReconcileError> {
        let ledger = Ledger::read(store, definition).await?;
        let mut seen = BTreeSet::new();
        let before = self.unknown;
        let since = ledger.open_from.values().min().copied();
        let files = folder.files_of(&definition.name)?;
        let known = ledger.windows.keys().map(|id| id.from);
        for file in files.since(since.unwrap_or(Timestamp::MIN), known) {
            let file = file?;
            if let Some(name) = &file.name
                && ledger.has_to_know(&name.window)
            {
                seen.insert((name.window.clone(), name.kind));
                let window = ledger.windows.get(&name.window);
                if window.is_none() && ledger.is_inside_done(&name.window) {
                    continue;
                }
                let agreement = folder.compare(&file, window)?;
                self.note(file, agreement, window);
            }
        }
        self.unknown_sources += u64::from(self.unknown > before);
        self.changed += ledger.missing(&seen);
        Ok(())
    }

    fn note(&mut self, file: FolderFile, agreement: Agreement, window: Option<&Window>) {
        match (agreement, window) {
            (Agreement::Unknown, _) => self.unknown += 1,
            (Agreement::Cut { .. } | Agreement::Grown { .. }, _) => self.changed += 1,
            (Agreement::Early, _) => self.early += 1,
            (Agreement::Leftover, _) if self.leftovers.len() < TIDIED_MAX => {
                self.leftovers.push(file);
            }
            (Agreement::OldName, Some(window)) if self.old_names.len() < TIDIED_MAX => {
                self.old_names.push((file, window.to()));
            }
            (
                Agreement::Agrees | Agreement::Beside | Agreement::Leftover | Agreement::OldName,
                _,
            ) => {}
        }
    }

    /// Fails if the state is behind the files of `folder`, and so must not deliver there.
    pub(super) fn check(&self, folder: &Folder) -> Result<(), ClaimError> {
        if self.unknown == 0 {
            return Ok(());
        }
        Err(ClaimError::Ahead {
            dir: folder.dir().to_owned(),
            files: self.unknown,
            sources: self.unknown_sources,
        })
    }

    /// Removes leftover files, renames files with obsolete names, and logs one line about files
    /// that differ from their delivery.
    pub(super) fn tidy(&self, folder: &Folder) -> Result<(), SinkError> {
        for file in &self.leftovers {
            folder.remove(file)?;
        }
        for (file, to) in &self.old_names {
            folder.rename(file, *to)?;
        }
        let dir = folder.dir().display();
        if self.changed > 0 {
            tracing::warn!(
                "{} files of finished windows in {dir} are missing, cut or grown since they were \
                 delivered; `windlass verify` lists them",
                self.changed
            );
        }
        if self.early > 0 {
            tracing::info!(
                "{} complete files in {dir} are of windows that the state has not finished, as after \
                 a kill or a power loss; these go on at their last checkpoint",
                self.early
            );
        }
        if !self.leftovers.is_empty() {
            tracing::info!(
                "{} parts in {dir} belonged to no pass over an unfinished window and were removed",
                self.leftovers.len()
            );
        }
        Ok(())
    }
}

impl Ledger {
    async fn read(store: &SqliteStore, definition: &SourceDefinition) -> Result<Self, StateError> {
        let mut ledger = Self::default();
        let (shard, name) = (definition.shard(), &definition.name);
        let stored = store.source(shard, name).await?;
        let generation = stored.map_or_else(
            || definition.generation.clone(),
            |stored| stored.definition.generation,
        );
        for progress in store.progress_of(shard, name).await? {
            let timeline = progress.timeline;
            if timeline.generation != generation {
                ledger.earlier.insert(timeline);
                continue;
            }
            let open = store.open_windows(&timeline, progress.open_from).await?;
            let behind = store.windows_at(&timeline, &progress.behind).await?;
            for window in open.into_iter().chain(behind) {
                ledger.windows.insert(window.id().clone(), window);
            }
            ledger.open_from.insert(timeline, progress.open_from);
        }
        Ok(ledger)
    }

    /// Returns true if this part of the state would hold `window`: it is not history before the
    /// first open one, and does not belong to an earlier timeline.
    fn has_to_know(&self, window: &WindowId) -> bool {
        let is_history = self
            .open_from
            .get(&window.timeline)
            .is_some_and(|open_from| window.from < *open_from);
        let is_known = self.windows.contains_key(window);
        is_known || !(is_history || self.earlier.contains(&window.timeline))
    }

    /// Returns true if a done window covers the start of `window`, so that no later write uses its
    /// name.
    fn is_inside_done(&self, window: &WindowId) -> bool {
        let before = self.windows.range(..window).next_back();
        before.is_some_and(|(id, done)| {
            id.timeline == window.timeline && !done.is_unfinished() && window.from < done.to()
        })
    }

    /// The number of files of done windows that are not in `seen`.
    fn missing(&self, seen: &BTreeSet<(WindowId, Kind)>) -> u64 {
        let mut missing = 0;
        for window in self.windows.values() {
            for kind in [Kind::Lines, Kind::Rejects] {
                let delivered = delivered_bytes(window, kind).unwrap_or(0);
                let is_there = seen.contains(&(window.id().clone(), kind));
                missing += u64::from(delivered > 0 && !is_there);
            }
        }
        missing
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
