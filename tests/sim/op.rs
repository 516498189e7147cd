//! The operations of a world beside its load: timed faults and changes. Their list is drawn from
//! the seed, and shrinking removes from it.

use std::fmt;

use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

use crate::wrong_clock::Whose;

/// One operation, from `at_ms` after the world began, for `for_ms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Op {
    /// Start in milliseconds after the world began.
    pub(crate) at_ms: i64,
    /// Duration in milliseconds; 0 for a single event.
    pub(crate) for_ms: i64,
    /// Its effect.
    pub(crate) what: What,
}

/// The effect of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The machines' clocks disagree.
    Skew,
    /// The vendors fail by their specs.
    VendorFaults,
    /// The stream fails by its spec.
    StreamFaults,
    /// Every request to the n-th vendor meets the same fault.
    VendorOutage { vendor: usize },
    /// Every page of the n-th vendor that covers an instant kills the process that reads it.
    PoisonedPage {
        vendor: usize,
        /// The instant, in milliseconds after the world began; negative for one before.
        at_ms: i64,
    },
    /// Every call of the stream meets the same fault.
    StreamOutage,
    /// Calls of the state fail, or their responses are lost, at this percentage.
    StoreFaults { percent: u64 },
    /// Calls of the state take up to so long.
    SlowStore { ms: u64 },
    /// Writes of the state apply and never return, at this percentage: their process waits until
    /// its host kills it.
    LastWrites { percent: u64 },
    /// Invocations are accepted and lost, at this percentage.
    LoseInvocations { percent: u64 },
    /// Invocations are delivered twice, at this percentage.
    DuplicateInvocations { percent: u64 },
    /// Invocations are delayed by up to so long, at this percentage.
    DelayInvocations { percent: u64, ms: u64 },
    /// Invocations are rejected, or accepted without a response, at this percentage.
    RefuseInvocations { percent: u64 },
    /// At most so many workers run at once.
    Throttle { workers: usize },
    /// Workers are killed at any point, at this percentage.
    KillWorkers { percent: u64 },
    /// Workers freeze at any point for up to so long, at this percentage.
    FreezeWorkers { percent: u64, ms: u64 },
    /// Ticks are killed at any point, at this percentage.
    KillTicks { percent: u64 },
    /// Ticks freeze at any point for up to so long, at this percentage.
    FreezeTicks { percent: u64, ms: u64 },
    /// Each tick runs so many times at once.
    OverlapTicks { ticks: u64 },
    /// Done windows that the marks have not passed are deleted, at this percentage, as a table's
    /// own expiry may do after a long stop.
    Vanish { percent: u64 },
    /// No tick runs.
    NoTicks,
    /// The definition of the n-th source is applied with a change.
    Apply { source: usize, change: Change },
    /// An operator pauses the n-th source.
    Hold { source: usize },
    /// An operator retries the parked windows.
    Mend,
    /// The machine loses its power, and the state its unsynced writes of the last `unsynced_ms`.
    PowerLoss { unsynced_ms: i64 },
    /// Clocks are ahead by so much, or behind if negative.
    WrongClock {
        whose: Whose,
        off_ms: i64,
        /// Length of the alternating wrong and right periods, in milliseconds; 0 for wrong all the
        /// time.
        period_ms: i64,
    },
}

/// A change of a source's definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// No change: it is applied as it is.
    Nothing,
    /// Other limits of window widths.
    Widths { min_ms: i64, max_ms: i64 },
    /// A `settle` longer by so much.
    SettleLonger { ms: i64 },
    /// Another number of concurrent workers.
    InFlight { workers: u32 },
    /// Another number of open windows.
    Open { windows: u32 },
    /// A start earlier by so much.
    StartEarlier { ms: i64 },
    /// A request rate at this percentage of the previous one.
    Slower { percent: u32 },
    /// Other ages of sweeps; none for 0.
    Sweeps { first_ms: i64 },
}

impl Op {
    /// Returns true while it is on, `now_ms` after the world began.
    pub(crate) fn is_on(&self, now_ms: i64) -> bool {
        (self.at_ms..self.at_ms + self.for_ms).contains(&now_ms)
    }
}

/// Draws the operations of a world whose faults last `faults_ms`, with so many vendors and sources.
pub(crate) fn draw(
    rng: &mut fastrand::Rng,
    faults_ms: i64,
    vendors: usize,
    sources: usize,
) -> Vec<Op> {
    let whole = |what| Op {
        at_ms: 0,
        for_ms: faults_ms,
        what,
    };
    let mut ops: Vec<Op> = [What::Skew, What::VendorFaults, What::StreamFaults]
        .into_iter()
        .filter(|_| rng.u8(0..5) > 0)
        .map(whole)
        .collect();
    // A few kinds of trouble per world, so that each also occurs alone or nearly so.
    let kinds: Vec<u8> = (0..rng.usize(1..=6)).map(|_| rng.u8(0..KINDS)).collect();
    for _ in 0..rng.usize(2..=14) {
        let kind = kinds[rng.usize(..kinds.len())];
        let at_ms = rng.i64(0..faults_ms);
        let longest_ms = match kind {
            NO_TICKS => *pick(rng, &[30 * MINUTE_MS, 3 * HOUR_MS, DAY_MS]),
            _ => *pick(rng, &[20 * MINUTE_MS, 2 * HOUR_MS, faults_ms]),
        };
        let for_ms = rng.i64(MINUTE_MS..=longest_ms).min(faults_ms - at_ms);
        let what = trouble(rng, kind, vendors);
        ops.push(Op {
            at_ms,
            for_ms,
            what,
        });
    }
    for _ in 0..rng.usize(0..=4) {
        ops.push(intervention(rng, faults_ms, sources));
    }
    if rng.u8(0..4) == 0 {
        ops.push(poison(rng, faults_ms, vendors));
    }
    ops.sort_by_key(|op| op.at_ms);
    ops
}

