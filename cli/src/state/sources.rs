//! Strongly consistent reads of a state's sources, and writes of definitions.

use std::cell::Cell;

use futures_util::{StreamExt, TryStreamExt, stream};
use windlass_core::ids::SourceName;
use windlass_core::shard::Shard;
use windlass_core::source::{SourceDefinition, SourceRecord};
use windlass_core::time::Timestamp;
use windlass_state::{StateError, StateStore};

/// Number of sources read concurrently.
const READS_AT_ONCE: usize = 16;
/// Number of sources written concurrently.
const WRITES_AT_ONCE: usize = 8;
/// Maximum number of attempts of a write with unknown outcome.
pub(crate) const TRIES_MAX: usize = 3;

/// The writes of some sources succeeded before one failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "source {name} was not applied ({written} of {all} sources are): {error}; run `windlass \
     apply` again"
)]
pub(crate) struct NotWritten {
    /// The source whose write failed.
    name: SourceName,
    /// Number of sources written before.
    written: usize,
    /// Number of sources to write.
    all: usize,
    /// The error of the write.
    error: StateError,
}

/// The current record of every source of the state, where the list of a shard may lag behind.
/// Sources in `expected` are read even if no list contains them yet.
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

/// Writes `definitions`, each atomically, and calls `progress` with the number written so far after
/// each. The writes are idempotent. After a failure, no further write begins.
pub(crate) async fn put<S: StateStore>(
    store: &S,
    definitions: &[&SourceDefinition],
    now: Timestamp,
    progress: impl Fn(usize),
) -> Result<(), NotWritten> {
    let failed = Cell::new(false);
    let write = async |definition: &SourceDefinition| {
        if failed.get() {
            return None;
        }
        let outcome = put_one(store, definition, now).await;
        failed.set(failed.get() || outcome.is_err());
        Some((definition.name.clone(), outcome))
    };
    let writes = definitions.iter().map(|definition| write(definition));
    let mut writes = stream::iter(writes).buffered(WRITES_AT_ONCE);
    let (mut written, mut first) = (0, None);
    while let Some(outcome) = writes.next().await {
        match outcome {
            Some((_, Ok(()))) => {
                written += 1;
                progress(written);
            }
            Some((name, Err(error))) => first = first.or(Some((name, error))),
            None => {}
        }
    }
    match first {
        None => Ok(()),
        Some((name, error)) => Err(NotWritten {
            name,
            written,
            all: definitions.len(),
            error,
        }),
    }
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
    async fn write_with_lost_response_is_repeated() {
        let store = FailingStore::new(MemoryStore::new(), |operation, call| {
            match (operation, call) {
                (Operation::ApplySource, 1 | 2) => Fault::LoseResponse,
                _ => Fault::None,
            }
        });
        let wanted = definitions(1);
        put(&store, &[&wanted[0]], at(0), |_| {}).await.unwrap();
        let stored = present(&store, &wanted).await.unwrap();
        assert_eq!(stored.len(), 1);
        assert_eq!(store.calls(Operation::ApplySource), 3);
    }

    #[tokio::test]
    async fn failed_write_stops_and_counts_those_made() {
        let store = FailingStore::new(MemoryStore::new(), |operation, call| {
            match (operation, call) {
                (Operation::ApplySource, 3) => Fault::Refuse,
                _ => Fault::None,
            }
        });
        let wanted = definitions(3 * WRITES_AT_ONCE);
        let wanted: Vec<_> = wanted.iter().collect();
        let failed = put(&store, &wanted, at(0), |_| {})
            .await
            .unwrap_err()
            .to_string();
        let begun = format!(
            "source source-2 was not applied (2 of {} sources are)",
            wanted.len()
        );
        assert!(failed.starts_with(&begun), "{failed}");
        assert_eq!(store.calls(Operation::ApplySource), 3);
        // A repeated call writes the rest.
        put(&store, &wanted, at(1), |_| {}).await.unwrap();
        let stored = store.all_sources().await.unwrap();
        assert_eq!(stored.len(), wanted.len());
    }
}
