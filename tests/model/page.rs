//! The page of a worker: fetched, delivered and stored as seen, step by step.

use std::collections::BTreeMap;

use windlass_core::Timestamp;
use windlass_core::breaks::{Break, broken};
use windlass_core::checkpoint::{Cursor, PageTotals};
use windlass_core::delivery::{PageFacts, Step, Written, first_step};
use windlass_core::seen::{Known, SeenPage, pages_of, span_to_compare};
use windlass_core::sweep;
use windlass_core::window::Window;

use crate::accounts;
use crate::scenes::{Scene, Sink};
use crate::state::{FetchedPage, State, Worker};
use crate::worker::{Held, held, hold, put_down};

/// Fetches the next page, and delivers it: in a sweep, only the records that are not known.
pub(crate) fn fetch(scene: &Scene, state: &mut State, which: usize) {
    let Some(mut held) = held(state, which) else {
        return;
    };
    let window = held.lease.window();
    let token = window.cursor().map(|cursor| cursor.token.as_str());
    let page = scene.vendor.page(window.span(), token, state.clock);
    let mut delivered = page.records.clone();
    if held.lane > 0 {
        let known = held
            .known
            .take()
            .unwrap_or_else(|| look_up(scene, state, window));
        delivered.retain(|id| !known.contains(id));
        held.known = Some(known);
    }
    held.page = Some(FetchedPage {
        step: first_step(page.next.is_none()),
        records: page.records,
        delivered,
        next: page.next,
        acknowledged: false,
    });
    hold(state, which, held);
    // One step with the delivery: an event between the two would not affect any other process.
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

/// Takes the next step of the current page, and the following ones that no other process can
/// observe.
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
        Step::Write(write) => match scene.sink {
            Sink::Acknowledges => {
                acknowledge(state, &mut page);
                write.page_written(Written::Durable(None), false)
            }
            Sink::Holds => write.page_written(Written::Held, true),
        },
        Step::Flush(flush) => {
            acknowledge(state, &mut page);
            flush.flushed(None)
        }
        Step::Finish(finish) => {
            acknowledge(state, &mut page);
            finish.finished()
        }
        Step::Remember(step) => {
            let remembers = remembers(scene, window);
            if remembers {
                remember(scene, state, window, &page);
            }
            step.remembered(remembers)
        }
        step => step,
    };
    page.step = alone(step, page.acknowledged, remembers(scene, window));
    held.page = Some(page);
    settle(state, which, held);
}

/// The sink makes the page durable.
fn acknowledge(state: &mut State, page: &mut FetchedPage) {
    if !page.acknowledged {
        page.acknowledged = true;
        accounts::deliver(state, &page.delivered);
    }
}

/// The step after those that change nothing outside the worker: the table is durable at once, and the sink
/// holds nothing of a page that it has acknowledged.
pub(crate) fn alone(mut step: Step, acknowledged: bool, remembers: bool) -> Step {
    loop {
        step = match step {
            Step::Flush(flush) if acknowledged => flush.flushed(None),
            Step::Sync(sync) => sync.synced(),
            Step::Finish(finish) if acknowledged => finish.finished(),
            Step::Remember(remember) if !remembers => remember.remembered(false),
            other => return other,
        };
    }
}

/// Returns `held` to its worker, without a page or a window that is done.
pub(crate) fn settle(state: &mut State, which: usize, mut held: Held) {
    let done = held.page.take_if(|page| page.step == Step::Done);
    if done.is_some_and(|page| page.next.is_none()) {
        put_down(state, which);
    } else {
        hold(state, which, held);
    }
}

/// Returns true if the digests of `window`'s records are stored.
pub(crate) fn remembers(scene: &Scene, window: &Window) -> bool {
    sweep::remembers(window, &scene.policy, window.created_at())
}

/// The records that `window`, one of a sweep, need not deliver.
fn look_up(scene: &Scene, state: &State, window: &Window) -> Vec<u8> {
    let live = state.store.all(0).cloned();
    let ledger: Vec<Window> = live
        .filter(|it| window.span().contains(it.id().from))
        .collect();
    let wide = span_to_compare(window, scene.policy.unit_ms);
    let seen = state.store.seen.iter();
    let pages: Vec<SeenPage> = seen
        .filter(|seen| wide.contains(seen.at))
        .cloned()
        .collect();
    let lanes = 0..state.store.lanes.len();
    let writers: Vec<Window> = lanes
        .flat_map(|lane| state.store.all(lane).cloned())
        .collect();
    let mut known = Known::new(&pages, &writers, &ledger);
    let all = scene.vendor.numbered().map(|(id, _)| id);
    all.filter(|id| broken(Break::SweepKnowsAll) || !known.add(u64::from(*id)))
        .collect()
}

/// Stores the seen page of `page`. A record's id is its digest.
fn remember(scene: &Scene, state: &mut State, window: &Window, page: &FetchedPage) {
    let digests = page.delivered.iter().map(|id| u64::from(*id)).collect();
    let times = page.records.iter().map(|id| scene.vendor.time(*id));
    let digests = BTreeMap::from([(None, digests)]);
    let now = Scene::now(state.clock);
    for seen in pages_of(window, digests, times.min(), &scene.policy, now) {
        // Nothing expires except a window that a scene loses on purpose.
        let expires_at = Timestamp::MAX;
        replace(state, SeenPage { expires_at, ..seen });
    }
}

/// Replaces the stored seen page at the same place.
fn replace(state: &mut State, seen: SeenPage) {
    // A worker whose lease has expired may replace its successor's seen page. A sweep then delivers
    // the forgotten records again.
    let place = |seen: &SeenPage| (seen.at, seen.from, seen.lane.clone(), seen.page);
    let same = |old: &&SeenPage| place(old) == place(&seen);
    if let Some(old) = state.store.seen.iter().find(same).cloned() {
        let kept = |id: &&u64| old.pass == seen.pass && seen.digests.contains(id);
        let forgotten = old.digests.iter().filter(|id| !kept(id)).count();
        state.margin += accounts::count(forgotten);
        state.store.seen.remove(&old);
    }
    state.store.seen.insert(seen);
}

/// The facts of `page`, which is delivered at `now`.
pub(crate) fn facts<'a>(
    scene: &Scene,
    held: &'a Held,
    page: &FetchedPage,
    now: Timestamp,
) -> PageFacts<'a> {
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
