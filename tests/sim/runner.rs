//! Many worlds, on as many threads as there are processors, each world on one of them.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use windlass_core::breaks::Break;

use crate::run::{Outcome, failed, run};
use crate::shrink::shrink;
use crate::spec::WorldSpec;
use crate::world::lock;

/// Stack of a thread that runs worlds, in bytes: one poll goes through all rooms.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// A world that failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The world's specification.
    pub(crate) spec: WorldSpec,
    /// The world's outcome.
    pub(crate) outcome: Outcome,
}

/// The outcomes of many worlds.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Number of worlds that ran.
    pub(crate) worlds: u64,
    /// True if the run was stopped before all worlds had run.
    pub(crate) interrupted: bool,
    /// The sums of all counts.
    pub(crate) total: Outcome,
    /// The failed world with the lowest seed.
    pub(crate) first: Option<Failure>,
    /// Number of failed worlds.
    pub(crate) failed: u64,
    /// Seeds of failed worlds with the first violation of each, ascending.
    pub(crate) failures: BTreeMap<u64, String>,
}

impl Summary {
    /// The summary of a world that ran alone.
    pub(crate) fn of_one(spec: WorldSpec, outcome: Outcome) -> Self {
        let mut summary = Self::default();
        summary.add(spec, outcome);
        summary
    }

    fn add(&mut self, spec: WorldSpec, outcome: Outcome) {
        self.worlds += 1;
        self.failed += u64::from(!outcome.violations.is_empty());
        if let Some(problem) = outcome.violations.first() {
            self.failures.insert(spec.seed, problem.clone());
        }
        self.total.absorb(&outcome);
        let is_first = |first: &Failure| first.spec.seed > spec.seed;
        if !outcome.violations.is_empty() && self.first.as_ref().is_none_or(is_first) {
            self.first = Some(Failure { spec, outcome });
        }
    }
}

impl Outcome {
    fn absorb(&mut self, other: &Self) {
        self.violations.extend(other.violations.iter().cloned());
        self.tally.delivered += other.tally.delivered;
        self.tally.lost += other.tally.lost;
        self.tally.duplicates += other.tally.duplicates;
        self.tally.swept += other.tally.swept;
        for (fault, count) in &other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        self.virtual_ms += other.virtual_ms;
        self.wrong_clock_ms += other.wrong_clock_ms;
        self.ticks += other.ticks;
        self.invocations += other.invocations;
    }
}

/// Runs `worlds` worlds from `seed` on and calls `goes_on` after each with the count so far; once
/// it returns false, no further world begins. With `until_first`, none begins after one has failed.
pub(crate) fn run_many(
    seed: u64,
    worlds: u64,
    broken: Option<Break>,
    until_first: bool,
    goes_on: impl Fn(u64) -> bool + Sync,
) -> Summary {
    let next = AtomicU64::new(0);
    let stopped = AtomicBool::new(false);
    let summary = Mutex::new(Summary::default());
    let threads = std::thread::available_parallelism().map_or(2, NonZero::get);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            let enough = until_first && lock(&summary).first.is_some();
            if number >= worlds || enough {
                return;
            }
            if stopped.load(Ordering::SeqCst) {
                lock(&summary).interrupted = true;
                return;
            }
            let spec = WorldSpec::draw(seed.wrapping_add(number));
            let outcome = run_caught(&spec, broken, false);
            let mut summary = lock(&summary);
            summary.add(spec, outcome);
            let done = summary.worlds;
            drop(summary);
            if !goes_on(done) {
                stopped.store(true, Ordering::SeqCst);
            }
        }
    };
    std::thread::scope(|scope| {
        for number in 0..threads {
            let thread = std::thread::Builder::new()
                .name(format!("worlds-{number}"))
                .stack_size(STACK_BYTES);
            let begun = thread.spawn_scoped(scope, work);
            begun.expect("a machine that builds this has room for its threads");
        }
    });
    summary
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Runs one world; a panic in it is a violation.
pub(crate) fn run_caught(spec: &WorldSpec, broken: Option<Break>, traced: bool) -> Outcome {
    let caught = catch_unwind(AssertUnwindSafe(|| run(spec, broken, traced)));
    caught.unwrap_or_else(|_| failed("the world panicked".to_owned()))
}

/// The smallest set of operations found that makes a failed world fail, by number, and its outcome
/// with them. The search ends once `goes_on` returns false.
pub(crate) fn shrunk(
    failure: &Failure,
    broken: Option<Break>,
    goes_on: impl Fn() -> bool,
) -> (Vec<usize>, Outcome) {
    let mut last = failure.outcome.clone();
    let kept = shrink(failure.spec.ops.len(), |kept| {
        if !goes_on() {
            return false;
        }
        let outcome = run_caught(&failure.spec.keeping(kept), broken, false);
        let fails = !outcome.violations.is_empty();
        if fails {
            last = outcome;
        }
        fails
    });
    (kept, last)
}
