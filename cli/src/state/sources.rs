//! Reading the sources of a state as they are now, and writing definitions into it.

use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use windlass_core::ids::SourceName;
use windlass_core::shard::Shard;
use windlass_core::source::{SourceDefinition, SourceRecord};
use windlass_core::time::Timestamp;
use windlass_state::{StateError, StateStore};

/// Sources read at the same time.
const READS_AT_ONCE: usize = 16;
/// Sources written at the same time.
const WRITES_AT_ONCE: usize = 8;
/// Times a write is repeated whose outcome is not known.
pub(crate) const TRIES_MAX: usize = 3;

/// Some sources were written, and then one could not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} was not applied ({written} of {all} sources were); apply again: {error}")]
pub(crate) struct NotWritten {
    /// The one that could not be written.
    name: SourceName,
    /// How many had been before.
    written: usize,
    /// How many were to be.
    all: usize,
    /// Why.
    error: StateError,
}

/// Every source of the state, and each as it is now, where the list of a shard may lag behind. What
/// is in `expected` is asked for even if it is in no list yet.
pub(crate) async fn present<S: StateStore>(
    store: &S,
    expected: &[SourceDefinition],
) -> Result<Vec<SourceRecord>, StateError> {
    let listed = store.all_sources().await?;
    let place = |it: &SourceRecord| (it.shard(), it.definition.name.clone());
    let mut places: Vec<(Shard, SourceName)> = listed.iter().map(place).collect();
    let wanted = expected.iter();
    places.extend(wanted.map(|definition| (definition.shard(), definition.name.clone())));
    places.sort();
    places.dedup();
    let reads = places
        .iter()
        .map(|(shard, name)| store.source(*shard, name));
    let records: Vec<_> = stream::iter(reads)
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    Ok(records.into_iter().flatten().collect())
}

/// Writes `definitions`, each whole or not at all. Writing the same again does no harm.
pub(crate) async fn put<S: StateStore>(
    store: &S,
    definitions: &[&SourceDefinition],
    now: Timestamp,
) -> Result<(), NotWritten> {
    let mut written = 0;
    for together in definitions.chunks(WRITES_AT_ONCE) {
        let writes = together
            .iter()
            .map(|definition| put_one(store, definition, now));
        let mut failed = None;
        for (definition, outcome) in together.iter().zip(join_all(writes).await) {
            match outcome {
                Ok(()) => written += 1,
                Err(error) => failed = failed.or(Some((definition, error))),
            }
        }
        if let Some((definition, error)) = failed {
            return Err(NotWritten {
                name: definition.name.clone(),
                written,
                all: definitions.len(),
                error,
            });
        }
    }
    Ok(())
}

async fn put_one<S: StateStore>(
    store: &S,
    definition: &SourceDefinition,
    now: Timestamp,
) -> Result<(), StateError> {
    let mut tries = 1;
    loop {
        match store.apply_source(definition, now).await {
            Ok(_) => return Ok(()),
            Err(StateError::Unknown(_)) if tries < TRIES_MAX => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use windlass_state::MemoryStore;
    use windlass_state::failing::{FailingStore, Fault, Operation};

    use super::*;
    use crate::testing::{Bench, CONFIG, at};

    fn definitions(count: usize) -> Vec<SourceDefinition> {
        let definition = Bench::new(CONFIG).definition();
        let named = |number| SourceDefinition {
            name: format!("source-{number}").parse().unwrap(),
            ..definition.clone()
        };
        (0..count).map(named).collect()
    }

    #[tokio::test]
    async fn a_write_whose_answer_is_lost_is_repeated() {
        let store = FailingStore::new(MemoryStore::new(), |operation, call| {
            match (operation, call) {
                (Operation::ApplySource, 1 | 2) => Fault::LoseReply,
                _ => Fault::None,
            }
        });
        let wanted = definitions(1);
        put(&store, &[&wanted[0]], at(0)).await.unwrap();
        let stored = present(&store, &wanted).await.unwrap();
        assert_eq!(stored.len(), 1);
        assert_eq!(store.calls(Operation::ApplySource), 3);
    }

    #[tokio::test]
    async fn a_write_that_fails_is_named_with_how_many_were_made_and_no_further_one_begins() {
        let store = FailingStore::new(MemoryStore::new(), |operation, call| {
            match (operation, call) {
                (Operation::ApplySource, 3) => Fault::Refuse,
                _ => Fault::None,
            }
        });
        let wanted = definitions(3 * WRITES_AT_ONCE);
        let wanted: Vec<_> = wanted.iter().collect();
        let failed = put(&store, &wanted, at(0)).await.unwrap_err().to_string();
        let begun = format!(
            "source-2 was not applied (7 of {} sources were)",
            wanted.len()
        );
        assert!(failed.starts_with(&begun), "{failed}");
        let calls = store.calls(Operation::ApplySource);
        assert_eq!(calls, u64::try_from(WRITES_AT_ONCE).unwrap());
        // The same again does the rest.
        put(&store, &wanted, at(1)).await.unwrap();
        let stored = store.all_sources().await.unwrap();
        assert_eq!(stored.len(), wanted.len());
    }
}
