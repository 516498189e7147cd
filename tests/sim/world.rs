//! The shared parts of one simulated world: its store, the active operations, randomness, and the
//! violations.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::hash::{DefaultHasher, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_core::{RateGroup, Timestamp, limits};
use windlass_state::MemoryStore;
use windlass_state::memory::Snapshot;

use crate::books::Books;
use crate::clock::{SKEW_MS_MAX, SimClock};
use crate::op::{Op, What};
use crate::true_time;
use crate::wrong_clock::{Seat, WrongClocks};

/// Number of stored violations of one world: the first ones are the informative ones.
const VIOLATIONS_KEPT: usize = 5;

/// Allowance for requests after the start of a cooldown, beyond the age that knowledge of it may
/// have, in milliseconds: a read of the state, and the way to the vendor.
const COOLDOWN_MS: i64 = 1_000;
/// The same where the state is slow.
const SLOW_COOLDOWN_MS: i64 = 20_000;

/// The shared state of one world.
#[derive(Debug)]
pub(crate) struct World {
    /// The state store.
    pub(crate) store: MemoryStore,
    ops: Vec<Op>,
    wrong_clocks: WrongClocks,
    quiet: AtomicBool,
    /// Power losses so far.
    losses: AtomicU64,
    /// The state that the next power loss returns to, while one is near.
    durable: Mutex<Option<Snapshot>>,
    dice: Mutex<fastrand::Rng>,
    faults: Mutex<BTreeMap<&'static str, u64>>,
    trace: Mutex<Trace>,
    violations: Mutex<Vec<String>>,
    books: Mutex<Books>,
}

/// The history of a world: a hash that equal histories share, and text if requested.
#[derive(Debug)]
struct Trace {
    hash: DefaultHasher,
    lines: Option<Vec<String>>,
}

impl World {
    /// A world of `seed` with the operations `ops`.
    pub(crate) fn new(seed: u64, ops: Vec<Op>, traced: bool) -> Self {
        Self {
            store: MemoryStore::new(),
            wrong_clocks: WrongClocks::of(&ops),
            ops,
            quiet: AtomicBool::new(false),
            losses: AtomicU64::new(0),
            durable: Mutex::default(),
            dice: Mutex::new(fastrand::Rng::with_seed(seed ^ 0x5eed_d1ce)),
            faults: Mutex::default(),
            trace: Mutex::new(Trace {
                hash: DefaultHasher::new(),
                lines: traced.then(Vec::new),
            }),
            violations: Mutex::default(),
            books: Mutex::default(),
        }
    }

    /// All its operations.
    pub(crate) fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// Ends the time of faults.
    pub(crate) fn be_quiet(&self) {
        self.quiet.store(true, Ordering::SeqCst);
        self.note(format_args!("quiet"));
    }