const KINDS: u8 = 16;
const NO_TICKS: u8 = 12;

fn trouble(rng: &mut fastrand::Rng, kind: u8, vendors: usize) -> What {
    let percent = *pick(rng, &[3, 10, 30, 60]);
    // Past a lease, short of one, and far past it.
    let ms = *pick(
        rng,
        &[5 * SECOND_MS, 90 * SECOND_MS, 20 * MINUTE_MS, 3 * HOUR_MS],
    );
    let ms = ms.unsigned_abs();
    match kind {
        0 => What::StoreFaults {
            percent: percent.min(30),
        },
        1 => What::SlowStore {
            ms: *pick(rng, &[300, 2_000, 8_000]),
        },
        2 => What::LoseInvocations { percent },
        3 => What::DuplicateInvocations { percent },
        4 => What::DelayInvocations { percent, ms },
        5 => What::RefuseInvocations { percent },
        6 => What::Throttle {
            workers: rng.usize(1..=3),
        },
        7 => What::KillWorkers { percent },
        8 => What::FreezeWorkers { percent, ms },
        9 => What::KillTicks { percent },
        10 => What::FreezeTicks { percent, ms },
        11 => What::OverlapTicks {
            ticks: rng.u64(2..=4),
        },
        NO_TICKS => What::NoTicks,
        13 => What::StreamOutage,
        14 => What::Vanish { percent },
        _ => What::VendorOutage {
            vendor: rng.usize(..vendors),
        },
    }
}

fn intervention(rng: &mut fastrand::Rng, faults_ms: i64, sources: usize) -> Op {
    let source = rng.usize(..sources);
    let what = match rng.u8(0..8) {
        0 => What::Hold { source },
        1 => What::Mend,
        _ => What::Apply {
            source,
            change: change(rng),
        },
    };
    let for_ms = match what {
        What::Hold { .. } => rng.i64(MINUTE_MS..=6 * HOUR_MS),
        _ => 0,
    };
    let at_ms = rng.i64(0..faults_ms);
    Op {
        at_ms,
        for_ms: for_ms.min(faults_ms - at_ms),
        what,
    }
}

/// A page that kills its reader: often until the faults end, at times for a while.
fn poison(rng: &mut fastrand::Rng, faults_ms: i64, vendors: usize) -> Op {
    let begins_ms = rng.i64(0..faults_ms / 2);
    let rest_ms = faults_ms - begins_ms;
    let for_ms = *pick(rng, &[rest_ms, rest_ms, HOUR_MS.min(rest_ms)]);
    Op {
        at_ms: begins_ms,
        for_ms,
        what: What::PoisonedPage {
            vendor: rng.usize(..vendors),
            at_ms: rng.i64(begins_ms - 6 * HOUR_MS..begins_ms + rest_ms / 2),
        },
    }
}

fn change(rng: &mut fastrand::Rng) -> Change {
    match rng.u8(0..8) {
        0 => Change::Widths {
            min_ms: *pick(rng, &[MINUTE_MS, 10 * MINUTE_MS]),
            max_ms: *pick(rng, &[15 * MINUTE_MS, 2 * HOUR_MS, DAY_MS]),
        },
        1 => Change::SettleLonger {
            ms: rng.i64(1..=30) * MINUTE_MS,
        },
        2 => Change::InFlight {
            workers: rng.u32(1..=8),
        },
        3 => Change::Open {
            windows: rng.u32(2..=80),
        },
        4 => Change::StartEarlier {
            ms: rng.i64(1..=12) * HOUR_MS,
        },
        5 => Change::Slower {
            percent: rng.u32(40..=100),
        },
        6 => Change::Sweeps {
            first_ms: *pick(rng, &[0, 2 * HOUR_MS, 5 * HOUR_MS]),
        },
        _ => Change::Nothing,
    }
}

/// Turns `ops` into those of a world on one machine with files: nothing expires there, no process
/// holds a window past its lease, and the power is lost at times.
pub(crate) fn on_one_machine(rng: &mut fastrand::Rng, faults_ms: i64, ops: &mut Vec<Op>) {
    ops.retain(|op| {
        !matches!(
            op.what,
            What::StreamFaults
                | What::StreamOutage
                | What::FreezeWorkers { .. }
                | What::FreezeTicks { .. }
                | What::Vanish { .. }
        )
    });
    for _ in 0..rng.usize(1..=6) {
        let unsynced_ms = *pick(rng, &[SECOND_MS, 20 * SECOND_MS, 5 * MINUTE_MS]);
        let at_ms = rng.i64(0..faults_ms);
        ops.push(Op {
            at_ms,
            for_ms: 0,
            what: What::PowerLoss { unsynced_ms },
        });
    }
    ops.sort_by_key(|op| op.at_ms);
}

/// One of `choices`, which must not be empty.
pub(crate) fn pick<'a, T>(rng: &mut fastrand::Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.usize(..choices.len())]
}

/// A time after the world began as `HH:MM:SS`.
pub(crate) fn clock_time(ms: i64) -> String {
    let seconds = ms / SECOND_MS;
    let (hours, rest) = (seconds / 3_600, seconds % 3_600);
    format!("{hours:02}:{:02}:{:02}", rest / 60, rest % 60)
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}", clock_time(self.at_ms))?;
        if self.for_ms > 0 {
            write!(f, " for {}", clock_time(self.for_ms))?;
        }
        write!(f, ": {:?}", self.what)
    }
}
