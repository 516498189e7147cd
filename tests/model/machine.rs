//! The possible next steps of a state, and their effects.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use stateright::{Model, Property};
use windlass_core::breaks::{self, Break};
use windlass_core::delivery;
use windlass_core::lease::Guard;
use windlass_core::transition::Event;
use windlass_core::{Status, Timestamp};

use crate::accounts;
use crate::page;
use crate::planner;
use crate::properties;
use crate::row::Marks;
use crate::scenes::Scene;
use crate::state::{FaultLimits, Planner, State, Worker};
use crate::worker::{self, End};

/// One step of a planner, a worker, the clock or the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A planner begins a tick over a lane: it reads the marks.
    Tick {
        planner: usize,
        lane: usize,
    },
    /// It reads the windows, or makes its next write.
    Plan(usize),
    /// The planner stops forever.
    StopPlanner(usize),
    /// A worker learns of a claimable window, and claims it at once or later.
    Dispatch {
        worker: usize,
        lane: usize,
        from: Timestamp,
        ask: Ask,
    },
    /// The worker makes its delayed claim, or repeats it.
    Claim(usize),
    Fetch(usize),
    /// The worker takes the next step of its page that does not move the window.
    Deliver(usize),
    Write {
        worker: usize,
        lost: bool,
    },
    Release {
        worker: usize,
        end: End,
    },
    Crash(usize),
    /// More time passes than any lease lasts.
    Clock,
    /// An operator retries a parked window.
    Retry {
        lane: usize,
        from: Timestamp,
    },
    /// A window vanishes from the table.
    Vanish {
        lane: usize,
        from: Timestamp,
    },
}

/// The time and outcome of a worker's claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Now,
    /// At once, and the response is lost.
    ResponseLost,
    Later,
}

/// Counts of a search, over all states.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    fenced: AtomicU64,
    confirmed: AtomicU64,
}

impl Tally {
    pub(crate) fn fenced(&self) {
        self.fenced.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn confirmed(&self) {
        self.confirmed.fetch_add(1, Ordering::Relaxed);
    }

    /// Fenced writes, and writes found applied after a lost response.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.fenced), read(&self.confirmed))
    }
}

/// A scene to search, and its broken rule.
pub(crate) struct Machine {
    pub(crate) scene: Scene,
    pub(crate) broken: Option<Break>,
    pub(crate) tally: Tally,
    /// Hashes of tables from which everything can be finished.
    pub(crate) finishable: Mutex<HashSet<u64>>,
}

impl Machine {
    pub(crate) fn new(scene: Scene, broken: Option<Break>) -> Self {
        Self {
            scene,
            broken,
            tally: Tally::default(),
            finishable: Mutex::default(),
        }
    }

    /// Breaks the protocol as this machine wants it, on the calling thread. The searching threads
    /// belong to the library, so every entry point of the machine does this.
    pub(crate) fn arm(&self) {
        breaks::set(self.broken);
    }

    /// Returns true if everything is known to be finishable from the table with this hash.
    pub(crate) fn is_known(&self, hash: u64) -> bool {
        let known = self.finishable.lock();
        known
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&hash)
    }

    pub(crate) fn know(&self, hash: u64) {
        let known = self.finishable.lock();
        known.unwrap_or_else(PoisonError::into_inner).insert(hash);
    }

    fn planner_steps(&self, state: &State, steps: &mut Vec<Step>) {
        let mut idle_seen = false;
        for (which, planner) in state.planners.iter().enumerate() {
            if *planner != Planner::Idle {
                steps.push(Step::Plan(which));
                if state.left.planner_stops > 0 {
                    steps.push(Step::StopPlanner(which));
                }
            } else if !idle_seen && state.left.ticks > 0 {
                // Idle planners are alike: one of them represents all.
                idle_seen = true;
                let lanes = 0..state.store.lanes.len();
                let begin = |lane| Step::Tick {
                    planner: which,
                    lane,
                };
                let worth = lanes.filter(|lane| planner::has_work(&self.scene, state, *lane));
                steps.extend(worth.map(begin));
            }
        }
    }
}

/// Adds the possible steps of workers.
fn worker_steps(state: &State, steps: &mut Vec<Step>) {
    let now = Scene::now(state.clock);
    let mut idle_seen = false;
    for (which, worker) in state.workers.iter().enumerate() {
        match worker {
            Worker::Idle if idle_seen => {}
            Worker::Idle => {
                idle_seen = true;
                let asks = [
                    (Ask::Now, true),
                    (Ask::ResponseLost, state.left.lost_responses > 0),
                    (Ask::Later, state.left.late_claims > 0),
                ];
                let asks = asks.into_iter().filter(|(_, possible)| *possible);
                for (ask, _) in asks {
                    for lane in 0..state.store.lanes.len() {
                        let free = state.store.all(lane).filter(|it| it.is_claimable(now));
                        steps.extend(free.map(|window| Step::Dispatch {
                            worker: which,
                            lane,
                            from: window.id().from,
                            ask,
                        }));
                    }
                }
            }
            Worker::Asks { .. } => steps.push(Step::Claim(which)),
            Worker::Holds { .. } => holder_steps(which, worker, &state.left, steps),
        }
    }
}

