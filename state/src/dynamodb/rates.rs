//! Rate groups: one item each, with the cooldown, the next free request reservation and the vendor
//! clock. A write of one leaves the others unchanged.

use aws_sdk_dynamodb::types::ReturnValue;
use windlass_core::ids::RateGroup;
use windlass_core::reservation::{ReservationRequest, ReservationResponse, give};
use windlass_core::time::Timestamp;
use windlass_core::trust::ClockOffset;
use windlass_core::wait::Cooldown;

use super::DynamoStore;
use super::attributes::read;
use super::conditions;
use super::errors::Failed;
use super::expression::{Changes, Placeholders};
use super::reads::Consistency;
use super::writes::Update;
use crate::error::StateError;
use crate::item::{Attributes, Key, RateItem, Stored};

/// Attempts at reservations after other workers were faster. Each attempt starts from the returned
/// item, without a wait, because reservations are for the present.
const RESERVATION_TRIES_MAX: u32 = 16;
/// The attributes that decide which reservations are free.
const DECISIVE: [&str; 2] = ["not_before", NEXT_RESERVATION];
const NEXT_RESERVATION: &str = "next_turn";
const CLOCK_OFFSET: &str = "clock_offset_ms";

impl DynamoStore {
    pub(super) async fn close(
        &self,
        cooldown: &Cooldown,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let mut p = Placeholders::default();
        let condition = conditions::ends_later(&mut p, cooldown, now);
        let closed = RateItem {
            cooldown: Some(cooldown.clone()),
            // Omitted, so that the stored one stays.
            next_turn: None,
            clock: None,
            origin: None,
            group: cooldown.group.clone(),
        };
        let update = setting(&cooldown.group, closed.to_attributes(), condition, p);
        match self.table.update(update, ReturnValue::None).await {
            Ok(_) => Ok(()),
            // The stored cooldown ends no earlier, or the item has a form that this program must
            // not replace.
            Err(Failed::Condition(met)) => {
                met.map_or(Ok(()), |met| read::<RateItem>(met).map(drop))
            }
            Err(Failed::State(error)) => Err(error),
        }
    }

    /// Sets the attributes of the vendor clock and leaves the others; a new item gets a cooldown
    /// that has never begun.
    pub(super) async fn write_clock(
        &self,
        group: &RateGroup,
        clock: &ClockOffset,
        origin: &str,
    ) -> Result<(), StateError> {
        let mut p = Placeholders::default();
        let condition = conditions::is_absent_or_ours(&mut p);
        let item = RateItem {
            clock: Some(*clock),
            origin: Some(origin.to_owned()),
            ..RateItem::new(group.clone())
        };
        let mut changes = Changes::default();
        let mut attributes = item.to_attributes();
        if clock.offset_ms.is_none() {
            changes.remove(CLOCK_OFFSET, &mut p);
        }
        for name in ["not_before", "reason"] {
            if let Some(first) = attributes.remove(name) {
                changes.set_first(name, first, &mut p);
            }
        }
        for (name, value) in attributes {
            changes.set(&name, value, &mut p);
        }
        let update = Update {
            key: Key::rate(group),
            change: changes.into_expression(),
            condition,
            placeholders: p,
        };
        match self.table.update(update, ReturnValue::None).await {
            Ok(_) => Ok(()),
            // The item has a form that this program must not replace.
            Err(Failed::Condition(met)) => {
                met.map_or(Ok(()), |met| read::<RateItem>(met).map(drop))
            }
            Err(Failed::State(error)) => Err(error),
        }
    }

    pub(super) async fn take(
        &self,
        group: &RateGroup,
        asked: &ReservationRequest,
    ) -> Result<ReservationResponse, StateError> {
        let key = Key::rate(group);
        let mut met = self.table.get(&key, Consistency::Consistent).await?;
        for _ in 0..RESERVATION_TRIES_MAX {
            let stored = match met.clone() {
                Some(item) => read(item)?,
                None => RateItem::new(group.clone()),
            };
            let (given, next_turn) = give(stored.cooldown.as_ref(), stored.next_turn, asked);
            if next_turn.is_none() {
                return Ok(given);
            }
            let mut p = Placeholders::default();
            let condition = conditions::is_unchanged(&mut p, met.as_ref(), &DECISIVE);
            let next = RateItem {
                next_turn,
                ..stored
            };
            let mut changed = next.to_attributes();
            changed.retain(|name, _| met.is_none() || name == NEXT_RESERVATION);
            let update = setting(group, changed, condition, p);
            match self.table.update(update, ReturnValue::None).await {
                Ok(_) => return Ok(given),
                Err(Failed::Condition(other)) => met = other,
                Err(Failed::State(error)) => return Err(error),
            }
        }
        let busy = format!(
            "request reservation of rate group {group}: each of several writes lost to another \
             worker"
        );
        Err(StateError::Unavailable(busy))
    }
}

/// Sets these attributes of the item of `group` and leaves the others.
fn setting(
    group: &RateGroup,
    attributes: Attributes,
    condition: String,
    mut p: Placeholders,
) -> Update {
    let mut changes = Changes::default();
    for (name, value) in attributes {
        changes.set(&name, value, &mut p);
    }
    Update {
        key: Key::rate(group),
        change: changes.into_expression(),
        condition,
        placeholders: p,
    }
}

#[cfg(test)]
#[path = "rates_tests.rs"]
mod tests;
