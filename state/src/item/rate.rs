//! The stored form of a rate group's gate.

use serde::{Deserialize, Serialize};
use windlass_core::ids::RateGroup;
use windlass_core::source::RateGate;
use windlass_core::time::Timestamp;

use super::{Attributes, Stored, read, write};
use crate::error::StateError;

#[derive(Serialize, Deserialize)]
struct RateItem {
    rate_group: RateGroup,
    not_before: Timestamp,
    reason: String,
}

impl Stored for RateGate {
    fn to_attributes(&self) -> Attributes {
        let Self {
            group,
            not_before,
            reason,
        } = self.clone();
        write(&RateItem {
            rate_group: group,
            not_before,
            reason,
        })
    }

    fn from_attributes(key: &str, attributes: Attributes) -> Result<Self, StateError> {
        read(key, attributes, |item: RateItem| {
            let RateItem {
                rate_group: group,
                not_before,
                reason,
            } = item;
            Ok(Self {
                group,
                not_before,
                reason,
            })
        })
    }
}
