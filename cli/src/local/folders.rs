//! The output folders of a run, claimed for its state before the first delivery.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use windlass_core::ids::{Generation, SourceName};
use windlass_core::ownership::Ownership;
use windlass_core::source::SourceDefinition;
use windlass_sink::SinkConfig;
use windlass_sink::ndjson::{ClaimError, Folder, Readers};
use windlass_state::sqlite::SqliteStore;
use windlass_state::{StateError, StateStore};

use super::reconcile::{Differences, ReconcileError};
use crate::config::Config;
use crate::exit_code::StateUnusable;

/// The remedies for a folder that belongs to another state.
const CURE: &str = "nothing in it was changed; use the state it belongs to, rebuild this state \
                    from the folder with `windlass adopt`, or give this state a folder of its own";

/// Output folders that only this state and process deliver into, until they are dropped.
#[derive(Debug)]
pub(crate) struct Folders {
    _taken: Vec<Folder>,
}

impl Folders {
    /// Claims the folders of every sink that a source of `config` uses, and counts a run of
    /// `store`. `random` becomes the id of a state without one.
    ///
    /// All folders are checked before the run is counted, and the run is counted before any folder
    /// is marked: an error changes nothing, and no folder is ever ahead of its state.
    ///
    /// # Errors
    /// A folder belongs to another state or a later copy of this one, or another process uses it.
    pub(crate) async fn claim(
        config: &Config,
        store: &SqliteStore,
        random: u128,
    ) -> anyhow::Result<Self> {
        let identity = store.identity(random)?;
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
            check(&folder, &identity, store).await?;
            let differences = look(&folder, &sources, store).await?;
            taken.push((folder, differences));
        }
        let run = store.begin_run(identity.run)?;
        for (folder, differences) in &taken {
            let marked = folder.mark(&run).and_then(|()| differences.tidy(folder));
            marked.map_err(|error| unusable(&error.into()))?;
        }
        let taken = taken.into_iter().map(|(folder, _)| folder).collect();
        Ok(Self { _taken: taken })
    }
}

async fn check(folder: &Folder, identity: &Ownership, store: &SqliteStore) -> anyhow::Result<()> {
    let owner = folder.owner().map_err(|error| unusable(&error.into()))?;
    let known = match owner {
        Some(_) => BTreeSet::new(),
        None => timelines(store).await?,
    };
    let knows = |source: &SourceName, generation: &Generation| {
        known.contains(&(source.clone(), generation.clone()))
    };
    folder
        .check(identity, knows)
        .map_err(|error| unusable(&error).into())
}

fn unusable(error: &ClaimError) -> StateUnusable {
    let cure = match error {
        ClaimError::Foreign { .. }
        | ClaimError::Outdated { .. }
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

/// The timelines that the state has begun.
async fn timelines(store: &SqliteStore) -> Result<BTreeSet<(SourceName, Generation)>, StateError> {
    let mut known = BTreeSet::new();
    for record in store.all_sources().await? {
        let name = &record.definition.name;
        for progress in store.progress_of(record.shard(), name).await? {
            known.insert((name.clone(), progress.timeline.generation));
        }
    }
    Ok(known)
}
