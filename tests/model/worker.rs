//! A worker at one window: claims it, fetches, delivers and checkpoints page after page. It may be
//! slow: it continues with its lease however long that has expired.

use windlass_core::breaks::{Break, broken};
use windlass_core::causes;
use windlass_core::checkpoint::Checkpoint;
use windlass_core::delivery::Step;
use windlass_core::lease::Guard;
use windlass_core::transition::{Cause, Claim, Event, Release};
use windlass_core::window::{Status, Window};
use windlass_core::{Lease, Owner, Timestamp};

use crate::accounts;
use crate::machine::Tally;
use crate::page::{alone, facts, remembers, settle};
use crate::row::Grip;
use crate::scenes::{LEASE_MS, Scene};
use crate::state::{FetchedPage, State, Worker};

/// The end of a run before its window is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Yields,
    RunsOut,
    Rejected,
    Fails,
    TooLarge,
}

/// The parts of a worker's knowledge.
pub(crate) struct Held {
    pub(crate) lane: usize,
    pub(crate) lease: Lease,
    pub(crate) known: Option<Vec<u8>>,
    pub(crate) page: Option<FetchedPage>,
}

pub(crate) fn held(state: &State, which: usize) -> Option<Held> {
    match &state.workers[which] {
        Worker::Holds {
            lane,
            grip,
            known,
            page,
        } => Some(Held {
            lane: *lane,
            lease: grip.0.clone(),
            known: known.clone(),
            page: page.clone(),
        }),
        Worker::Idle | Worker::Asks { .. } => None,
    }
}

pub(crate) fn hold(state: &mut State, which: usize, held: Held) {
    state.workers[which] = Worker::Holds {
        lane: held.lane,
        grip: Box::new(Grip(held.lease)),
        known: held.known,
        page: held.page,
    };
}

/// The nonce of a worker's claims. A worker makes at most one claim per epoch.
fn nonce(which: usize) -> Owner {
    Owner::from_random(which as u128 + 1)
}

/// Lets the worker learn of a claimable window.
pub(crate) fn dispatch(state: &mut State, which: usize, lane: usize, from: Timestamp) {
    if let Some(epoch) = state
        .store
        .window(lane, from)
        .map(windlass_core::Window::epoch)
    {
        state.workers[which] = Worker::Asks { lane, from, epoch };
    }
}

/// The lease of a worker whose claim lost, if `current` shows that an earlier try applied.
fn own(current: Window, which: usize) -> Option<Lease> {
    let mine = nonce(which);
    let owner = if broken(Break::NoNonce) {
        current.owner().cloned().unwrap_or(mine)
    } else {
        mine
    };
    Lease::held(current, &owner)
}

/// Claims the window. When `lost`, no response comes, and the worker claims again later.
pub(crate) fn claim(state: &mut State, which: usize, lost: bool, tally: &Tally) {
    let Worker::Asks { lane, from, epoch } = state.workers[which] else {
        return;
    };
    let now = Scene::now(state.clock);
    let event = Event::Claim(Claim {
        epoch,
        owner: nonce(which),
        lease_until: now.plus_ms(LEASE_MS),
        now,
    });
    let made = state
        .store
        .make((lane, from), &Guard::Claim { epoch }, &event);
    if lost {
        return;
    }
    let confirmed = made.is_err();
    let lease = match made {
        Ok(window) => Lease::held(window, &nonce(which)),
        Err(current) => current.and_then(|current| own(*current, which)),
    };
    let Some(lease) = lease else {
        tally.fenced();
        state.workers[which] = Worker::Idle;
        return;
    };
    if confirmed {
        tally.confirmed();
    }
    let taken = Held {
        lane,
        lease,
        known: None,
        page: None,
    };
    hold(state, which, taken);
}

