//! Moves of windows: one conditional update each.
//!
//! `windlass-core` computes the window after a move. A holder and a planner have read the window,
//! so they write the difference. A claimer has not, so its changes are spelled out here, and a test
//! compares them with core. A lost move returns the stored window, and core gives the reason; that
//! window also shows a repeated write whether the first attempt was applied.

use aws_sdk_dynamodb::types::ReturnValue;
use windlass_core::ids::WindowId;
use windlass_core::lease::Lease;
use windlass_core::moves::Move;
use windlass_core::transition::{Claim, IllegalMove};
use windlass_core::window::{Status, Window};

use super::DynamoStore;
use super::attributes::{Item, item, read, window_attributes};
use super::conditions;
use super::errors::Failed;
use super::expression::{Changes, Placeholders};
use super::reads::Consistency;
use super::writes::Update;
use crate::apply::{check, moved};
use crate::error::{MoveError, StateError};
use crate::item::Key;
use crate::store::Created;

/// Attempts at a planner's move after checkpoints of the holder. Each attempt starts from the
/// returned window, so that a second is rare and a fourth is never needed.
const DECIDE_TRIES_MAX: usize = 4;

impl DynamoStore {
    pub(super) async fn create_window(&self, window: &Window) -> Result<Created, StateError> {
        check(window)?;
        let mut p = Placeholders::default();
        let condition = conditions::is_absent(&mut p);
        let new = item(&Key::window(window.id()), window_attributes(window));
        match self.table.put(new, condition, p).await {
            Ok(()) => Ok(Created::New),
            Err(Failed::Condition(met)) => {
                let existing = read(met.unwrap_or_default())?;
                Ok(Created::Exists(Box::new(existing)))
            }
            Err(Failed::State(error)) => Err(error),
        }
    }

    /// Claims a window, and returns it as stored in DynamoDB.
    pub(super) async fn claim_window(
        &self,
        asked: &Move<'_>,
        claim: &Claim,
    ) -> Result<Window, MoveError> {
        let update = claiming(asked.id(), claim);
        match self.table.update(update, ReturnValue::AllNew).await {
            Ok(after) => Ok(read(after.unwrap_or_default())?),
            Err(Failed::Condition(met)) => Err(refusal(asked, met, IllegalMove::NotDue)),
            Err(Failed::State(error)) => Err(error.into()),
        }
    }

    /// Applies the move of a lease's holder.
    pub(super) async fn move_held(
        &self,
        lease: &Lease,
        asked: &Move<'_>,
    ) -> Result<Window, MoveError> {
        let before = lease.window();
        let next = match moved(asked, before.clone()) {
            Ok(next) => next,
            Err(error) => return Err(self.not_allowed(asked, error).await),
        };
        let mut p = Placeholders::default();
        let condition = conditions::is_held(&mut p, lease);
        let update = difference(before, &next, condition, p);
        match self.table.update(update, ReturnValue::None).await {
            Ok(_) => Ok(next),
            Err(Failed::Condition(met)) => Err(refusal(asked, met, IllegalMove::NotDue)),
            Err(Failed::State(error)) => Err(error.into()),
        }
    }

    /// Applies the move of a planner or an operator that has read the window as `seen`.
    pub(super) async fn move_seen(
        &self,
        seen: &Window,
        asked: &Move<'_>,
    ) -> Result<Window, MoveError> {
        let mut seen = seen.clone();
        for _ in 0..DECIDE_TRIES_MAX {
            let next = match moved(asked, seen.clone()) {
                Ok(next) => next,
                Err(error) => return Err(self.not_allowed(asked, error).await),
            };
            let mut p = Placeholders::default();
            let condition = conditions::is_as_seen(&mut p, &seen);
            let update = difference(&seen, &next, condition, p);
            let met = match self.table.update(update, ReturnValue::None).await {
                Ok(_) => return Ok(next),
                Err(Failed::State(error)) => return Err(error.into()),
                Err(Failed::Condition(None)) => {
                    return Err(MoveError::NotFound(asked.id().clone()));
                }
                Err(Failed::Condition(Some(met))) => read::<Window>(met)?,
            };
            // Only the page has moved: the contract allows that, so the move is applied to the
            // newer window.
            moved(asked, met.clone())?;
            seen = met;
        }
        let busy = format!(
            "window {}: each of several writes lost to a concurrent checkpoint",
            seen.id()
        );
        Err(StateError::Unavailable(busy).into())
    }

    /// The reason against `asked` for the stored window, after `error` for the window as the caller
    /// knows it.
    async fn not_allowed(&self, asked: &Move<'_>, error: MoveError) -> MoveError {
        let MoveError::Refused { why, .. } = error else {
            return error;
        };
        let key = Key::window(asked.id());
        match self.table.get(&key, Consistency::Consistent).await {
            Ok(met) => refusal(asked, met, why),
            Err(error) => error.into(),
        }
    }
}

/// The update of a claim of `id`: the same changes as core's claim, without knowledge of the
/// window.
fn claiming(id: &WindowId, claim: &Claim) -> Update {
    let mut p = Placeholders::default();
    let condition = conditions::is_claimable(&mut p, claim);
    let mut changes = Changes::default();
    changes.set("status", Status::Running.as_str(), &mut p);
    changes.set("epoch", claim.epoch.saturating_add(1), &mut p);
    changes.set("owner", claim.owner.to_string(), &mut p);
    changes.set("lease_until", claim.lease_until.to_string(), &mut p);
    changes.set("updated_at", claim.now.to_string(), &mut p);
    changes.count("attempts", &mut p);
    changes.count("runs", &mut p);
    changes.remove("not_before", &mut p);
    changes.remove("dispatched_until", &mut p);
    Update {
        key: Key::window(id),
        change: changes.into_expression(),
        condition,
        placeholders: p,
    }
}

/// The update that turns the stored window `before` into `after`.
pub(super) fn difference(
    before: &Window,
    after: &Window,
    condition: String,
    mut p: Placeholders,
) -> Update {
    let (old, new) = (window_attributes(before), window_attributes(after));
    let changes = Changes::between(&old, new, &mut p);
    Update {
        key: Key::window(before.id()),
        change: changes.into_expression(),
        condition,
        placeholders: p,
    }
}

/// The reason why `asked` lost against the window that it `met`: core's reason, or `otherwise` in
/// the rare case that core would now allow it.
fn refusal(asked: &Move<'_>, met: Option<Item>, otherwise: IllegalMove) -> MoveError {
    let Some(met) = met else {
        return MoveError::NotFound(asked.id().clone());
    };
    let current = match read::<Window>(met) {
        Ok(current) => current,
        Err(error) => return error.into(),
    };
    match moved(asked, current.clone()) {
        Err(error) => error,
        Ok(_) => MoveError::Refused {
            current: Box::new(current),
            why: otherwise,
        },
    }
}

#[cfg(test)]
#[path = "moves_tests.rs"]
mod tests;
