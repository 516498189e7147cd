//! The timed events of a world: operators apply changed definitions, pause sources, and retry
//! parked windows; vendors and streams have outages.

use std::sync::{Arc, Mutex};

use windlass_core::ids::{Lane, SourceName};
use windlass_core::source::SourceDefinition;
use windlass_core::span::Span;
use windlass_core::time::Timestamp;
use windlass_core::transition::Event;
use windlass_core::window::{Status, Window};
use windlass_state::StateStore;

use crate::clock::wait_until;
use crate::op::{Change, Op, What};
use crate::stream::{Stream, StreamFault};
use crate::true_time;
use crate::vendor::{Fault, Vendor};
use crate::world::{World, lock};
use crate::wrong_clock::{Whose, jumps};

/// The operator of a world's sources.
#[derive(Debug)]
pub(crate) struct Operator {
    world: Arc<World>,
    outside: Outside,
    definitions: Mutex<Vec<SourceDefinition>>,
    /// The remaining acts, the next one last.
    agenda: Mutex<Vec<(Timestamp, Act)>>,
}

/// One act of an operator.
#[derive(Debug, Clone, Copy)]
enum Act {
    Apply(usize, Change),
    Hold(usize, bool),
    Mend,
    Vanish(u64),
    VendorOutage(usize, Timestamp),
    StreamOutage(Timestamp),
    StopWritingBack,
    LosePower,
    /// Clocks jump away from the true time by so much, or back to it.
    Jump(Whose, i64),
}

/// The targets of events, beside the state.
#[derive(Debug)]
pub(crate) struct Outside {
    pub(crate) vendors: Vec<Arc<Vendor>>,
    pub(crate) stream: Arc<Stream>,
}

impl Operator {
    /// An operator of the sources in `definitions` that carries out the operations of `world`.
    pub(crate) fn new(
        world: Arc<World>,
        outside: Outside,
        definitions: Vec<SourceDefinition>,
    ) -> Self {
        let end = |op: &Op| true_time::WORLD_EPOCH.plus_ms(op.at_ms + op.for_ms);
        let acts = |op: &Op| match op.what {
            What::VendorOutage { vendor } => {
                vec![(op.at_ms, Act::VendorOutage(vendor, end(op)))]
            }
            What::StreamOutage => vec![(op.at_ms, Act::StreamOutage(end(op)))],
            What::Apply { source, change } => vec![(op.at_ms, Act::Apply(source, change))],
            What::Hold { source } => vec![
                (op.at_ms, Act::Hold(source, true)),
                (op.at_ms + op.for_ms, Act::Hold(source, false)),
            ],
            What::Mend => vec![(op.at_ms, Act::Mend)],
            What::Vanish { percent } => vec![(op.at_ms, Act::Vanish(percent))],
            What::PowerLoss { unsynced_ms } => vec![
                (op.at_ms - unsynced_ms, Act::StopWritingBack),
                (op.at_ms, Act::LosePower),
            ],
            What::WrongClock {
                whose,
                off_ms,
                period_ms,
            } => {
                let jumps = jumps(op, period_ms).into_iter();
                let by_ms = |is_wrong| if is_wrong { off_ms } else { 0 };
                jumps
                    .map(|(at_ms, is_wrong)| (at_ms, Act::Jump(whose, by_ms(is_wrong))))
                    .collect()
            }
            _ => Vec::new(),
        };
        let mut agenda = world.events(acts);
        agenda.reverse();
        Self {
            world,
            outside,
            definitions: Mutex::new(definitions),
            agenda: Mutex::new(agenda),
        }
    }

    /// Applies every definition for the first time.
    pub(crate) async fn apply_all(&self) -> Result<(), String> {
        let definitions = lock(&self.definitions).clone();
        for definition in &definitions {
            self.apply(definition).await?;
        }
        Ok(())
    }

    /// The longest age at which any source is swept.
    pub(crate) fn longest_sweep_ms(&self) -> Option<i64> {
        let definitions = lock(&self.definitions);
        let last = |it: &SourceDefinition| it.policy.sweeps_ms.last().copied();
        definitions.iter().filter_map(last).max()
    }

    /// Carries out the acts due before `end`, each at its time.
    pub(crate) async fn until(&self, end: Timestamp) {
        loop {
            let next = lock(&self.agenda).pop_if(|(at, _)| *at < end);
            let Some((at, act)) = next else { return };
            wait_until(true_time::instant(at)).await;
            self.act(act).await;
        }
    }

    /// Resumes every source and drops the remaining acts.
    pub(crate) async fn release_all(&self) {
        lock(&self.agenda).clear();
        let sources = lock(&self.definitions).len();
        for source in 0..sources {
            self.act(Act::Hold(source, false)).await;
        }
        self.mend().await;
    }

    /// Retries parked windows. Blocked sources heal by their probes.
    pub(crate) async fn mend(&self) {
        let definitions = lock(&self.definitions).clone();
        for definition in &definitions {
            self.retry(&definition.name, definition).await;
        }
    }

