//! The stored form of a rate group: its gate, the next turn that is free, and its vendor's clock.

use serde::{Deserialize, Serialize};
use windlass_core::ids::RateGroup;
use windlass_core::invariant::{Consistent, Violation};
use windlass_core::time::Timestamp;
use windlass_core::trust::{ClockOffset, RateState};
use windlass_core::wait::RateGate;

use super::{Attributes, Stored, read, write};
use crate::error::StateError;

/// The `not_before` of a group whose gate was never closed. The attribute was always there, so
/// whoever knows no turns must find it.
const NEVER: Timestamp = Timestamp::from_ms(0);

/// What is stored of a rate group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateItem {
    /// Whose.
    pub group: RateGroup,
    /// Its gate, if it was ever closed.
    pub gate: Option<RateGate>,
    /// The next turn that is free, if any was ever taken.
    pub next_turn: Option<Timestamp>,
    /// The vendor's clock, as last stored.
    pub clock: Option<ClockOffset>,
    /// The origin whose response showed that clock.
    pub origin: Option<String>,
}

impl RateItem {
    /// A group whose gate was never closed and of which nobody has taken a turn.
    pub fn new(group: RateGroup) -> Self {
        Self {
            group,
            gate: None,
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
            gate: item.gate,
            clock: item.clock,
            origin: item.origin,
        }
    }
}

/// A gate and the next turn move independently, so no pair of values contradicts itself.
impl Consistent for RateItem {
    fn check(&self) -> Result<(), Violation> {
        Ok(())
    }
}

impl Stored for RateItem {
    fn to_attributes(&self) -> Attributes {
        let Self {
            group,
            gate,
            next_turn,
            clock,
            origin,
        } = self.clone();
        let (not_before, reason) = gate.map_or((NEVER, String::new()), |gate| {
            (gate.not_before, gate.reason)
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
            let gate = was_closed.then(|| RateGate {
                group: group.clone(),
                not_before,
                reason,
            });
            Ok(Self {
                group,
                gate,
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
