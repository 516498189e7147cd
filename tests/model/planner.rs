//! A tick over one lane: it reads the marks, then the windows, and makes the writes of its plan one
//! by one, in order. It may stop between any two.

use windlass_core::block::Work;
use windlass_core::breaks::{Break, broken};
use windlass_core::moves::Decision;
use windlass_core::plan::{self, Plan, Situation, Suspects};
use windlass_core::split::WindowSplit;
use windlass_core::sweep::Ledger;
use windlass_core::transition::Event;
use windlass_core::trust::PlanTime;
use windlass_core::{Progress, Status, Timestamp};

use crate::accounts;
use crate::row::{Marks, Row};
use crate::scenes::{LEASE_MS, Scene};
use crate::state::{Planned, Planner, State, Write};
use crate::store::Store;

/// The plan for `lane` of a tick that has read `progress` and reads the windows now.
fn planned(scene: &Scene, store: &Store, lane: usize, progress: &Progress, now: Timestamp) -> Plan {
    let open = store.from(lane, progress.open_from);
    let behind = store.behind(lane, progress);
    let flies = |status| matches!(status, Status::Dispatched | Status::Running);
    let in_flight = open.iter().chain(&behind).filter(|it| flies(it.status()));
    let in_flight = in_flight.count();
    let live = store.from(0, progress.scheduled_through);
    let ledger = scene.sweep_after_ms.map(|after_ms| Ledger {
        live: &live,
        whole: true,
        through: store.complete_through(0),
        after_ms,
    });
    plan::plan(&Situation {
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
    })
}

/// `write` as made by a planner without a rule; `None` if it is left out.
fn mistaken(mut write: plan::Write) -> Option<plan::Write> {
    match &mut write {
        plan::Write::Move(moved) if broken(Break::NoScavenge) => {
            let expires = matches!(moved.event, Event::Expire { .. });
            return (!expires).then_some(write);
        }
        plan::Write::Save(next) if broken(Break::ForgetBehind) => next.behind.clear(),
        plan::Write::Split(split) if broken(Break::ForgetBehind) => split.marks.behind.clear(),
        _ => {}
    }
    Some(write)
}

/// The writes of a plan that starts from `progress`. Leaves out marks that differ only in the
/// summary, which no decision reads.
fn writes(plan: Plan, progress: &Progress, ages: bool) -> Vec<Planned> {
    let row = |window| Row::new(window, ages);
    let is_news = |next: &Progress| Marks::new(next.clone()) != Marks::new(progress.clone());
    let mut writes = Vec::new();
    for write in plan.into_writes().into_iter().filter_map(mistaken) {
        let carries_the_rest = write.carries_the_rest();
        let write = match write {
            plan::Write::Move(moved) => Write::Decide {
                from: moved.seen.id().from,
                epoch: moved.seen.epoch(),
                status: moved.seen.status(),
                event: moved.event,
            },
            plan::Write::Split(split) => Write::Split {
                parent: Box::new(row(split.parent.seen)),
                event: split.parent.event,
                parts: split.parts.into_iter().map(row).collect(),
                marks: Box::new(Marks::new(split.marks)),
            },
            plan::Write::Create(window) => Write::Create(Box::new(row(window))),
            plan::Write::Save(next) if !is_news(&next) => continue,
            plan::Write::Save(next) => Write::Save(Marks::new(next)),
        };
        writes.push(Planned {
            write,
            carries_the_rest,
        });
    }
    writes
}

/// Returns true if a tick over `lane` that began now would have something to do.
pub(crate) fn has_work(scene: &Scene, state: &State, lane: usize) -> bool {
    let progress = state.store.progress(lane);
    let plan = planned(scene, &state.store, lane, progress, Scene::now(state.clock));
    !writes(plan, progress, state.store.ages).is_empty()
}

/// Takes the next step of the planner `which`.
pub(crate) fn step(scene: &Scene, state: &mut State, which: usize) {
    let now = Scene::now(state.clock);
    let planner = std::mem::replace(&mut state.planners[which], Planner::Idle);
    let (lane, writes) = match planner {
        Planner::Idle => return,
        Planner::Reads { lane, marks } => {
            let plan = planned(scene, &state.store, lane, marks.progress(), now);
            (lane, writes(plan, marks.progress(), state.store.ages))
        }
        Planner::Carries { lane, mut writes } => {
            let planned = writes.remove(0);
            if !make(scene, state, lane, planned.write) && planned.carries_the_rest {
                writes.clear();
            }
            (lane, writes)
        }
    };
    if !writes.is_empty() {
        state.planners[which] = Planner::Carries { lane, writes };
    }
}

/// Makes one write. Returns true if its condition held.
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
            if let (Ok(after), Some(before)) = (&made, before) {
                state.margin += accounts::forgiven(scene, state.delivered, &before, after);
            }
            made.is_ok()
        }
        Write::Split {
            parent,
            event,
            parts,
            marks,
        } => {
            let split = WindowSplit {
                parent: Decision {
                    seen: parent.window().clone(),
                    event,
                },
                parts: parts.iter().map(|part| part.window().clone()).collect(),
                marks: marks.progress().clone(),
            };
            state.store.split(lane, split)
        }
        Write::Create(row) => state.store.create(lane, row.window()),
        Write::Save(marks) => state.store.save(lane, marks.progress()),
    }
}

/// Runs a whole undisturbed tick over `lane`.
pub(crate) fn tick(scene: &Scene, state: &mut State, lane: usize) {
    let marks = Box::new(Marks::new(state.store.progress(lane).clone()));
    state.planners[0] = Planner::Reads { lane, marks };
    while state.planners[0] != Planner::Idle {
        step(scene, state, 0);
    }
}
