//! A worker at one window: asks for it, fetches and delivers page after page, writes each down. It may
//! be slow: it goes on with what it holds however long its lease has ended.

use windlass_core::breaks::{Break, broken};
use windlass_core::checkpoint::{Checkpoint, Cursor, PageTotals};
use windlass_core::delivery::{PageFacts, Step, Written, first_step};
use windlass_core::frontier;
use windlass_core::lease::Guard;
use windlass_core::sweep;
use windlass_core::transition::{Cause, Claim, Event, Release};
use windlass_core::window::{Status, Window};
use windlass_core::{Lease, Owner, Timestamp};

use crate::accounts;
use crate::machine::Tally;
use crate::row::Grip;
use crate::scenes::{LEASE_MS, Scene};
use crate::state::{InHand, State, Worker};
use crate::store::Seen;

/// How a run ends before its window does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Yields,
    RunsOut,
    Rejected,
    Fails,
    TooLarge,
}

/// What a worker holds, taken apart.
struct Held {
    lane: usize,
    lease: Lease,
    known: Option<Vec<u8>>,
    page: Option<InHand>,
}

fn held(state: &State, which: usize) -> Option<Held> {
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

fn hold(state: &mut State, which: usize, held: Held) {
    state.workers[which] = Worker::Holds {
        lane: held.lane,
        grip: Box::new(Grip(held.lease)),
        known: held.known,
        page: held.page,
    };
}

/// The nonce of a worker's claims. A worker makes one claim of an epoch at most.
fn nonce(which: usize) -> Owner {
    Owner::from_random(which as u128 + 1)
}

/// The worker learns that a window can be claimed.
pub(crate) fn tell(state: &mut State, which: usize, lane: usize, from: Timestamp) {
    if let Some(epoch) = state.store.window(lane, from).map(|window| window.epoch) {
        state.workers[which] = Worker::Asks { lane, from, epoch };
    }
}

/// Asks for the window it was told of. When `lost`, no reply comes, and it asks again later.
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
        Err(current) => current.and_then(|current| Lease::held(*current, &nonce(which))),
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

/// Fetches the next page, and delivers it: in a sweep, what is not known to be delivered.
pub(crate) fn fetch(scene: &Scene, state: &mut State, which: usize) {
    let Some(mut held) = held(state, which) else {
        return;
    };
    let window = held.lease.window();
    let token = window.cursor.as_ref().map(|cursor| cursor.token.as_str());
    let page = scene.vendor.page(window.span(), token, state.clock);
    let mut delivered = page.records.clone();
    if held.lane > 0 {
        let known = held.known.take().unwrap_or_else(|| look_up(state, window));
        let knows = |id: &u8| known.contains(id) || broken(Break::SweepKnowsAll);
        delivered.retain(|id| !knows(id));
        held.known = Some(known);
    }
    held.page = Some(InHand {
        step: first_step(page.next.is_none()),
        records: page.records,
        delivered,
        next: page.next,
        acknowledged: false,
    });
    hold(state, which, held);
    // One step with the delivery: what happens between the two changes nothing for anybody else.
    if is_to_write(&state.workers[which]) {
        deliver(scene, state, which);
    }
}

fn is_to_write(worker: &Worker) -> bool {
    let Worker::Holds {
        page: Some(page), ..
    } = worker
    else {
        return false;
    };
    matches!(page.step, Step::Write(_))
}

/// Takes the next step of the page in hand, and those behind it that nobody else can tell from it.
pub(crate) fn deliver(scene: &Scene, state: &mut State, which: usize) {
    let Some(mut held) = held(state, which) else {
        return;
    };
    let Some(mut page) = held.page.take() else {
        return;
    };
    let window = held.lease.window();
    let step = std::mem::replace(&mut page.step, Step::Done);
    let step = match step {
        Step::Write(write) => {
            page.acknowledged = true;
            accounts::deliver(state, &page.delivered);
            write.page_written(Written::Durable(None), false)
        }
        Step::Remember(step) => {
            let remembers = remembers(scene, window);
            if remembers {
                remember(state, held.lane, window, &page);
            }
            step.remembered(remembers)
        }
        step => step,
    };
    page.step = alone(step, remembers(scene, window));
    held.page = Some(page);
    settle(state, which, held);
}

/// The step after those that change nothing outside the worker: its sink holds nothing and makes
/// nothing final.
fn alone(mut step: Step, remembers: bool) -> Step {
    loop {
        step = match step {
            Step::Flush(flush) => flush.flushed(None),
            Step::Sync(sync) => sync.synced(),
            Step::Finish(finish) => finish.finished(),
            Step::Remember(remember) if !remembers => remember.remembered(false),
            other => return other,
        };
    }
}

/// Keeps what is held, or puts it down where its page and its window are done with.
fn settle(state: &mut State, which: usize, mut held: Held) {
    let done = held.page.take_if(|page| page.step == Step::Done);
    if done.is_some_and(|page| page.next.is_none()) {
        put_down(state, which);
    } else {
        hold(state, which, held);
    }
}

fn remembers(scene: &Scene, window: &Window) -> bool {
    sweep::remembers(window, &scene.policy, window.created_at)
}

/// Ids delivered by the last pass over each window in the span of `window`.
fn look_up(state: &State, window: &Window) -> Vec<u8> {
    let is_last = |seen: &&Seen| {
        let by = state.store.window(seen.lane, seen.from);
        by.is_none_or(|by| by.restarts == seen.pass)
    };
    let seen = state.store.seen.iter().filter(is_last);
    let inside = |seen: &&Seen| window.span().contains(seen.from);
    seen.filter(inside)
        .flat_map(|seen| seen.records.iter().copied())
        .collect()
}

/// Remembers what `page` delivered.
fn remember(state: &mut State, lane: usize, window: &Window, page: &InHand) {
    let seen = Seen {
        lane,
        from: window.id.from,
        page: window.page,
        pass: window.restarts,
        records: page.delivered.clone(),
    };
    // A worker that has outlived its lease may replace what its successor remembered of this page.
    // A sweep then delivers again what is forgotten so.
    let same = |old: &&Seen| (old.lane, old.from, old.page) == (seen.lane, seen.from, seen.page);
    if let Some(old) = state.store.seen.iter().find(same).cloned() {
        let kept = |id: &&u8| old.pass == seen.pass && seen.records.contains(id);
        let forgotten = old.records.iter().filter(|id| !kept(id)).count();
        state.margin += accounts::count(forgotten);
        state.store.seen.remove(&old);
    }
    state.store.seen.insert(seen);
}

/// Moves the window past the page in hand. When `lost`, no reply comes, and it is moved again later.
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
        page.step = alone(commit.committed(), remembers(scene, held.lease.window()));
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

/// The window as the holder's earlier write of `last`, whose reply was lost, left it.
fn confirms(lease: &Lease, current: Window, last: &Checkpoint, completes: bool) -> Option<Window> {
    let applied = if completes {
        current.status == Status::Done && current.epoch == lease.window().epoch + 1
    } else {
        lease.confirms_page(&current, last.to()) && current.cursor == last.cursor
    };
    applied.then_some(current)
}

fn facts<'a>(scene: &Scene, held: &'a Held, page: &InHand, now: Timestamp) -> PageFacts<'a> {
    let window = held.lease.window();
    let times = || page.records.iter().map(|id| scene.vendor.time(*id));
    let known = page.records.len() - page.delivered.len();
    PageFacts {
        window,
        strict_order: scene.policy.strict_order,
        cursor: page.next.clone().map(|token| Cursor {
            token,
            request: format!("{}", window.span()),
        }),
        totals: PageTotals {
            records: page.delivered.len() as u64,
            bytes: 0,
            rejected: 0,
            known: if held.lane > 0 { known as u64 } else { 0 },
            oldest: times().min(),
            newest: times().max(),
        },
        in_order: true,
        timeless: false,
        page_ms: 0,
        now,
    }
}

