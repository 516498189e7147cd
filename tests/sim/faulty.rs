//! The access to the store: latency on every call, and the active faults.

use std::sync::Arc;

use windlass_core::clock::Clock;
use windlass_core::time::HOUR_MS;
use windlass_state::failing::{FailingStore, Fault, Operation};

use crate::checked::CheckedStore;
use crate::op::What;
use crate::world::World;

/// Longest call of the state without a fault, in milliseconds.
const LATENCY_MS_MAX: u64 = 12;

/// Longer than any process lives, in milliseconds.
const NEVER_MS: i64 = HOUR_MS;

/// A process's access to the store of its world.
pub(crate) type FaultyStore = FailingStore<CheckedStore>;

/// The access of a process with `clock` to `store`.
pub(crate) fn faulty(
    world: &Arc<World>,
    store: &CheckedStore,
    clock: Arc<dyn Clock>,
) -> FaultyStore {
    let world = Arc::clone(world);
    let script = move |operation, _| fault(&world, operation);
    FailingStore::new(store.clone(), script).with_clock(clock)
}

fn fault(world: &World, operation: Operation) -> Fault {
    let percent = |what: &What| match what {
        What::StoreFaults { percent } => Some(*percent),
        _ => None,
    };
    if world.chance(percent) {
        return if world.below(2) == 0 {
            world.count("state_refused");
            Fault::Refuse
        } else {
            if operation.is_write() {
                world.count("state_response_lost");
            } else {
                world.count("state_read_failed");
            }
            Fault::LoseResponse
        };
    }
    let last = |what: &What| match what {
        What::LastWrites { percent } => Some(*percent),
        _ => None,
    };
    if operation.is_write() && world.chance(last) {
        world.count("state_write_was_last");
        return Fault::SlowResponse { ms: NEVER_MS };
    }
    let slow = world.on(|what| match what {
        What::SlowStore { ms } => Some(*ms),
        _ => None,
    });
    // Only some calls are slow, or no work would ever complete.
    let slow = slow.filter(|_| world.below(4) == 0);
    if slow.is_some() {
        world.count("state_slow");
    }
    let ms = world.below(slow.unwrap_or(LATENCY_MS_MAX));
    let ms = i64::try_from(ms).unwrap_or(0) + 1;
    // A process that is killed while it waits has made its call, or has not.
    if world.below(2) == 0 {
        Fault::Delay { ms }
    } else {
        Fault::SlowResponse { ms }
    }
}