/// Moves the window past the current page. When `lost`, no response comes, and the move is repeated
/// later.
pub(crate) fn write(scene: &Scene, state: &mut State, which: usize, lost: bool, tally: &Tally) {
    let Some(mut held) = held(state, which) else {
        return;
    };
    let Some(page) = &held.page else { return };
    let (commit, completes) = match page.step.clone() {
        Step::Checkpoint(commit) => (commit, false),
        Step::Complete(commit) => (commit, true),
        _ => return,
    };
    let facts = facts(scene, &held, page, Scene::now(state.clock));
    let last = commit.checkpoint(facts);
    let event = if completes {
        Event::Complete {
            last: last.clone(),
            history_ms: scene.policy.history_ms,
        }
    } else {
        Event::Checkpoint(last.clone())
    };
    let made = make(state, &held, &event);
    if lost {
        return;
    }
    let mine = |current: Box<Window>| confirms(&held.lease, *current, &last, completes);
    let confirmed = made.is_err();
    let Some(window) = made
        .or_else(|current| current.and_then(mine).ok_or(()))
        .ok()
    else {
        tally.fenced();
        put_down_lost(state, which);
        return;
    };
    if confirmed {
        tally.confirmed();
    }
    if let Some(page) = &mut held.page {
        let remembers = remembers(scene, held.lease.window());
        page.step = alone(commit.committed(), page.acknowledged, remembers);
    }
    if !completes {
        let owner = held.lease.owner().clone();
        let Some(lease) = Lease::held(window, &owner) else {
            put_down_lost(state, which);
            return;
        };
        held.lease = lease;
    }
    settle(state, which, held);
}

/// The window after the holder's earlier write of `last`, whose response was lost.
fn confirms(lease: &Lease, current: Window, last: &Checkpoint, completes: bool) -> Option<Window> {
    let applied = if completes {
        current.status() == Status::Done && current.epoch() == lease.window().epoch() + 1
    } else {
        lease.confirms_page(&current, last.to()) && current.cursor() == last.cursor.as_ref()
    };
    applied.then_some(current)
}

/// Makes a write of the lease's holder. Moving a window that another holds is a trespass.
fn make(state: &mut State, held: &Held, event: &Event) -> Result<Window, Option<Box<Window>>> {
    let place = (held.lane, held.lease.window().id().from);
    let current = state.store.window(place.0, place.1);
    let holds = current.is_some_and(|current| held.lease.still_holds(current));
    if holds && broken(Break::NoPageCheck) {
        // Applied to the holder's version of the window, whatever page it has reached since.
        let next = held.lease.window().apply(event).map_err(|_| None)?;
        return Ok(state.store.put(place.0, place.1, next));
    }
    let made = state.store.make(place, &Guard::holder(&held.lease), event);
    state.trespass |= made.is_ok() && !holds;
    made
}

/// Releases the window.
pub(crate) fn release(scene: &Scene, state: &mut State, which: usize, end: End, tally: &Tally) {
    let Some(held) = held(state, which) else {
        return;
    };
    let window = held.lease.window();
    let policy = &scene.policy;
    let cause = match end {
        End::Yields => Cause::Yielded,
        End::RunsOut => causes::out_of_time(window, policy),
        End::Rejected => causes::begin_again(window, policy),
        End::Fails => Cause::Failed,
        End::TooLarge => causes::too_large(window, policy),
    };
    let event = Event::Release(Release {
        cause,
        not_before: None,
        error: None,
        now: Scene::now(state.clock),
    });
    match make(state, &held, &event) {
        Ok(after) => {
            state.margin += accounts::forgiven(scene, state.delivered, window, &after);
        }
        Err(_) => tally.fenced(),
    }
    state.workers[which] = Worker::Idle;
}

/// Ends a worker that dies or has lost its window. The records of its current page may be delivered
/// again.
pub(crate) fn put_down_lost(state: &mut State, which: usize) {
    state.margin += uncounted(&state.workers[which]);
    put_down(state, which);
}

pub(crate) fn put_down(state: &mut State, which: usize) {
    state.workers[which] = Worker::Idle;
}

/// Records that `worker` has delivered without a checkpoint.
pub(crate) fn uncounted(worker: &Worker) -> i8 {
    match worker {
        Worker::Holds {
            page: Some(page), ..
        } if page.acknowledged => accounts::count(page.delivered.len()),
        _ => 0,
    }
}
