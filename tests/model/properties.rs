//! The invariants of every state, and the states that must be reachable.

use std::collections::BTreeSet;

use stateright::Property;
use windlass_core::breaks;
use windlass_core::delivery::Step;
use windlass_core::invariant::{check_timeline, check_window};
use windlass_core::{Status, Window};

use crate::finish;
use crate::machine::Machine;
use crate::scenes::{May, Scene};
use crate::state::{State, Worker};
use crate::worker::uncounted;

/// The properties of `scene`.
pub(crate) fn all(scene: &Scene) -> Vec<Property<Machine>> {
    let mut all = vec![
        Property::always("a done window has delivered its records", done_is_delivered),
        Property::always(
            "complete_through never passes what is not delivered",
            complete_is_delivered,
        ),
        Property::always(
            "only its holder moves a running window",
            |_, state: &State| !state.trespass,
        ),
        Property::always("a running window has one holder", one_holder),
        Property::always(
            "every move keeps the invariants of moves",
            |_, state: &State| state.store.fault.is_none(),
        ),
        Property::always("every window keeps its invariants", windows_hold),
        Property::always(
            "what is delivered twice is accounted for",
            |_, state: &State| {
                let in_flight: i8 = state.workers.iter().map(uncounted).sum();
                state.margin + in_flight >= 0
            },
        ),
        Property::always("everything can still be finished", finish::is_possible),
        Property::sometimes("everything is done", |machine: &Machine, state: &State| {
            let lanes = 0..state.store.lanes.len();
            let mut through = lanes.map(|lane| state.store.complete_through(lane));
            through.all(|through| through >= machine.scene.end)
        }),
    ];
    if scene.left.vanishing == 0 {
        all.push(Property::always("the chain has no gap", chain_holds));
    }
    all.extend(scene.may.iter().map(|may| match may {
        May::Park => Property::sometimes("a window is parked", |_, state: &State| {
            live(state).any(|window| window.status() == Status::Parked)
        }),
        May::Split => Property::sometimes("a window is split", |_, state: &State| {
            live(state).count() > 2
        }),
        May::Hold => Property::sometimes("a page is held at a crash", |_, state: &State| {
            state.left.crashes == 0 && state.workers.iter().any(is_held)
        }),
        May::FindLate => {
            Property::sometimes("a sweep delivers what came late", |_, state: &State| {
                state.store.all(1).any(|window| window.records() > 0)
            })
        }
    }));
    all
}

fn live(state: &State) -> impl Iterator<Item = &Window> {
    state.store.all(0)
}

/// Whether the sink of `worker` holds a page that is not durable.
fn is_held(worker: &Worker) -> bool {
    let Worker::Holds {
        page: Some(page), ..
    } = worker
    else {
        return false;
    };
    !page.acknowledged && matches!(page.step, Step::Flush(_) | Step::Finish(_))
}

/// The records that the live lane must deliver: those published from the start. A sweep lane must
/// deliver all.
fn owed(machine: &Machine, lane: usize, window: &Window, state: &State) -> bool {
    let mut records = machine.scene.vendor.within(window.span());
    records
        .all(|(id, record)| (record.published > 0 && lane == 0) || state.delivered & (1 << id) != 0)
}

fn done_is_delivered(machine: &Machine, state: &State) -> bool {
    let lanes = 0..state.store.lanes.len();
    lanes.into_iter().all(|lane| {
        let mut done = state
            .store
            .all(lane)
            .filter(|window| !window.is_unfinished());
        done.all(|window| owed(machine, lane, window, state))
    })
}

fn complete_is_delivered(machine: &Machine, state: &State) -> bool {
    let vendor = &machine.scene.vendor;
    (0..state.store.lanes.len()).all(|lane| {
        let through = state.store.complete_through(lane);
        let mut before = vendor.numbered().filter(|(_, it)| it.time < through);
        before.all(|(id, it)| (it.published > 0 && lane == 0) || state.delivered & (1 << id) != 0)
    })
}

/// Returns true if no two workers hold the same version of a window.
fn one_holder(_: &Machine, state: &State) -> bool {
    let held = state.workers.iter().filter_map(|worker| match worker {
        Worker::Holds { lane, grip, .. } => {
            let from = grip.0.window().id().from;
            let current = state.store.window(*lane, from);
            let holds = current.is_some_and(|current| grip.0.still_holds(current));
            holds.then_some((*lane, from))
        }
        Worker::Idle | Worker::Asks { .. } => None,
    });
    let mut seen = BTreeSet::new();
    held.into_iter().all(|place| seen.insert(place))
}

fn windows_hold(machine: &Machine, state: &State) -> bool {
    let policy = &machine.scene.policy;
    let lanes = 0..state.store.lanes.len();
    let mut windows = lanes.flat_map(|lane| state.store.all(lane));
    windows.all(|window| check_window(window, policy).is_ok())
}

fn chain_holds(_: &Machine, state: &State) -> bool {
    // The invariants are those of a planner without a broken rule.
    breaks::set(None);
    (0..state.store.lanes.len()).all(|lane| {
        let progress = state.store.progress(lane);
        let open = state.store.from(lane, progress.open_from);
        check_timeline(progress, &open).is_ok()
    })
}
