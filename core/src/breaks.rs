//! The protocol broken on purpose, one way at a time, so that the simulator can show that it would
//! notice. Without the feature `breaks`, which no program that is shipped has, nothing here can be
//! switched on and the checks cost nothing.

/// A way to break the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Break {
    /// A page is checkpointed before the sink has acknowledged it.
    CheckpointBeforeDelivery,
    /// A holder's write is accepted whatever its epoch.
    NoEpochCheck,
    /// A checkpoint is accepted whatever page it moves from.
    NoPageCheck,
    /// The mark moves before the windows it covers exist.
    MarkBeforeWindows,
    /// A split creates all of its parts but the last.
    SplitLosesPart,
    /// The split point is taken past what has been delivered.
    SplitPastFrontier,
    /// What is missing from the chain counts as done.
    AbsenceIsDone,
    /// `open_from` passes unfinished windows without listing them.
    ForgetBehind,
    /// Records that a stream refused in a call that succeeded count as taken.
    IgnoreRefusedRecords,
    /// An empty page counts as the last one.
    EmptyPageEnds,
    /// A window completes although its vendor's clock has not passed it.
    IgnoreVendorClock,
    /// The end of a window is not left to settle.
    NoSettle,
    /// A claim needs no nonce of its own: the same epoch is enough.
    NoNonce,
    /// A restarted window keeps its old page token.
    KeepRejectedToken,
    /// A sweep takes every record of a window it looks up for delivered.
    SweepKnowsAll,
    /// What a page delivered is remembered before the sink has acknowledged it.
    RememberBeforeDelivery,
    /// A closed rate group is asked all the same.
    IgnoreGate,
    /// A worker takes its turns without reserving them.
    IgnoreTurns,
    /// An expired lease stays where it is.
    NoScavenge,
    /// A page token that works once is sent although an earlier run may have sent it.
    SpentTokenReused,
    /// A blocked source is never probed.
    NoProbe,
    /// The deaths of processes are not counted against the windows that they had in flight.
    DeathsNotCounted,
    /// A file gets its final name before its window is durable.
    FinalBeforeDurable,
    /// A window is done before its file has its final name.
    DoneBeforeFinal,
    /// Steps that cannot be taken back are taken by this machine's clock alone.
    TrustOurClock,
    /// The vendor's clock is believed however far it is from this machine's: no witness is asked.
    NoWitness,
    /// Windows are cut by this machine's clock, past the vendor's.
    CutByOurClock,
    /// A lease is believed however far off its end is.
    EndlessLease,
}

impl Break {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Self::CheckpointBeforeDelivery,
        Self::NoEpochCheck,
        Self::NoPageCheck,
        Self::MarkBeforeWindows,
        Self::SplitLosesPart,
        Self::SplitPastFrontier,
        Self::AbsenceIsDone,
        Self::ForgetBehind,
        Self::IgnoreRefusedRecords,
        Self::EmptyPageEnds,
        Self::IgnoreVendorClock,
        Self::NoSettle,
        Self::NoNonce,
        Self::KeepRejectedToken,
        Self::SweepKnowsAll,
        Self::RememberBeforeDelivery,
        Self::IgnoreGate,
        Self::IgnoreTurns,
        Self::NoScavenge,
        Self::SpentTokenReused,
        Self::NoProbe,
        Self::DeathsNotCounted,
        Self::FinalBeforeDurable,
        Self::DoneBeforeFinal,
        Self::TrustOurClock,
        Self::NoWitness,
        Self::CutByOurClock,
        Self::EndlessLease,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CheckpointBeforeDelivery => "checkpoint-before-delivery",
            Self::NoEpochCheck => "no-epoch-check",
            Self::NoPageCheck => "no-page-check",
            Self::MarkBeforeWindows => "mark-before-windows",
            Self::SplitLosesPart => "split-loses-part",
            Self::SplitPastFrontier => "split-past-frontier",
            Self::AbsenceIsDone => "absence-is-done",
            Self::ForgetBehind => "forget-behind",
            Self::IgnoreRefusedRecords => "ignore-refused-records",
            Self::EmptyPageEnds => "empty-page-ends",
            Self::IgnoreVendorClock => "ignore-vendor-clock",
            Self::NoSettle => "no-settle",
            Self::NoNonce => "no-nonce",
            Self::KeepRejectedToken => "keep-rejected-token",
            Self::SweepKnowsAll => "sweep-knows-all",
            Self::RememberBeforeDelivery => "remember-before-delivery",
            Self::IgnoreGate => "ignore-gate",
            Self::IgnoreTurns => "ignore-turns",
            Self::NoScavenge => "no-scavenge",
            Self::SpentTokenReused => "spent-token-reused",
            Self::NoProbe => "no-probe",
            Self::DeathsNotCounted => "deaths-not-counted",
            Self::FinalBeforeDurable => "final-before-durable",
            Self::DoneBeforeFinal => "done-before-final",
            Self::TrustOurClock => "trust-our-clock",
            Self::NoWitness => "no-witness",
            Self::CutByOurClock => "cut-by-our-clock",
            Self::EndlessLease => "endless-lease",
        }
    }
}

/// Whether the protocol is broken this way here: never without the feature `breaks`.
#[cfg(not(feature = "breaks"))]
pub const fn broken(_: Break) -> bool {
    false
}

#[cfg(feature = "breaks")]
pub use switched::{broken, set};

#[cfg(feature = "breaks")]
mod switched {
    use std::cell::Cell;

    use super::Break;

    thread_local! {
        static BROKEN: Cell<Option<Break>> = const { Cell::new(None) };
    }

    /// Breaks the protocol on this thread, or mends it.
    pub fn set(broken: Option<Break>) {
        BROKEN.set(broken);
    }

    /// Whether the protocol is broken this way on this thread.
    pub fn broken(way: Break) -> bool {
        BROKEN.get() == Some(way)
    }
}
