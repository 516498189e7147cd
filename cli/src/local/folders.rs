//! The output folders of a run, claimed for its state before the first delivery.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use windlass_core::Entropy;
use windlass_core::ids::{MarkId, SourceName};
use windlass_core::ownership::FolderTaken;
use windlass_core::source::SourceDefinition;
use windlass_sink::ndjson::{ClaimError, Folder, Readers};
use windlass_sink::{SinkConfig, SinkError};
use windlass_state::sqlite::SqliteStore;

use super::reconcile::{Differences, ReconcileError};
use crate::config::Config;
use crate::exit_code::StateUnusable;

/// The remedies for a folder that belongs to another state.
const CURE: &str = "nothing in it was changed; use the state it belongs to, rebuild this state \
                    from the folder with `windlass adopt`, or give this state a folder of its own";

/// The cures for a folder that is empty or not the expected one.
const CURE_EMPTIED: &str = "is its disk mounted? Mount it, put the folder back, or accept the \
                            folder as it is with `windlass adopt`";

/// Output folders that only this state and process deliver into, until they are dropped.
#[derive(Debug)]
pub(crate) struct Folders {
    _taken: Vec<Folder>,
}

impl Folders {
    /// Claims the folders of every sink that a source of `config` uses, and marks them as those of a
    /// run of `store`. A run that uses no folder is not counted.
    ///
    /// All folders are checked before the marks are stored, and the marks are stored before any
    /// folder carries one: an error changes nothing, and no folder has a mark that its state does
    /// not know.
    ///
    /// # Errors
    /// A folder belongs to another state or a later copy of this one, or is older than the state, or
    /// another process uses it.
    pub(crate) async fn claim(
        config: &Config,
        store: &SqliteStore,
        entropy: &dyn Entropy,
    ) -> anyhow::Result<Self> {
        let identity = store.identity(entropy.next_u128())?;
        let mut taken = Vec::new();
        for place in places(config) {
            let definitions = config.sources.values().map(|source| &source.definition);
            let delivers = |it: &&SourceDefinition| !it.paused && place.sources.contains(&it.name);
            let sources: Vec<_> = definitions.filter(delivers).collect();
            if sources.is_empty() {
                continue;
            }
            let folder = Folder::take(&place.sink, &place.dir, place.readers);
            let folder = folder.map_err(|error| unusable(&error))?;
            folder.check(&identity).map_err(|error| unusable(&error))?;
            let differences = look(&folder, &sources, store).await?;
            taken.push((folder, differences));
        }
        let folders: Vec<_> = taken.iter().map(|(folder, _)| folder).collect();
        mark(&folders, store, identity.run, entropy)?;
        for (folder, differences) in &taken {
            let tidied = differences.tidy(folder);
            tidied.map_err(|error| unusable(&error.into()))?;
        }
        let taken = taken.into_iter().map(|(folder, _)| folder).collect();
        Ok(Self { _taken: taken })
    }
}

/// Leaves the marks of a new run of `store` in `folders`. Its number is higher than `after`.
pub(crate) fn mark(
    folders: &[&Folder],
    store: &SqliteStore,
    after: u64,
    entropy: &dyn Entropy,
) -> anyhow::Result<()> {
    if folders.is_empty() {
        return Ok(());
    }
    let failed = |error: SinkError| unusable(&error.into());
    let mut taken = Vec::new();
    for folder in folders {
        let found = folder.owner().map_err(failed)?;
        taken.push(FolderTaken {
            place: folder.place(),
            found: found.map(|marker| marker.mark),
            next: MarkId::from_random(entropy.next_u128()),
        });
    }
    let run = store.begin_run(after, &taken)?;
    for (folder, taken) in folders.iter().zip(&taken) {
        folder.mark(&run.marker(&taken.next)).map_err(failed)?;
    }
    store.folders_marked()?;
    Ok(())
}

fn unusable(error: &ClaimError) -> StateUnusable {
    let cure = match error {
        ClaimError::Emptied { .. } => CURE_EMPTIED,
        ClaimError::Foreign { .. }
        | ClaimError::Diverged { .. }
        | ClaimError::Unknown { .. }
        | ClaimError::Ahead { .. } => CURE,
        ClaimError::Busy { .. } => "stop it first, or give this state a folder of its own",
        ClaimError::Sink(_) => return StateUnusable(error.to_string()),
    };
    StateUnusable(format!("{error}; {cure}"))
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

/// Compares the folder's files of `sources` with the state.
async fn look(
    folder: &Folder,
    sources: &[&SourceDefinition],
    store: &SqliteStore,
) -> anyhow::Result<Differences> {
    let mut differences = Differences::default();
    for source in sources {
        let looked = differences.look(folder, store, source).await;
        looked.map_err(|error| match error {
            ReconcileError::State(error) => anyhow::Error::from(error),
            ReconcileError::Sink(error) => unusable(&error.into()).into(),
        })?;
    }
    differences
        .check(folder)
        .map_err(|error| unusable(&error))?;
    Ok(differences)
}
