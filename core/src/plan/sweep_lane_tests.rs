//! Planning of a sweep lane along the ledger of the live lane.

use super::super::world::{hours, policy};
use super::super::{Plan, Situation, Suspects, plan};
use crate::block::Work;
use crate::ids::{Lane, Timeline};
use crate::limits;
use crate::progress::Progress;
use crate::source::Policy;
use crate::sweep::Ledger;
use crate::time::{DAY_MS, HOUR_MS, Timestamp};
use crate::trust::PlanTime;
use crate::window::{Status, Window};

fn timeline(lane: Lane) -> Timeline {
    Timeline {
        source: "okta".parse().unwrap(),
        generation: "0123456789ab".parse().unwrap(),
        lane,
    }
}

struct Sweep {
    policy: Policy,
    progress: Progress,
    live: Vec<Window>,
    windows: Vec<Window>,
    now: Timestamp,
}

impl Sweep {
    /// Two days of live windows of six hours, each read as soon as its time was over.
    fn new() -> Self {
        let policy = Policy {
            sweeps_ms: vec![DAY_MS],
            ..policy()
        };
        let live = (0..8).map(|n| {
            let id = format!("okta/0123456789ab/live/{}", hours(6 * n));
            let to = hours(6 * n + 6);
            let done = Window::done(id.parse().unwrap(), to, 7 * DAY_MS, to).unwrap();
            done.with(|form| form.records = 100)
        });
        let start = Timestamp::from_ms(0);
        let lane = timeline(Lane::Sweep(1));
        Self {
            progress: Progress::begin(lane, start, None, &policy, start),
            policy,
            live: live.collect(),
            windows: Vec::new(),
            now: hours(80),
        }
    }

    fn plan(&self, through: Timestamp, with_ledger: bool) -> Plan {
        let ledger = Ledger {
            live: &self.live,
            whole: true,
            through,
            after_ms: DAY_MS,
        };
        plan(&Situation {
            progress: &self.progress,
            policy: &self.policy,
            end: None,
            open: &self.windows,
            behind: &[],
            ledger: Some(&ledger).filter(|_| with_ledger),
            work: Work::Everything,
            slots: 1,
            suspects: Suspects::Apart,
            dispatch_until: Timestamp::MAX,
            now: self.now,
            time: PlanTime::agreed(self.now),
        })
    }

    fn tick(&mut self) {
        let plan = self.plan(hours(48), true);
        self.windows.extend(plan.created());
        self.progress = plan.marks().unwrap_or_else(|| self.progress.clone());
    }
}

#[test]
fn sweep_lane_follows_whole_delivered_live_windows() {
    let sweep = Sweep::new();
    let plan = sweep.plan(hours(18), true);
    let created = plan.created();
    let spans: Vec<_> = created.iter().map(|it| (it.id().from, it.to())).collect();
    let expected = [0, 6, 12].map(|from| (hours(from), hours(from + 6)));
    assert_eq!(spans, expected);
    assert!(
        created
            .iter()
            .all(|it| it.id().timeline.lane == Lane::Sweep(1))
    );
    assert_eq!(plan.marks().unwrap().scheduled_through, hours(18));
    let dispatched = |it: &&Window| it.status() == Status::Dispatched;
    assert_eq!(created.iter().filter(dispatched).count(), 1);
}

#[test]
fn sweep_lane_waits_for_ledger() {
    assert!(Sweep::new().plan(hours(48), false).is_empty());
}

#[test]
fn skipped_span_is_created_done_without_slot() {
    let mut sweep = Sweep::new();
    sweep.live[0].edit(|form| form.remembered = false);
    let plan = sweep.plan(hours(48), true);
    let created = plan.created();
    assert_eq!(created[0].status(), Status::Done);
    assert_eq!(
        (created[0].id().from, created[0].to()),
        (hours(0), hours(6))
    );
    assert_eq!(created[1].status(), Status::Dispatched);
}

#[test]
fn sweep_lane_respects_open_limit() {
    let mut sweep = Sweep::new();
    sweep.policy.max_open_windows = 2;
    sweep.tick();
    assert_eq!(sweep.windows.len(), 2);
    sweep.tick();
    assert_eq!(sweep.windows.len(), 2);
}

#[test]
fn next_tick_adopts_sweep_windows_of_interrupted_tick() {
    let mut sweep = Sweep::new();
    let first = sweep.plan(hours(48), true);
    sweep.windows.extend(first.created().into_iter().take(2));
    sweep.tick();
    let froms: Vec<_> = sweep.windows.iter().map(|it| it.id().from).collect();
    let all: Vec<_> = (0..8).map(|n| hours(6 * n)).collect();
    assert_eq!(froms, all);
    assert_eq!(sweep.progress.scheduled_through, hours(48));
}

#[test]
fn finished_sweep_windows_are_counted_once() {
    let mut sweep = Sweep::new();
    sweep.tick();
    for (window, late) in sweep.windows.iter_mut().zip([3, 5]) {
        window.edit(|form| {
            form.status = Status::Done;
            form.records = late;
            form.known = 97;
        });
    }
    for _ in 0..2 {
        sweep.tick();
        assert_eq!((sweep.progress.late, sweep.progress.known), (8, 194));
    }
}

#[test]
fn sweep_lane_marks_nothing_unavailable() {
    let mut sweep = Sweep::new();
    sweep.policy.max_lookback_ms = Some(3 * DAY_MS);
    let plan = sweep.plan(hours(48), true);
    assert!(plan.marks().unwrap().unavailable.is_empty());
    let passed = |it: &&Window| it.status() == Status::Done;
    assert_eq!(
        plan.created().iter().find(passed).unwrap().id().from,
        hours(0)
    );
}

#[test]
fn sweep_tick_creates_at_most_limit() {
    let mut sweep = Sweep::new();
    let hourly = (0..100).map(|hour| {
        let id = format!("okta/0123456789ab/live/{}", hours(hour));
        let to = hours(hour + 1);
        Window::done(id.parse().unwrap(), to, 7 * DAY_MS, to).unwrap()
    });
    sweep.live = hourly.collect();
    sweep.policy.max_ms = HOUR_MS;
    sweep.policy.max_open_windows = 1_000;
    sweep.now = hours(200);
    let plan = sweep.plan(hours(100), true);
    assert_eq!(plan.created().len(), limits::CREATED_PER_TICK_MAX);
}
