//! What can happen in a history, and how often it does.

use proptest::prelude::*;
use windlass_core::time::{HOUR_MS, MINUTE_MS};

/// One thing that happens. What it happens to is named by its place among those that it could
/// happen to; where there are not so many, nothing happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    /// A tick begins.
    Tick(TickRun),
    /// A tick that stalled goes on, to its end.
    Resume(usize),
    /// So many milliseconds pass.
    Clock(i64),
    /// A worker takes a window.
    Work(usize, Work),
    /// A ready window is given up.
    Park(usize),
    /// An operator tries a parked window again.
    Retry(usize),
    /// The start moves so many minutes earlier.
    Earlier(i64),
    /// The source is paused, or is no longer.
    Pause,
    /// So many windows may be open from now on.
    OpenMax(u32),
}

/// How a tick runs.
#[derive(Debug, Clone, Copy)]
pub(super) enum TickRun {
    /// To its end.
    Whole,
    /// Its writes fail after so many.
    Stops(u64),
    /// It gets no answer to every n-th call of each kind of write.
    Deaf(u64),
    /// It stands still after so many writes, with what it has read and planned by then.
    Stalls(u64),
}

/// How a worker's run of a window ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// Not at all: its lease runs out.
    Claim,
    /// The window is done.
    Finish,
    /// A page made no sense.
    Fail,
    /// The same, until the tries are used up.
    Exhaust,
    /// The vendor cannot answer so much: to be split after so many minutes.
    Split(i64),
    /// Out of time, with an eighth of what was left delivered.
    Overrun,
    /// The vendor rejects its token, with a third of what was left delivered.
    Reject,
}

/// Which of those there are: few, so that things happen to the same ones again.
const PLACES: std::ops::Range<usize> = 0..3;

/// Any operation. What makes two planners differ comes often: stalls, holes and splits.
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
