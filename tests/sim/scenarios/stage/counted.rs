//! The access to the state: a few milliseconds per call, and a count of the calls.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use windlass_state::MemoryStore;
use windlass_state::failing::{FailingStore, Fault, Operation};

use crate::clock::SimClock;
use crate::world::lock;

/// Duration of a call of the state, in milliseconds.
const CALL_MS: i64 = 6;

/// Calls of the state by all processes, by operation.
#[derive(Debug, Default)]
pub(crate) struct Counts(Mutex<BTreeMap<Operation, u64>>);

impl Counts {
    /// Number of calls so far that may write.
    pub(crate) fn writes(&self) -> u64 {
        let counts = lock(&self.0);
        let writes = counts.iter().filter(|(operation, _)| operation.is_write());
        writes.map(|(_, count)| count).sum()
    }
}

/// A process's access to `store`.
pub(super) fn counted(store: &MemoryStore, counts: &Arc<Counts>) -> FailingStore<MemoryStore> {
    let counts = Arc::clone(counts);
    let script = move |operation, _| {
        *lock(&counts.0).entry(operation).or_default() += 1;
        Fault::Delay { ms: CALL_MS }
    };
    FailingStore::new(store.clone(), script).with_clock(Arc::new(SimClock::TRUE))
}
