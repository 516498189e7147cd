//! Comparison of the files of unfinished and recently finished windows with the state, at the start
//! of a run.
//!
//! Reads the folders of the days from shortly before each source's first open window on, and of its
//! unfinished windows before that; never the whole history.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use windlass_core::ids::{Timeline, WindowId};
use windlass_core::source::SourceDefinition;
use windlass_core::span::Span;
use windlass_core::time::{DAY_MS, Timestamp};
use windlass_core::window::Window;
use windlass_sink::SinkError;
use windlass_sink::ndjson::{
    Agreement, ClaimError, FileName, Folder, FolderFile, Kind, Stage, delivered_bytes,
};
use windlass_state::sqlite::SqliteStore;
use windlass_state::{StateError, StateStore};

/// Maximum number of files that one start tidies. The rest waits for the next start: the files are
/// harmless, and must not delay a start.
const TIDIED_MAX: usize = 10_000;

/// Time before the first open window whose done windows are compared as well, in milliseconds:
/// enough to detect a disk that was restored from last night's copy, at two days of each source per
/// start.
const LATELY_MS: i64 = 2 * DAY_MS;
/// Maximum number of done windows compared per timeline: two days of one-minute windows.
const LATELY_MAX: usize = 3_000;
/// Changed files that are named in the log; further ones are counted.
const NAMED_MAX: usize = 3;

/// The differences between a folder's files and the ledger.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// Number of complete files without a window in the state, and their sources.
    unknown: u64,
    unknown_sources: u64,
    /// Number of complete files that are missing, truncated or extended.
    changed: u64,
    /// The first of them.
    changed_named: Vec<String>,
    /// Complete files of windows that are not finished.
    early: u64,
    /// Parts of windows that are done or do not exist, or of restarts that have not begun.
    leftovers: Vec<FolderFile>,
    /// Complete files of unfinished windows under obsolete names, with their present ends.
    old_names: Vec<(FolderFile, Timestamp)>,
}

/// A failure of a claim or of the comparison.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
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
    /// The first instant that is compared.
    since: Option<Timestamp>,
    /// Timelines of earlier definitions, whose files stay as they are.
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
    ) -> Result<(), FolderError> {
        let ledger = Ledger::read(store, definition).await?;
        let mut seen = BTreeSet::new();
        let before = self.unknown;
        let files = folder.files_of(&definition.name)?;
        let known = ledger.windows.keys().map(|id| id.from);
        for file in files.since(ledger.since.unwrap_or(Timestamp::MIN), known) {
            let file = file?;
            if let Some(name) = &file.name
                && ledger.has_to_know(&name.window)
            {
                let window = ledger.windows.get(&name.window);
                // An adopted file differs from the delivery of its window.
                let is_adopted = matches!(name.stage, Stage::Output { to: None })
                    && window.is_some_and(Window::adopted);
                if !is_adopted {
                    seen.insert((name.window.clone(), name.kind));
                }
                if window.is_none() && ledger.is_inside_done(&name.window) {
                    continue;
                }
                let agreement = folder.compare(&file, window)?;
                self.note(file, agreement, window);
            }
        }
        self.unknown_sources += u64::from(self.unknown > before);
        for file in ledger.missing(&seen) {
            self.note_changed("missing", &folder.dir().join(file.path()));
        }
        Ok(())
    }

    fn note(&mut self, file: FolderFile, agreement: Agreement, window: Option<&Window>) {
        match (agreement, window) {
            (Agreement::Unknown, _) => self.unknown += 1,
            (Agreement::Cut { .. }, _) => self.note_changed("cut", &file.path),
            (Agreement::Grown { .. }, _) => self.note_changed("grown", &file.path),
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

    fn note_changed(&mut self, change: &str, path: &Path) {
        self.changed += 1;
        if self.changed_named.len() < NAMED_MAX {
            let named = format!("{} ({change})", path.display());
            self.changed_named.push(named);
        }
    }

    /// The reason why the state may not deliver into `folder`, if it is older than its files.
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
                "{} files of done windows in {dir} are missing, cut or grown since delivery: \
                 {}{}; `windlass verify` lists them, and `windlass adopt --missing` reads their \
                 time again",
                self.changed,
                self.changed_named.join(", "),
                if self.changed > NAMED_MAX as u64 {
                    " and others"
                } else {
                    ""
                }
            );
        }
        if self.early > 0 {
            tracing::info!(
                "{} complete files in {dir} belong to windows that are not done, as after a kill \
                 or a power loss; these windows resume at their last checkpoint",
                self.early
            );
        }
        if !self.leftovers.is_empty() {
            tracing::info!(
                "removed {} leftover part files from {dir}",
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
            let reach_ms = LATELY_MS.max(definition.policy.max_ms);
            let since = progress.open_from.minus_ms(reach_ms);
            let lately = match Span::new(since, progress.open_from) {
                Ok(lately) => store.history(&timeline, lately, LATELY_MAX).await?,
                Err(_) => Vec::new(),
            };
            ledger.since = Some(ledger.since.map_or(since, |before| before.min(since)));
            for window in lately.into_iter().chain(open).chain(behind) {
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

    /// Files of done windows that are not among those `seen`.
    fn missing(&self, seen: &BTreeSet<(WindowId, Kind)>) -> Vec<FileName> {
        let mut missing = Vec::new();
        for window in self.windows.values() {
            for kind in [Kind::Lines, Kind::Rejects] {
                let delivered = delivered_bytes(window, kind).unwrap_or(0);
                if delivered > 0 && !seen.contains(&(window.id().clone(), kind)) {
                    let to = Some(window.to());
                    missing.push(FileName {
                        window: window.id().clone(),
                        kind,
                        stage: Stage::Output { to },
                    });
                }
            }
        }
        missing
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;