/// Adds the possible steps of a worker that holds a window.
fn holder_steps(which: usize, worker: &Worker, left: &FaultLimits, steps: &mut Vec<Step>) {
    let Worker::Holds { grip, page, .. } = worker else {
        return;
    };
    if left.crashes > 0 {
        steps.push(Step::Crash(which));
    }
    let Some(page) = page else {
        steps.push(Step::Fetch(which));
        let window = grip.0.window();
        let begun = window.cursor().is_some();
        let since_claim = window.attempts() == 0;
        let ends = [
            (End::Yields, left.yields > 0),
            (End::RunsOut, left.overruns > 0 && since_claim),
            (End::Rejected, left.rejections > 0 && begun),
            (End::Fails, left.failures > 0),
            (End::TooLarge, left.too_large > 0 && !begun),
        ];
        let possible = ends.into_iter().filter(|(_, possible)| *possible);
        steps.extend(possible.map(|(end, _)| Step::Release { worker: which, end }));
        return;
    };
    match page.step {
        delivery::Step::Checkpoint(_) | delivery::Step::Complete(_) => {
            let write = |lost| Step::Write {
                worker: which,
                lost,
            };
            steps.push(write(false));
            if left.lost_responses > 0 {
                steps.push(write(true));
            }
        }
        _ => steps.push(Step::Deliver(which)),
    }
}

impl Model for Machine {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        self.arm();
        vec![self.scene.first()]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.arm();
        self.planner_steps(state, steps);
        worker_steps(state, steps);
        if state.left.clock > 0 {
            steps.push(Step::Clock);
        }
        for lane in 0..state.store.lanes.len() {
            for window in state.store.all(lane) {
                let from = window.id().from;
                if window.status() == Status::Parked && state.left.retries > 0 {
                    steps.push(Step::Retry { lane, from });
                }
                if window.is_unfinished() && state.left.vanishing > 0 {
                    steps.push(Step::Vanish { lane, from });
                }
            }
        }
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        self.arm();
        let mut next = state.clone();
        take(&self.scene, &self.tally, &mut next, step);
        (next != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all(&self.scene)
    }
}

/// Applies `step`.
fn take(scene: &Scene, tally: &Tally, state: &mut State, step: Step) {
    let left = &mut state.left;
    match step {
        Step::Tick { planner, lane } => {
            left.ticks -= 1;
            let marks = Box::new(Marks::new(state.store.progress(lane).clone()));
            state.planners[planner] = Planner::Reads { lane, marks };
        }
        Step::Plan(planner) => planner::step(scene, state, planner),
        Step::StopPlanner(planner) => {
            left.planner_stops -= 1;
            state.planners[planner] = Planner::Idle;
        }
        Step::Dispatch {
            worker,
            lane,
            from,
            ask,
        } => {
            left.lost_responses -= u8::from(ask == Ask::ResponseLost);
            left.late_claims -= u8::from(ask == Ask::Later);
            worker::dispatch(state, worker, lane, from);
            if ask != Ask::Later {
                worker::claim(state, worker, ask == Ask::ResponseLost, tally);
            }
        }
        Step::Claim(worker) => worker::claim(state, worker, false, tally),
        Step::Fetch(worker) => page::fetch(scene, state, worker),
        Step::Deliver(worker) => page::deliver(scene, state, worker),
        Step::Write { worker, lost } => {
            left.lost_responses -= u8::from(lost);
            worker::write(scene, state, worker, lost, tally);
        }
        Step::Release { worker, end } => {
            match end {
                End::Yields => left.yields -= 1,
                End::RunsOut => left.overruns -= 1,
                End::Rejected => left.rejections -= 1,
                End::Fails => left.failures -= 1,
                End::TooLarge => left.too_large -= 1,
            }
            worker::release(scene, state, worker, end, tally);
        }
        Step::Crash(worker) => {
            left.crashes -= 1;
            worker::put_down_lost(state, worker);
        }
        Step::Clock => {
            left.clock -= 1;
            state.clock += 1;
        }
        Step::Retry { lane, from } => {
            left.retries -= 1;
            retry(state, lane, from);
        }
        Step::Vanish { lane, from } => {
            left.vanishing -= 1;
            if let Some(row) = state.store.lanes[lane].windows.remove(&from) {
                // The window is read again as if nothing of it had been.
                let records = usize::try_from(row.window().records());
                state.margin += accounts::count(records.unwrap_or(usize::MAX));
            }
        }
    }
}

/// Retries a parked window as an operator.
pub(crate) fn retry(state: &mut State, lane: usize, from: Timestamp) {
    let Some(guard) = state.store.window(lane, from).map(Guard::planner) else {
        return;
    };
    let now = Scene::now(state.clock);
    // Rejected only if it is no longer parked.
    let _moved = state
        .store
        .make((lane, from), &guard, &Event::Retry { now });
}