    /// Returns true once the time of faults is over.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::SeqCst)
    }

    /// The number of the machine's current life: a process of an earlier one has ended.
    pub(crate) fn power(&self) -> u64 {
        self.losses.load(Ordering::SeqCst)
    }

    /// Keeps the state in memory only from now on, until it is synced or the power is lost.
    pub(crate) fn stop_writing_back(&self) {
        *lock(&self.durable) = Some(self.store.snapshot());
    }

    /// Syncs the state.
    pub(crate) fn synced(&self) {
        if let Some(durable) = &mut *lock(&self.durable) {
            *durable = self.store.snapshot();
        }
    }

    /// Loses the power: every process ends, and the state returns to its durable part.
    pub(crate) fn lose_power(&self) {
        self.count("power_lost");
        self.losses.fetch_add(1, Ordering::SeqCst);
        if let Some(durable) = lock(&self.durable).take() {
            self.store.revert_to(&durable);
        }
        self.books().reverted();
    }

    /// The first value that `pick` returns for an active operation.
    pub(crate) fn on<T>(&self, pick: impl Fn(&What) -> Option<T>) -> Option<T> {
        if self.is_quiet() {
            return None;
        }
        let now_ms = true_time::now().ms_since(true_time::WORLD_EPOCH);
        let mut on = self.ops.iter().filter(|op| op.is_on(now_ms));
        on.find_map(|op| pick(&op.what))
    }

    /// Draws whether an event occurs whose percentage `pick` returns for an active operation.
    pub(crate) fn chance(&self, pick: impl Fn(&What) -> Option<u64>) -> bool {
        self.on(pick)
            .is_some_and(|percent| self.below(100) < percent)
    }

    /// A number below `end`, which must be above 0.
    pub(crate) fn below(&self, end: u64) -> u64 {
        lock(&self.dice).u64(..end)
    }

    /// The clock of a new machine at the place that `seat` names.
    pub(crate) fn new_clock(&self, seat: impl FnOnce(bool) -> Seat) -> SimClock {
        let clock = match self.on(|what| (*what == What::Skew).then_some(())) {
            Some(()) => {
                let skew_ms = lock(&self.dice).i64(-SKEW_MS_MAX..=SKEW_MS_MAX);
                // Either the machine clocks are ahead or a vendor's, not both.
                let is_slow = self.wrong_clocks.has_vendor_ahead();
                SimClock::skewed(if is_slow { -skew_ms.abs() } else { skew_ms })
            }
            None => SimClock::TRUE,
        };
        let odd = self.wrong_clocks.has_half() && self.below(2) == 0;
        clock.at(seat(odd), self.wrong_clocks.clone())
    }

    /// The temporarily wrong clocks.
    pub(crate) fn wrong_clocks(&self) -> &WrongClocks {
        &self.wrong_clocks
    }

    /// Counts a fault.
    pub(crate) fn count(&self, fault: &'static str) {
        self.note(format_args!("fault {fault}"));
        *lock(&self.faults).entry(fault).or_default() += 1;
    }

    /// Counts of the faults so far.
    pub(crate) fn faults(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.faults).clone()
    }

    /// Adds an entry to the trace.
    pub(crate) fn note(&self, what: impl Display) {
        let text = format!("{} {what}", true_time::now());
        let mut trace = lock(&self.trace);
        trace.hash.write(text.as_bytes());
        if let Some(lines) = &mut trace.lines {
            lines.push(text);
        }
    }

    /// The hash of the history so far.
    pub(crate) fn trace_hash(&self) -> u64 {
        lock(&self.trace).hash.finish()
    }

    /// The history so far, if requested.
    pub(crate) fn trace_lines(&self) -> Vec<String> {
        lock(&self.trace).lines.take().unwrap_or_default()
    }

    /// Records a violation.
    pub(crate) fn violate(&self, problem: impl Display) {
        let text = format!("{}: {problem}", true_time::now());
        self.note(format_args!("VIOLATION {text}"));
        let mut violations = lock(&self.violations);
        if violations.len() < VIOLATIONS_KEPT {
            violations.push(text);
        }
    }

    /// Records a violation if `checked` is an error.
    pub(crate) fn expect<E: Display>(&self, checked: Result<(), E>) {
        if let Err(problem) = checked {
            self.violate(problem);
        }
    }

    /// The violations so far.
    pub(crate) fn violations(&self) -> Vec<String> {
        lock(&self.violations).clone()
    }

    /// Returns true while there is no violation.
    pub(crate) fn holds(&self) -> bool {
        lock(&self.violations).is_empty()
    }

    /// Milliseconds since the start of the cooldown of `group`, if every machine has had time to
    /// see it and still must keep it. `None` where workers freeze or their clocks are wrong: a
    /// frozen worker may act on an older read, and a wait that is stored by one clock ends by
    /// another.
    pub(crate) fn closed_too_long_ms(&self, group: &RateGroup) -> Option<i64> {
        let has = |wanted: fn(&What) -> bool| self.ops.iter().any(|op| wanted(&op.what));
        let freezes = has(|what| matches!(what, What::FreezeWorkers { .. }));
        if freezes || self.wrong_clocks.has_machines() {
            return None;
        }
        let skewed = has(|what| *what == What::Skew);
        let slow = has(|what| matches!(what, What::SlowStore { .. }));
        let skew_ms = if skewed { 2 * SKEW_MS_MAX } else { 0 };
        let most_ms = limits::COOLDOWN_READ_MS + if slow { SLOW_COOLDOWN_MS } else { COOLDOWN_MS };
        let now = true_time::now();
        let cooldown = self.books().cooldowns.get(group).copied()?;
        let closed_ms = now.ms_since(cooldown.since);
        (cooldown.until > now.plus_ms(skew_ms) && closed_ms > most_ms).then_some(closed_ms)
    }

    /// The counts for the checks.
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    /// The times of the operations that `pick` selects, with the values it returns, in order.
    pub(crate) fn events<T>(&self, pick: impl Fn(&Op) -> Vec<(i64, T)>) -> Vec<(Timestamp, T)> {
        let mut events: Vec<_> = self.ops.iter().flat_map(pick).collect();
        events.sort_by_key(|(at_ms, _)| *at_ms);
        let at = |ms| true_time::WORLD_EPOCH.plus_ms(ms);
        events
            .into_iter()
            .map(|(ms, what)| (at(ms), what))
            .collect()
    }
}

/// The content of `mutex`, also after a panic elsewhere: the world is over then anyway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
