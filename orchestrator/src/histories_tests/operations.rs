//! The operations of a history, and their frequencies.

use proptest::prelude::*;
use windlass_core::time::{HOUR_MS, MINUTE_MS};

/// One operation. An index selects its window or tick among the candidates; without so many
/// candidates, the operation does nothing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    /// A tick begins.
    Tick(TickRun),
    /// A stalled tick resumes, to its end.
    Resume(usize),
    /// So many milliseconds pass.
    Clock(i64),
    /// A worker claims a window.
    Work(usize, Work),
    /// A ready window parks.
    Park(usize),
    /// An operator retries a parked window.
    Retry(usize),
    /// The start moves earlier by so many minutes.
    Earlier(i64),
    /// The source is paused or resumed.
    Pause,
    /// The limit of open windows changes.
    OpenMax(u32),
}

/// The course of a tick.
#[derive(Debug, Clone, Copy)]
pub(super) enum TickRun {
    /// It runs to its end.
    Whole,
    /// Its writes fail after so many.
    Stops(u64),
    /// It loses the response to every n-th call of each kind of write.
    Deaf(u64),
    /// It stalls after so many writes, with its reads and plans from before.
    Stalls(u64),
}

/// The end of a worker's run of a window.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// The worker dies: its lease expires.
    Claim,
    /// The window is done.
    Finish,
    /// A page was unusable.
    Fail,
    /// Unusable pages up to the retry limit.
    Exhaust,
    /// The vendor cannot return so much: a split after so many minutes.
    Split(i64),
    /// Out of time, with an eighth of the remainder delivered.
    Overrun,
    /// The vendor rejects its token, with a third of the remainder delivered.
    Reject,
}

/// The indexes of candidates: few, so that operations meet the same ones again.
const PLACES: std::ops::Range<usize> = 0..3;

/// Any operation. The ones that make two planners differ are frequent: stalls, parked windows and
/// splits.
pub(super) fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        15 => tick_run().prop_map(Op::Tick),
        5 => (0usize..2).prop_map(Op::Resume),
        2 => (MINUTE_MS..HOUR_MS).prop_map(Op::Clock),
        20 => (PLACES, work()).prop_map(|(which, work)| Op::Work(which, work)),
        3 => (0usize..2).prop_map(Op::Park),
        3 => PLACES.prop_map(Op::Retry),
        1 => (1i64..30).prop_map(Op::Earlier),
        1 => Just(Op::Pause),
        1 => (1u32..16).prop_map(Op::OpenMax),
    ]
}

fn tick_run() -> impl Strategy<Value = TickRun> {
    prop_oneof![
        6 => Just(TickRun::Whole),
        2 => (0u64..12).prop_map(TickRun::Stops),
        2 => (1u64..4).prop_map(TickRun::Deaf),
        5 => (0u64..5).prop_map(TickRun::Stalls),
    ]
}

fn work() -> impl Strategy<Value = Work> {
    prop_oneof![
        2 => Just(Work::Claim),
        6 => Just(Work::Finish),
        2 => Just(Work::Fail),
        1 => Just(Work::Exhaust),
        2 => (1i64..10).prop_map(Work::Split),
        4 => Just(Work::Overrun),
        3 => Just(Work::Reject),
    ]
}
