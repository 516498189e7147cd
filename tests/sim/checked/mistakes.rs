//! The deliberate faults of a store: the breaks of the protocol that need no change of its own
//! code. Each is one function of the request.

use windlass_core::Lease;
use windlass_core::breaks::{Break, broken};
use windlass_core::moves::Move;
use windlass_core::progress::Progress;
use windlass_core::reservation::{ReservationRequest, ReservationResponse};
use windlass_core::seen::{PASS_OF_A_FILE, SeenPage};
use windlass_core::source::{BlockChange, SourceRecord};
use windlass_core::time::DAY_MS;
use windlass_core::transition::{Cause, Claim, Event, Release};
use windlass_core::trust::{RateState, WhoseClock};
use windlass_core::window::{Status, Window};
use windlass_state::{MoveError, StateStore};

use super::CheckedStore;

/// The reader of a source's definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// An orchestrator's tick.
    Tick,
    /// A worker's run.
    Worker,
}

/// A source as `reader` receives it.
pub(super) fn source(mut record: SourceRecord, reader: Reader) -> SourceRecord {
    let policy = &mut record.definition.policy;
    if broken(Break::NoSettle) {
        policy.settle_ms = 0;
    }
    if broken(Break::IgnoreVendorClock) && reader == Reader::Worker {
        // The end of every window settled long ago.
        policy.settle_ms = -DAY_MS;
    }
    if broken(Break::TrustOurClock) || (broken(Break::CutByOurClock) && reader == Reader::Tick) {
        policy.clock = Some(WhoseClock::Ours);
    }
    if broken(Break::NoWitness) {
        policy.clock = Some(WhoseClock::Vendor);
    }
    record
}

/// Returns true if `change` of a source's block is rejected.
pub(super) fn refuses(change: &BlockChange) -> bool {
    broken(Break::NoProbe) && matches!(change, BlockChange::Probe { .. })
}

/// The marks stored in place of `next`.
pub(super) fn marks(next: &Progress) -> Progress {
    let mut next = next.clone();
    if broken(Break::ForgetBehind) {
        next.behind.clear();
    }
    next
}

/// The state of a rate group as returned.
pub(super) fn rate_state(state: RateState) -> RateState {
    RateState {
        cooldown: state.cooldown.filter(|_| !broken(Break::IgnoreCooldown)),
        ..state
    }
}

/// The reservations that `asked` gets without regard to others.
pub(super) fn reservations(asked: &ReservationRequest) -> Option<ReservationResponse> {
    let first = asked.now;
    broken(Break::IgnoreReservations).then_some(ReservationResponse::From { first })
}

/// The reservations that are given, whatever the cooldown.
pub(super) fn given(given: ReservationResponse, asked: &ReservationRequest) -> ReservationResponse {
    match given {
        ReservationResponse::Closed(_) if broken(Break::IgnoreCooldown) => {
            ReservationResponse::From { first: asked.now }
        }
        given => given,
    }
}

/// The seen pages that a sweep receives. Ids stored before the delivery count even if the delivery
/// failed.
pub(super) fn remembered(mut pages: Vec<SeenPage>) -> Vec<SeenPage> {
    if broken(Break::RememberBeforeDelivery) {
        for page in &mut pages {
            page.pass = PASS_OF_A_FILE;
        }
    }
    pages
}

/// Returns true if `asked` is not written although its caller sees success.
pub(super) fn drops(asked: &Move<'_>) -> bool {
    let Move::Decide(seen, Event::Expire { now, .. }) = asked else {
        return false;
    };
    let is_to_come = seen.in_flight_until().is_some_and(|until| until >= *now);
    broken(Break::NoScavenge) || (broken(Break::EndlessLease) && is_to_come)
}

impl CheckedStore {
    /// Applies `asked` to `current`, the stored window, or the same without one of the store's
    /// rules.
    pub(super) async fn make(
        &self,
        asked: &Move<'_>,
        current: Option<&Window>,
    ) -> Result<Window, MoveError> {
        let Some(current) = current else {
            return self.inner().move_window(asked).await;
        };
        match *asked {
            Move::Claim(id, claim) => self.claim(id, claim, current).await,
            Move::Decide(seen, event) => self.decide(seen, event, current).await,
            Move::Checkpoint(lease, _) | Move::Complete(lease, ..)
                if broken(Break::NoPageCheck) && lease.still_holds(current) =>
            {
                // Applied to the holder's version of the window, whatever page it has reached
                // since.
                match asked.apply(lease.window()) {
                    Ok(next) => {
                        self.inner().put(&next);
                        Ok(next)
                    }
                    Err(_) => self.inner().move_window(asked).await,
                }
            }
            Move::Release(lease, release) if broken(Break::KeepRejectedToken) => {
                let mut release = release.clone();
                if matches!(release.cause.plain(), Cause::Restart | Cause::Halve(_)) {
                    release.cause = Cause::Outage;
                }
                let asked = Move::Release(lease, &release);
                self.inner().move_window(&asked).await
            }
            _ => self.inner().move_window(asked).await,
        }
    }

    async fn claim(
        &self,
        id: &windlass_core::WindowId,
        claim: &Claim,
        current: &Window,
    ) -> Result<Window, MoveError> {
        let mut claim = claim.clone();
        if broken(Break::NoEpochCheck) {
            claim.epoch = current.epoch();
        }
        let made = self.inner().move_window(&Move::Claim(id, &claim)).await;
        match made {
            Err(MoveError::Refused { current, why }) if broken(Break::NoNonce) => {
                let taken = taken_over(&current, &claim);
                taken.ok_or(MoveError::Refused { current, why })
            }
            made => made,
        }
    }

    async fn decide(
        &self,
        seen: &Window,
        event: &Event,
        current: &Window,
    ) -> Result<Window, MoveError> {
        let seen = if broken(Break::NoEpochCheck) && current.status() == seen.status() {
            current
        } else {
            seen
        };
        if let Event::Expire { now, .. } = event
            && broken(Break::DeathsNotCounted)
            && seen.epoch() == current.epoch()
            && let Some(lease) = lease_of(current)
        {
            // As its holder would release it.
            let release = given_back(Cause::Failed, *now);
            let asked = Move::Release(&lease, &release);
            return self.inner().move_window(&asked).await;
        }
        self.inner().move_window(&Move::Decide(seen, event)).await
    }
}

/// The lease of the current holder of `window`.
fn lease_of(window: &Window) -> Option<Lease> {
    let owner = window.owner().cloned()?;
    Lease::held(window.clone(), &owner)
}

fn given_back(cause: Cause, now: windlass_core::Timestamp) -> Release {
    Release {
        cause,
        not_before: None,
        error: None,
        now,
    }
}

/// A running window as if `claim`, which came too late, had taken it.
fn taken_over(current: &Window, claim: &Claim) -> Option<Window> {
    let lease = (current.status() == Status::Running).then(|| lease_of(current))??;
    let release = given_back(Cause::Yielded, claim.now);
    let ready = Move::Release(&lease, &release).apply(current).ok()?;
    let claim = Claim {
        epoch: ready.epoch(),
        ..claim.clone()
    };
    ready.apply(&Event::Claim(claim)).ok()
}
