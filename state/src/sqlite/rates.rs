//! Rate groups: their cooldowns and request reservations.

use rusqlite::Connection;
use windlass_core::ids::RateGroup;
use windlass_core::reservation::{ReservationRequest, ReservationResponse, give};
use windlass_core::time::Timestamp;
use windlass_core::trust::ClockOffset;
use windlass_core::wait::Cooldown;

use super::tables::RATES;
use crate::apply::stays_closed;
use crate::error::StateError;
use crate::item::RateItem;

/// The stored state of `group`, or an empty one if nothing is stored.
pub(super) fn of(connection: &Connection, group: &RateGroup) -> Result<RateItem, StateError> {
    let mut found = RATES.find(connection, "rate_group = ?1", (group.as_str(),))?;
    Ok(found.pop().unwrap_or_else(|| RateItem::new(group.clone())))
}

/// Starts the cooldown of a group, in a transaction of the caller's.
pub(super) fn close(
    connection: &Connection,
    cooldown: &Cooldown,
    now: Timestamp,
) -> Result<(), StateError> {
    let stored = of(connection, &cooldown.group)?;
    if stays_closed(stored.cooldown.as_ref(), cooldown, now) {
        return Ok(());
    }
    let cooldown = Some(cooldown.clone());
    RATES.put(connection, &RateItem { cooldown, ..stored })
}

/// Stores the clock of a group's vendor, in a transaction of the caller's.
pub(super) fn store_clock(
    connection: &Connection,
    group: &RateGroup,
    clock: &ClockOffset,
    origin: &str,
) -> Result<(), StateError> {
    let stored = of(connection, group)?;
    let (clock, origin) = (Some(*clock), Some(origin.to_owned()));
    let shown = RateItem {
        clock,
        origin,
        ..stored
    };
    RATES.put(connection, &shown)
}

/// Reserves requests of `group`, in a transaction of the caller's.
pub(super) fn reserve_requests(
    connection: &Connection,
    group: &RateGroup,
    asked: &ReservationRequest,
) -> Result<ReservationResponse, StateError> {
    let stored = of(connection, group)?;
    let (given, next_turn) = give(stored.cooldown.as_ref(), stored.next_turn, asked);
    if next_turn.is_some() {
        let next = RateItem {
            next_turn,
            ..stored
        };
        RATES.put(connection, &next)?;
    }
    Ok(given)
}
