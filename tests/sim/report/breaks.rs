//! A short description of each break of the protocol.

use windlass_core::breaks::Break;

/// The effect of a break.
pub(super) const fn what(way: Break) -> &'static str {
    match way {
        Break::CheckpointBeforeDelivery => "a page is checkpointed before the sink has it",
        Break::NoEpochCheck => "a holder's write is taken whatever its epoch",
        Break::NoPageCheck => "a checkpoint is taken whatever page it moves from",
        Break::MarkBeforeWindows => "the mark moves before the windows it covers exist",
        Break::SplitLosesPart => "a split creates all of its parts but the last",
        Break::SplitPastFrontier => "a split is made past what has been delivered",
        Break::AbsenceIsDone => "what is missing from the chain counts as done",
        Break::ForgetBehind => "the mark passes unfinished windows unlisted",
        Break::IgnoreRefusedRecords => "records that the stream refused count as taken",
        Break::EmptyPageEnds => "an empty page counts as the last one",
        Break::IgnoreVendorClock => "a window is done before the vendor's clock passed it",
        Break::NoSettle => "the end of a window is not left to settle",
        Break::NoNonce => "a claim needs no nonce, the same epoch is enough",
        Break::KeepRejectedToken => "a restarted window keeps its old page token",
        Break::SweepKnowsAll => "a sweep takes every record for delivered",
        Break::RememberBeforeDelivery => "ids are remembered before the sink has the page",
        Break::IgnoreCooldown => "a closed rate group is asked all the same",
        Break::IgnoreReservations => "a worker sends requests without reserving them",
        Break::NoScavenge => "an expired lease stays where it is",
        Break::SpentTokenReused => "a page token that works once is sent again",
        Break::NoProbe => "a blocked source is never probed",
        Break::DeathsNotCounted => "deaths of the process are not held against a window",
        Break::FinalBeforeDurable => "a file is final before its window is durable",
        Break::DoneBeforeFinal => "a window is done before its file is final",
        Break::TrustOurClock => "irreversible steps go by this machine's clock",
        Break::NoWitness => "a vendor's clock is believed however far off",
        Break::CutByOurClock => "windows are cut past the vendor's clock",
        Break::EndlessLease => "a lease is believed however far off its end",
    }
}
