//! Liveness: from a state without further faults, everything can be finished. The planners and
//! workers of the state stop forever, and undisturbed ones take over.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::machine::{self, Machine, Tally};
use crate::page;
use crate::planner;
use crate::scenes::Scene;
use crate::state::{FaultLimits, Planner, State, Worker};
use crate::vendor::Record;
use crate::worker;
use windlass_core::Status;
use windlass_core::delivery::Step;

/// Rounds of ticks and workers within which everything must be done.
const ROUNDS: usize = 24;

/// Returns true if every window can still be done and every record delivered.
pub(crate) fn is_possible(machine: &Machine, state: &State) -> bool {
    machine.arm();
    let mut hasher = DefaultHasher::new();
    (&state.store, state.delivered, state.clock).hash(&mut hasher);
    let hash = hasher.finish();
    if machine.is_known(hash) {
        return true;
    }
    let possible = finishes(machine, state.clone());
    if possible {
        machine.know(hash);
    }
    possible
}

fn finishes(machine: &Machine, mut state: State) -> bool {
    let scene = &machine.scene;
    let tally = Tally::default();
    state.planners = vec![Planner::Idle];
    state.workers = vec![Worker::Idle];
    state.left = FaultLimits::default();
    let lanes = state.store.lanes.len();
    for _ in 0..ROUNDS {
        // The margin is not checked here, and must not overflow its type.
        state.margin = 0;
        state.clock = state.clock.saturating_add(1);
        for lane in 0..lanes {
            planner::tick(scene, &mut state, lane);
        }
        for lane in 0..lanes {
            let windows: Vec<_> = state.store.all(lane).cloned().collect();
            for window in windows {
                let from = window.id().from;
                if window.status() == Status::Parked {
                    machine::retry(&mut state, lane, from);
                } else if window.is_claimable(Scene::now(state.clock)) {
                    let epoch = window.epoch();
                    state.workers[0] = Worker::Asks { lane, from, epoch };
                    read_whole(machine, &mut state, &tally);
                }
            }
        }
        let through = (0..lanes).map(|lane| state.store.complete_through(lane));
        if through.min().is_some_and(|through| through >= scene.end) {
            let owed = scene.vendor.numbered();
            let counts = |record: &Record| record.published == 0 || lanes > 1;
            let mut owed = owed.filter(|(_, it)| it.time < scene.end && counts(it));
            return owed.all(|(id, _)| state.delivered & (1 << id) != 0);
        }
    }
    false
}

/// Lets a worker read its window to the end.
fn read_whole(machine: &Machine, state: &mut State, tally: &Tally) {
    let scene = &machine.scene;
    worker::claim(state, 0, false, tally);
    while let Worker::Holds { page, .. } = &state.workers[0] {
        match page.as_ref().map(|page| &page.step) {
            None => page::fetch(scene, state, 0),
            Some(Step::Checkpoint(_) | Step::Complete(_)) => {
                worker::write(scene, state, 0, false, tally);
            }
            Some(_) => page::deliver(scene, state, 0),
        }
    }
}
