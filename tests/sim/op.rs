//! What happens to a world beside its load: faults and changes, each with its time. A list of them,
//! drawn from the seed, is what shrinking takes away from.

use std::fmt;

use windlass_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

use crate::wrong_clock::Whose;

/// One thing that happens, from `at_ms` after the world began, for `for_ms`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Op {
    /// When, in milliseconds after the world began.
    pub(crate) at_ms: i64,
    /// How long, in milliseconds; 0 for what happens once.
    pub(crate) for_ms: i64,
    /// What.
    pub(crate) what: What,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The machines' clocks disagree.
    Skew,
    /// The vendors fail as their specs say.
    VendorFaults,
    /// The stream fails as its spec says.
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
    /// Calls of the state are refused, or their replies lost, so many of a hundred.
    StoreFaults { percent: u64 },
    /// Calls of the state take up to so long.
    SlowStore { ms: u64 },
    /// Writes of the state are made and never answered, so many of a hundred: their process waits until
    /// its host kills it.
    LastWrites { percent: u64 },
    /// Invocations are accepted and never come, so many of a hundred.
    LoseInvocations { percent: u64 },
    /// Invocations come twice, so many of a hundred.
    DuplicateInvocations { percent: u64 },
    /// Invocations come up to so much later, so many of a hundred.
    DelayInvocations { percent: u64, ms: u64 },
    /// Invocations are refused, or accepted without an answer, so many of a hundred.
    RefuseInvocations { percent: u64 },
    /// No more than so many workers run at once.
    Throttle { workers: usize },
    /// Workers are killed somewhere, so many of a hundred.
    KillWorkers { percent: u64 },
    /// Workers are frozen somewhere for up to so long, so many of a hundred.
    FreezeWorkers { percent: u64, ms: u64 },
    /// Ticks are killed somewhere, so many of a hundred.
    KillTicks { percent: u64 },
    /// Ticks are frozen somewhere for up to so long, so many of a hundred.
    FreezeTicks { percent: u64, ms: u64 },
    /// Each tick comes so many times at once.
    OverlapTicks { ticks: u64 },
    /// Done windows that the marks have not passed are deleted, so many of a hundred, as a table's
    /// own expiry may do after a long stop.
    Vanish { percent: u64 },
    /// No tick comes.
    NoTicks,
    /// The definition of the n-th source is applied with a change.
    Apply { source: usize, change: Change },
    /// An operator holds the n-th source back.
    Hold { source: usize },
    /// An operator retries what is parked.
    Mend,
    /// The machine loses its power, and the state what was written so shortly before and not synced.
    PowerLoss { unsynced_ms: i64 },
    /// Clocks are so far ahead, or behind when that is negative.
    WrongClock {
        whose: Whose,
        off_ms: i64,
        /// How long they are wrong, and then right, in turns; wrong all the time when 0.
        turn_ms: i64,
    },
}

/// A change of a source's definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing: it is applied as it is.
    Nothing,
    /// Windows between these widths.
    Widths { min_ms: i64, max_ms: i64 },
    /// Settles for so much longer.
    SettleLonger { ms: i64 },
    /// So many workers at once.
    InFlight { workers: u32 },
    /// So many open windows.
    Open { windows: u32 },
    /// Starts so much earlier.
    StartEarlier { ms: i64 },
    /// The pace at so many of a hundred of what it was.
    Slower { percent: u32 },
    /// Swept at other ages; none when 0.
    Sweeps { first_ms: i64 },
}

impl Op {
    /// Whether it is happening `now_ms` after the world began.
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
    // A few kinds of trouble a world, so that each also comes alone or nearly so.
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

/// A page that kills what reads it: often until the faults end, now and then for a while.
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

/// Makes the operations `ops` those of a world on one machine with files: nothing expires by itself, no
/// process holds a window past its lease, and the power is lost now and then.
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

/// One of `choices`, which are never none.
pub(crate) fn pick<'a, T>(rng: &mut fastrand::Rng, choices: &'a [T]) -> &'a T {
    &choices[rng.usize(..choices.len())]
}

/// `HH:MM:SS` of a time after the world began.
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