    async fn retry(&self, name: &SourceName, definition: &SourceDefinition) {
        let store = &self.world.store;
        let now = true_time::now();
        let ever = Span::new(Timestamp::MIN, Timestamp::MAX);
        let (Ok(lanes), Ok(ever)) = (store.progress_of(definition.shard(), name).await, ever)
        else {
            return;
        };
        for lane in lanes {
            let Ok(windows) = store.history(&lane.timeline, ever, usize::MAX).await else {
                continue;
            };
            let parked = windows.iter().filter(|it| it.status() == Status::Parked);
            for window in parked {
                self.world.note(format_args!("retry {}", window.id()));
                let retry = Event::Retry { now };
                let retried = store.decide(window, &retry).await;
                let decided = self.world.books().decided(window, &retry);
                self.expect(decided);
                self.expect(retried.map_err(|error| error.to_string()));
            }
        }
    }

    async fn act(&self, act: Act) {
        self.world.note(format_args!("operator: {act:?}"));
        match act {
            Act::Apply(source, change) => {
                let changed = {
                    let mut definitions = lock(&self.definitions);
                    let definition = definitions.get_mut(source);
                    definition.map(|definition| {
                        *definition = changed(definition, change);
                        definition.clone()
                    })
                };
                if let Some(definition) = changed {
                    self.expect(self.apply(&definition).await);
                }
            }
            Act::Hold(source, is_held) => {
                let definition = lock(&self.definitions).get(source).cloned();
                if let Some(definition) = definition {
                    let since = is_held.then(true_time::now);
                    let (shard, name) = (definition.shard(), &definition.name);
                    let held = self.world.store.set_pause(shard, name, since).await;
                    self.expect(held.map_err(|error| error.to_string()));
                }
            }
            Act::Mend => self.mend().await,
            Act::Vanish(percent) => self.vanish(percent).await,
            Act::Jump(_, 0) => {}
            Act::Jump(whose, off_ms) => self.world.count(whose.fault(off_ms)),
            Act::StopWritingBack => self.world.stop_writing_back(),
            Act::LosePower => {
                self.world.lose_power();
                // As the next run does with its configuration.
                self.expect(self.apply_all().await);
            }
            Act::VendorOutage(vendor, until) => {
                if let Some(vendor) = self.outside.vendors.get(vendor) {
                    let kinds = &vendor.spec().kinds;
                    let kind = kinds.get(self.one_of(kinds.len() + 1)).copied();
                    vendor.trouble(kind.unwrap_or(Fault::Unauthorized), until);
                }
            }
            Act::StreamOutage(until) => {
                let kinds = StreamFault::ALL;
                let kind = kinds.get(self.one_of(kinds.len() + 1)).copied();
                let kind = kind.unwrap_or(StreamFault::Denied);
                self.outside.stream.trouble(kind, until);
            }
        }
    }

    /// Deletes some of the done windows that no mark has passed. Their spans are read again.
    async fn vanish(&self, percent: u64) {
        let store = &self.world.store;
        let definitions = lock(&self.definitions).clone();
        for definition in definitions {
            let lanes = store
                .progress_of(definition.shard(), &definition.name)
                .await;
            for lane in lanes.into_iter().flatten() {
                if matches!(lane.timeline.lane, Lane::Sweep(_)) {
                    continue;
                }
                let open = store.open_windows(&lane.timeline, lane.open_from).await;
                let done = |it: &Window| it.status() == Status::Done;
                for window in open.into_iter().flatten().filter(done) {
                    if self.world.below(100) < percent && store.lose(window.id()) {
                        self.world.count("window_vanished");
                        self.world.books().vanished(window.id());
                    }
                }
            }
        }
    }

    fn one_of(&self, count: usize) -> usize {
        usize::try_from(self.world.below(count as u64)).unwrap_or(0)
    }

    async fn apply(&self, definition: &SourceDefinition) -> Result<(), String> {
        self.world.note(format_args!("apply {}", definition.name));
        self.world.books().applied(definition);
        let applied = self.world.store.apply_source(definition, true_time::now());
        applied.await.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Reports a failed act as a violation: acts are not under test.
    fn expect<T>(&self, done: Result<T, String>) {
        self.world.expect(done.map(|_| ()));
    }
}

/// `definition` with `change`, or as it is if the change does not fit.
fn changed(definition: &SourceDefinition, change: Change) -> SourceDefinition {
    let mut next = definition.clone();
    let policy = &mut next.policy;
    match change {
        Change::Nothing => {}
        Change::Widths { min_ms, max_ms } => {
            policy.min_ms = min_ms.max(policy.unit_ms);
            policy.max_ms = max_ms
                .max(policy.min_ms)
                .min(definition.policy.max_ms.max(policy.min_ms));
            policy.initial_ms = policy.initial_ms.clamp(policy.min_ms, policy.max_ms);
        }
        Change::SettleLonger { ms } => policy.settle_ms += ms,
        Change::InFlight { workers } => policy.max_in_flight = workers,
        Change::Open { windows } => policy.max_open_windows = windows,
        Change::StartEarlier { ms } => next.start = next.start.minus_ms(ms),
        Change::Slower { percent } => {
            let slower = |rate: u32| (rate * percent / 100).max(1);
            policy.requests_per_minute = policy.requests_per_minute.map(slower);
        }
        // A source without sweeps may be one that cannot have any.
        Change::Sweeps { .. } if policy.sweeps_ms.is_empty() => {}
        Change::Sweeps { first_ms } => {
            policy.sweeps_ms = if first_ms > 0 {
                vec![first_ms]
            } else {
                Vec::new()
            };
        }
    }
    if next.policy.check().is_ok() {
        next
    } else {
        definition.clone()
    }
}
