//! Shards: the parts of the plan that orchestrators divide among themselves.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{InvalidId, RateGroup};
use crate::limits;

/// One of the [`limits::SHARDS`] parts of the plan. The sources of a rate group share one, so that
/// the tick which plans it sees the whole group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Shard(u8);

impl Shard {
    /// All shards, ascending.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..limits::SHARDS).map(Self)
    }
}

impl RateGroup {
    /// The shard that plans this group. The number of shards is constant, so keys never move.
    pub fn shard(&self) -> Shard {
        Shard(Sha256::digest(self.as_str().as_bytes())[0] % limits::SHARDS)
    }
}

impl TryFrom<u8> for Shard {
    type Error = InvalidId;

    fn try_from(number: u8) -> Result<Self, InvalidId> {
        let invalid = || InvalidId {
            kind: "shard",
            expected: "a number below 64",
            text: number.to_string(),
        };
        (number < limits::SHARDS)
            .then_some(Self(number))
            .ok_or_else(invalid)
    }
}

impl From<Shard> for u8 {
    fn from(shard: Shard) -> Self {
        shard.0
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A range of shards, half-open: `{"from": 0, "to": 64}` is all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shards {
    from: u8,
    to: u8,
}

impl Shards {
    /// The range of all shards.
    pub const ALL: Self = Self {
        from: 0,
        to: limits::SHARDS,
    };

    /// Returns whether `shard` is in the range.
    pub fn contains(self, shard: Shard) -> bool {
        (self.from..self.to).contains(&shard.0)
    }

    /// Returns whether the range contains at least one shard and only existing ones.
    pub fn is_valid(self) -> bool {
        self.from < self.to && self.to <= limits::SHARDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rate_group_maps_to_a_shard() {
        for number in 0..500 {
            let group: RateGroup = format!("group-{number}").parse().unwrap();
            assert!(Shard::all().any(|shard| shard == group.shard()));
        }
    }

    #[test]
    fn shard_number_is_below_limit() {
        assert_eq!(Shard::all().count(), usize::from(limits::SHARDS));
        assert!(Shard::try_from(limits::SHARDS - 1).is_ok());
        assert!(Shard::try_from(limits::SHARDS).is_err());
    }

    #[test]
    fn shard_range_is_half_open_and_in_bounds() {
        let range = |text: &str| serde_json::from_str::<Shards>(text).unwrap();
        let half = range(r#"{"from":0,"to":32}"#);
        let in_it: Vec<_> = Shard::all().filter(|shard| half.contains(*shard)).collect();
        assert_eq!(in_it.len(), 32);
        assert!(half.is_valid() && Shards::ALL.is_valid());
        assert!(!range(r#"{"from":5,"to":5}"#).is_valid());
        assert!(!range(r#"{"from":0,"to":65}"#).is_valid());
    }
}
