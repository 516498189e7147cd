//! A tick over one lane: it reads the marks, then the windows, and makes the writes of its plan one by
//! one, in the order in which the orchestrator makes them. It may stop between any two.

use windlass_core::block::Work;
use windlass_core::breaks::{Break, broken};
use windlass_core::plan::{Decision, Plan, Situation, Suspects, plan};
use windlass_core::sweep::Ledger;
use windlass_core::trust::PlanTime;
use windlass_core::{Progress, Status, Timestamp};

use crate::accounts;
use crate::row::{Marks, Row};
use crate::scenes::{LEASE_MS, Scene};
use crate::state::{Planner, State, Write};
use crate::store::Store;

/// What a tick that has read `progress` plans for `lane` when it reads the windows now.
fn planned(scene: &Scene, store: &Store, lane: usize, progress: &Progress, now: Timestamp) -> Plan {
    let open = store.from(lane, progress.open_from);
    let behind = store.behind(lane, progress);
    let flies = |status| matches!(status, Status::Dispatched | Status::Running);
    let in_flight = open.iter().chain(&behind).filter(|it| flies(it.status));
    let in_flight = in_flight.count();
    let live = store.from(0, progress.scheduled_through);
    let ledger = scene.sweep_after_ms.map(|after_ms| Ledger {
        live: &live,
        whole: true,
        through: store.complete_through(0),
        after_ms,
    });
    let planned = plan(&Situation {
        progress,
        policy: &scene.policy,
        end: Some(scene.end),
        open: &open,
        behind: &behind,
        ledger: ledger.as_ref().filter(|_| lane > 0),
        work: Work::Everything,
        slots: scene.slots.saturating_sub(in_flight),
        suspects: Suspects::Apart,
        dispatch_until: now.plus_ms(LEASE_MS),
        now,
        time: PlanTime::agreed(now),
    });
    without_news(planned, progress)
}

/// `plan` without marks that differ from `progress` in nothing but the summary, which no decision reads.
fn without_news(mut plan: Plan, progress: &Progress) -> Plan {
    let splits = !plan.splits.is_empty();
    let moved = |next: &Progress| Marks::new(next.clone()) != Marks::new(progress.clone());
    plan.progress = plan.progress.filter(|next| splits || moved(next));
    plan
}

/// The writes of `plan`, in order.
fn writes(plan: Plan, ages: bool) -> Vec<Write> {
    let decide = |moved: &Decision| Write::Decide {
        from: moved.seen.id.from,
        epoch: moved.seen.epoch,
        status: moved.seen.status,
        event: moved.event.clone(),
    };
    let create = |part| {
        move |window| Write::Create {
            row: Box::new(Row::new(window, ages)),
            part,
        }
    };
    let mut writes: Vec<Write> = plan.scavenge.iter().map(decide).collect();
    let marks = plan.progress.map(|next| Write::Save(Marks::new(next)));
    if broken(Break::MarkBeforeWindows) {
        writes.extend(marks.clone());
    }
    let mut closed = Vec::new();
    for split in plan.splits {
        writes.extend(split.right.into_iter().map(create(true)));
        closed.push(decide(&split.left));
    }
    writes.extend(plan.create.into_iter().map(create(false)));
    if !broken(Break::MarkBeforeWindows) {
        writes.extend(marks);
    }
    writes.append(&mut closed);
    writes.extend(plan.lapse.iter().map(decide));
    writes.extend(plan.dispatch.iter().map(decide));
    writes
}

/// Whether a tick over `lane` that began now would find something to do.
pub(crate) fn has_work(scene: &Scene, state: &State, lane: usize) -> bool {
    let progress = state.store.progress(lane);
    !planned(scene, &state.store, lane, progress, Scene::now(state.clock)).is_empty()
}

/// The next thing that the planner `which` does.
pub(crate) fn step(scene: &Scene, state: &mut State, which: usize) {
    let now = Scene::now(state.clock);
    let planner = std::mem::replace(&mut state.planners[which], Planner::Idle);
    let (lane, writes) = match planner {
        Planner::Idle => return,
        Planner::Reads { lane, marks } => {
            let plan = planned(scene, &state.store, lane, marks.progress(), now);
            (lane, writes(plan, state.store.ages))
        }
        Planner::Carries { lane, mut writes } => {
            let write = writes.remove(0);
            if !make(scene, state, lane, write) {
                writes.clear();
            }
            (lane, writes)
        }
    };
    if !writes.is_empty() {
        state.planners[which] = Planner::Carries { lane, writes };
    }
}

/// One write. False when somebody else moved first, so that the rest of the plan is void.
fn make(scene: &Scene, state: &mut State, lane: usize, write: Write) -> bool {
    match write {
        Write::Decide {
            from,
            epoch,
            status,
            event,
        } => {
            let guard = Write::guard(epoch, status);
            let before = state.store.window(lane, from).cloned();
            let made = state.store.make((lane, from), &guard, &event);
            if let (Ok(after), Some(before)) = (made, before) {
                state.margin += accounts::forgiven(scene, state.delivered, &before, &after);
            }
            true
        }
        Write::Create { row, part } => match state.store.create(lane, row.window()) {
            None => true,
            Some(to) => part && to == row.window().to,
        },
        Write::Save(marks) => state.store.save(lane, marks.progress()),
    }
}

/// A whole tick over `lane` that nobody disturbs.
pub(crate) fn tick(scene: &Scene, state: &mut State, lane: usize) {
    let marks = Box::new(Marks::new(state.store.progress(lane).clone()));
    state.planners[0] = Planner::Reads { lane, marks };
    while state.planners[0] != Planner::Idle {
        step(scene, state, 0);
    }
}
