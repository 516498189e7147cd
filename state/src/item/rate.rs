//! The stored form of a rate group: its cooldown, the next free request reservation, and the vendor
//! clock.

use serde::{Deserialize, Serialize};
use windlass_core::ids::RateGroup;
use windlass_core::invariant::{Consistent, Violation};
use windlass_core::time::Timestamp;
use windlass_core::trust::{ClockOffset, RateState};
use windlass_core::wait::Cooldown;

use super::{Attributes, Stored, read, write};
use crate::error::StateError;

/// The `not_before` of a group that never had a cooldown. The attribute was always present, so a
/// version without reservations needs it.
const NEVER: Timestamp = Timestamp::from_ms(0);

/// The stored state of a rate group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateItem {
    /// The name of the group.
    pub group: RateGroup,
    /// The latest cooldown; `None` if there was none.
    pub cooldown: Option<Cooldown>,
    /// The next free request reservation; `None` if there was none.
    pub next_turn: Option<Timestamp>,
    /// The vendor clock, as last stored.
    pub clock: Option<ClockOffset>,
    /// The origin whose response showed that clock.
    pub origin: Option<String>,
}

impl RateItem {
    /// A group without cooldowns and reservations so far.
    pub fn new(group: RateGroup) -> Self {
        Self {
            group,
            cooldown: None,
            next_turn: None,
            clock: None,
            origin: None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Form {
    rate_group: RateGroup,
    not_before: Timestamp,
    reason: String,
    next_turn: Option<Timestamp>,
    clock_offset_ms: Option<i64>,
    clock_observed_at: Option<Timestamp>,
    clock_origin: Option<String>,
}

impl From<RateItem> for RateState {
    fn from(item: RateItem) -> Self {
        Self {
            cooldown: item.cooldown,
            clock: item.clock,
            origin: item.origin,
        }
    }
}

/// The cooldown and the next reservation change independently, so no pair of values is
/// inconsistent.
impl Consistent for RateItem {
    fn check(&self) -> Result<(), Violation> {
        Ok(())
    }
}

impl Stored for RateItem {
    fn to_attributes(&self) -> Attributes {
        let Self {
            group,
            cooldown,
            next_turn,
            clock,
            origin,
        } = self.clone();
        let (not_before, reason) = cooldown.map_or((NEVER, String::new()), |cooldown| {
            (cooldown.not_before, cooldown.reason)
        });
        write(&Form {
            rate_group: group,
            not_before,
            reason,
            next_turn,
            clock_offset_ms: clock.and_then(|clock| clock.offset_ms),
            clock_observed_at: clock.map(|clock| clock.observed_at),
            clock_origin: origin,
        })
    }

    fn from_attributes(key: &str, attributes: Attributes) -> Result<Self, StateError> {
        read(key, attributes, |form: Form| {
            let Form {
                rate_group: group,
                not_before,
                reason,
                next_turn,
                clock_offset_ms,
                clock_observed_at,
                clock_origin: origin,
            } = form;
            let was_closed = not_before != NEVER || !reason.is_empty();
            let cooldown = was_closed.then(|| Cooldown {
                group: group.clone(),
                not_before,
                reason,
            });
            Ok(Self {
                group,
                cooldown,
                next_turn,
                clock: clock_observed_at.map(|observed_at| ClockOffset {
                    offset_ms: clock_offset_ms,
                    observed_at,
                }),
                origin,
            })
        })
    }
}
