//! Deliberate faults of the protocol, one at a time, so that the simulator can show that it detects
//! them. They need the feature `breaks`, which no shipped program has; without it, none can be
//! enabled and the checks cost nothing.

/// A deliberate fault of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Break {
    /// A page is checkpointed before the sink has acknowledged it.
    CheckpointBeforeDelivery,
    /// The store accepts a holder's write with any epoch.
    NoEpochCheck,
    /// The store accepts a checkpoint from any page.
    NoPageCheck,
    /// The mark moves before the windows that it covers exist.
    MarkBeforeWindows,
    /// A split creates all parts but the last.
    SplitLosesPart,
    /// The split point lies past the delivered records.
    SplitPastFrontier,
    /// Windows that are missing from the chain count as done.
    AbsenceIsDone,
    /// `open_from` passes unfinished windows without listing them.
    ForgetBehind,
    /// Records that a stream rejected in a successful call count as accepted.
    IgnoreRefusedRecords,
    /// An empty page counts as the last one.
    EmptyPageEnds,
    /// A window completes before its vendor's clock has passed its end.
    IgnoreVendorClock,
    /// Windows end at now, without settle.
    NoSettle,
    /// A claim has no nonce: the epoch alone identifies the holder.
    NoNonce,
    /// A restarted window keeps its old page token.
    KeepRejectedToken,
    /// A sweep takes every record of its window for delivered.
    SweepKnowsAll,
    /// The ids of a page are stored before the sink has acknowledged it.
    RememberBeforeDelivery,
    /// Requests are sent during a cooldown.
    IgnoreCooldown,
    /// A worker sends requests without a reservation.
    IgnoreReservations,
    /// An expired lease is never taken back.
    NoScavenge,
    /// A one-time page token is sent although an earlier run may have sent it.
    SpentTokenReused,
    /// A blocked source is never probed.
    NoProbe,
    /// Deaths of processes do not count against the windows in flight.
    DeathsNotCounted,
    /// A file gets its final name before its window is durable.
    FinalBeforeDurable,
    /// A window is done before its file has its final name.
    DoneBeforeFinal,
    /// Irreversible steps use the machine clock alone.
    TrustOurClock,
    /// The vendor clock is trusted at any distance from the machine clock, without a witness.
    NoWitness,
    /// Windows end by the machine clock, past the vendor clock.
    CutByOurClock,
    /// A lease is valid however far off its end is.
    EndlessLease,
}

impl Break {
    /// All faults.
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
        Self::IgnoreCooldown,
        Self::IgnoreReservations,
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

    /// The name on the command line.
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
            Self::IgnoreCooldown => "ignore-cooldown",
            Self::IgnoreReservations => "ignore-reservations",
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

/// Returns whether this fault is enabled: never without the feature `breaks`.
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

    /// Enables a fault on this thread, or disables it.
    pub fn set(broken: Option<Break>) {
        BROKEN.set(broken);
    }

    /// Returns whether this fault is enabled on this thread.
    pub fn broken(way: Break) -> bool {
        BROKEN.get() == Some(way)
    }
}
