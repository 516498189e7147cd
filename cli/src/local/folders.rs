//! The output folders of a run, each claimed for its state before the first delivery into it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use windlass_core::Entropy;
use windlass_core::ids::{MarkId, SourceName};
use windlass_core::ownership::{FolderTaken, Marker};
use windlass_core::source::SourceDefinition;
use windlass_sink::ndjson::{ClaimError, Folder, Readers};
use windlass_sink::{SinkConfig, SinkError};
use windlass_state::sqlite::SqliteStore;

use super::reconcile::{Differences, FolderError};
use crate::config::Config;

/// The remedies for a folder that belongs to another state.
const CURE: &str = "nothing in it was changed; use the state it belongs to, give this state a folder \
                    of its own, or stop the run and rebuild this state from the folder with \
                    `windlass adopt`";

/// The cures for a folder that is empty or not the expected one.
const CURE_EMPTIED: &str = "is its disk mounted? Mount it, put the folder back, or stop the run and \
                            accept the folder as it is with `windlass adopt`";

/// Output folders that only this state and process deliver into, until they are dropped.
#[derive(Debug)]
pub(crate) struct Folders {
    config: Arc<Config>,
    store: SqliteStore,
    entropy: Arc<dyn Entropy>,
    /// By canonical path: several sinks may deliver into one folder.
    claimed: Mutex<BTreeMap<PathBuf, Claimed>>,
}

/// A folder, locked while it is claimed; `None` before.
type Claimed = Arc<tokio::sync::Mutex<Option<Folder>>>;

impl Folders {
    /// The folders of `config` for a run of `store`, none of them claimed.
    pub(crate) fn new(config: Arc<Config>, store: SqliteStore, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            config,
            store,
            entropy,
            claimed: Mutex::default(),
        }
    }

    /// Claims the folder of `sink`, which exists, and marks it as one of a run of the state. Returns
    /// at once for a sink without a folder.
    ///
    /// The folder is checked before the mark is stored, and the mark is stored before the folder
    /// carries it: a refusal changes nothing, and no folder has a mark that its state does not know.
    ///
    /// # Errors
    /// The folder belongs to another state or a later copy of this one, is older than the state, is
    /// in use by another process, or cannot be used.
    pub(crate) async fn claim(self: Arc<Self>, sink: String) -> Result<(), FolderError> {
        let (runtime, name) = (Handle::current(), sink.clone());
        let claim = move || runtime.block_on(self.claim_here(&sink));
        match tokio::task::spawn_blocking(claim).await {
            Ok(claimed) => claimed,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(FolderError::Sink(SinkError::Unavailable {
                    sink: name,
                    problem: "the program is stopping".to_owned(),
                })),
            },
        }
    }

    /// [`Self::claim`], on a thread that may block.
    async fn claim_here(&self, sink: &str) -> Result<(), FolderError> {
        let Some(SinkConfig::Ndjson(ndjson)) = self.config.sinks.get(sink) else {
            return Ok(());
        };
        let dir = &ndjson.dir;
        let canonical = dir.canonicalize().unwrap_or_else(|_| dir.clone());
        let claimed = {
            let mut all = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(canonical).or_default())
        };
        let mut claimed = claimed.lock().await;
        let sources = self.config.sources.values().map(|it| &it.definition);
        let sources: Vec<_> = sources.filter(|it| it.sink == sink && !it.paused).collect();
        let unusable = |error: ClaimError| FolderError::Sink(unusable(sink, &error));
        if let Some(folder) = &*claimed {
            let differences = self.look(folder, &sources).await?;
            return Ok(differences.tidy(folder)?);
        }
        let folder = Folder::take(sink, dir, ndjson.readable_by).map_err(unusable)?;
        let identity = self.store.identity(self.entropy.next_u128())?;
        folder.check(&identity).map_err(unusable)?;
        let differences = self.look(&folder, &sources).await?;
        let found = folder.owner()?;
        mark(
            &[(&folder, found)],
            &self.store,
            identity.run,
            &*self.entropy,
        )?;
        differences.tidy(&folder)?;
        *claimed = Some(folder);
        Ok(())
    }

    /// Compares the folder's files of `sources` with the state.
    async fn look(
        &self,
        folder: &Folder,
        sources: &[&SourceDefinition],
    ) -> Result<Differences, FolderError> {
        let mut differences = Differences::default();
        for source in sources {
            differences.look(folder, &self.store, source).await?;
        }
        let checked = differences.check(folder);
        checked.map_err(|error| FolderError::Sink(unusable(folder.sink(), &error)))?;
        Ok(differences)
    }
}

/// Leaves the marks of a new run of `store` in `folders`, each with the marker that it carries. The
/// number of the run is higher than `after`.
pub(crate) fn mark(
    folders: &[(&Folder, Option<Marker>)],
    store: &SqliteStore,
    after: u64,
    entropy: &dyn Entropy,
) -> Result<(), FolderError> {
    if folders.is_empty() {
        return Ok(());
    }
    let taken = folders.iter().map(|(folder, found)| FolderTaken {
        place: folder.place(),
        found: found.as_ref().map(|marker| marker.mark.clone()),
        next: MarkId::from_random(entropy.next_u128()),
    });
    let taken: Vec<_> = taken.collect();
    let run = store.begin_run(after, &taken)?;
    for ((folder, _), taken) in folders.iter().zip(&taken) {
        folder.mark(&run.marker(&taken.next))?;
    }
    store.folders_marked(&taken)?;
    Ok(())
}

/// The error of `sink` for a folder that the state may not use, with its cure.
fn unusable(sink: &str, error: &ClaimError) -> SinkError {
    let cure = match error {
        ClaimError::Emptied { .. } => CURE_EMPTIED,
        ClaimError::Foreign { .. }
        | ClaimError::Diverged { .. }
        | ClaimError::Unknown { .. }
        | ClaimError::Ahead { .. } => CURE,
        ClaimError::Busy { .. } => "stop it, or give this state a folder of its own",
        ClaimError::Sink(error) => return error.clone(),
    };
    SinkError::Unusable {
        sink: sink.to_owned(),
        problem: format!("{error}; {cure}"),
    }
}

/// An output folder and the sources that deliver into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// One of the sinks that deliver into it.
    pub(crate) sink: String,
    /// Path of the folder.
    pub(crate) dir: PathBuf,
    /// The users that may read it.
    pub(crate) readers: Readers,
    /// Every source of a sink that delivers into it.
    pub(crate) sources: BTreeSet<SourceName>,
}

/// The output folders of `config`, each once however many sinks use it.
pub(crate) fn places(config: &Config) -> Vec<Place> {
    let mut found = BTreeMap::new();
    for source in config.sources.values() {
        let definition = &source.definition;
        if let Some(SinkConfig::Ndjson(ndjson)) = config.sinks.get(&definition.sink) {
            let dir = &ndjson.dir;
            let canonical = dir.canonicalize().unwrap_or_else(|_| dir.clone());
            let place = found.entry(canonical).or_insert_with(|| Place {
                sink: definition.sink.clone(),
                dir: dir.clone(),
                readers: ndjson.readable_by,
                sources: BTreeSet::new(),
            });
            place.sources.insert(definition.name.clone());
        }
    }
    found.into_values().collect()
}
