//! The table's own item: the version of its items, and the shards that hold sources.
//!
//! It saves the tick a read of each of the 64 shards, and gives every program a first read that
//! shows whether this is a table of windlass.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use windlass_core::shard::Shard;

use super::attributes::{Item, number_in};
use super::conditions;
use super::errors::Failed;
use super::expression::Placeholders;
use super::reads::Consistency;
use super::table::Table;
use super::writes::Update;
use crate::error::StateError;
use crate::item::{ITEM_VERSION, Key};

/// The set of shards that hold sources, or once held some.
const SHARDS: &str = "shards";

impl Table {
    /// The shards in use, ascending; none before the first source is applied.
    pub(super) async fn shards(&self, consistency: Consistency) -> Result<Vec<Shard>, StateError> {
        match self.get(&Key::schema(), consistency).await? {
            Some(item) => shards_in(&item),
            None => Ok(Vec::new()),
        }
    }

    /// Adds `shard` to those in use. Idempotent. A shard that then gets no source costs a tick one
    /// read, so a stop after this needs no cleanup.
    pub(super) async fn use_shard(&self, shard: Shard) -> Result<(), StateError> {
        let mut p = Placeholders::default();
        let condition = conditions::is_absent_or_ours(&mut p);
        let (v, shards) = (p.name("v"), p.name(SHARDS));
        let version = p.value(ITEM_VERSION);
        let one = p.raw(AttributeValue::Ns(vec![shard.to_string()]));
        let update = Update {
            key: Key::schema(),
            change: format!("SET {v} = {version} ADD {shards} {one}"),
            condition,
            placeholders: p,
        };
        match self.update(update, ReturnValue::None).await {
            Ok(_) => Ok(()),
            Err(Failed::State(error)) => Err(error),
            Err(Failed::Condition(met)) => {
                let Err(error) = shards_in(&met.unwrap_or_default()) else {
                    return Err(corrupt(
                        "another process changed it during the write".to_owned(),
                    ));
                };
                Err(error)
            }
        }
    }
}

fn shards_in(item: &Item) -> Result<Vec<Shard>, StateError> {
    let supported = ITEM_VERSION;
    match number_in(item, "v").and_then(|v| i64::try_from(v).ok()) {
        Some(ITEM_VERSION) => {}
        Some(found) => return Err(StateError::Version { found, supported }),
        None => return Err(corrupt("it has no version `v`".to_owned())),
    }
    let numbers = match item.get(SHARDS) {
        Some(AttributeValue::Ns(numbers)) => numbers.as_slice(),
        // DynamoDB has no empty sets: a set that loses its last number is deleted.
        None => &[],
        Some(_) => return Err(corrupt(format!("`{SHARDS}` is not a set of numbers"))),
    };
    let shard = |number: &String| {
        let known = number.parse().ok().and_then(|it: u8| it.try_into().ok());
        known.ok_or_else(|| corrupt(format!("`{number}` in `{SHARDS}` is not a shard")))
    };
    let mut shards: Vec<Shard> = numbers.iter().map(shard).collect::<Result<_, _>>()?;
    shards.sort_unstable();
    Ok(shards)
}

fn corrupt(problem: String) -> StateError {
    StateError::Corrupt {
        key: Key::schema().to_string(),
        problem,
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