/// A write of the lease's holder. One that moves a window which another holds is a trespass.
fn make(state: &mut State, held: &Held, event: &Event) -> Result<Window, Option<Box<Window>>> {
    let place = (held.lane, held.lease.window().id.from);
    let current = state.store.window(place.0, place.1);
    let holds = current.is_some_and(|current| held.lease.still_holds(current));
    let made = state.store.make(place, &Guard::holder(&held.lease), event);
    state.trespass |= made.is_ok() && !holds;
    made
}

/// Gives the window back.
pub(crate) fn release(scene: &Scene, state: &mut State, which: usize, end: End, tally: &Tally) {
    let Some(held) = held(state, which) else {
        return;
    };
    let window = held.lease.window();
    let policy = &scene.policy;
    let cause = match end {
        End::Yields => Cause::Yielded,
        End::RunsOut => {
            let overruns = window.overruns + u32::from(window.attempts == 0);
            Cause::OutOfTime(frontier::overdue(window, overruns, policy))
        }
        End::Rejected => frontier::frontier(window, policy).map_or(Cause::Restart, Cause::Reenter),
        End::Fails => Cause::Failed,
        End::TooLarge => match window.span().midpoint(policy.unit_ms) {
            Some(at) => Cause::Split(at),
            None => Cause::Failed,
        },
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

/// The worker dies, or leaves because the window is not its own any more. What it was delivering
/// may be delivered again.
pub(crate) fn put_down_lost(state: &mut State, which: usize) {
    state.margin += uncounted(&state.workers[which]);
    put_down(state, which);
}

fn put_down(state: &mut State, which: usize) {
    state.workers[which] = Worker::Idle;
}

/// Records that `worker` has delivered and not yet written down.
pub(crate) fn uncounted(worker: &Worker) -> i8 {
    match worker {
        Worker::Holds {
            page: Some(page), ..
        } if page.acknowledged => accounts::count(page.delivered.len()),
        _ => 0,
    }
}
