//! Reads of one item, of a range of a partition, or of a set of keys.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html>:
//! a consistent read reflects every write that was acknowledged before it, and costs twice as much.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::attributes::{Item, PK, SK, key_item};
use super::errors::Failed;
use super::expression::Placeholders;
use super::table::Table;
use crate::error::StateError;
use crate::item::Key;

/// Keys of one `BatchGetItem`.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const BATCH_KEYS_MAX: usize = 100;
/// Consecutive batches without an item before the read fails.
const BATCH_TRIES_MAX: u32 = 7;

/// A range of the items of a partition.
#[derive(Debug)]
pub(super) enum Range {
    /// All items.
    All,
    /// Items whose sort key has this prefix.
    Prefix(String),
    /// Items from this sort key on.
    From(String),
    /// Items between these sort keys, both included.
    Between(String, String),
}

/// The consistency of a read with earlier writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consistency {
    /// The read reflects every acknowledged write.
    Consistent,
    /// The read may lag by a moment, at half the price.
    Eventual,
}

/// The response to a query, which comes in pages.
pub(super) struct Pages<'a> {
    table: &'a Table,
    partition: &'a str,
    /// The request for the next page; `None` after the last one.
    request: Option<QueryFluentBuilder>,
}

impl Pages<'_> {
    /// The next page, of at most `limit` items and 1 MB; `None` after the last one.
    pub(super) async fn next(&mut self, limit: usize) -> Result<Option<Vec<Item>>, StateError> {
        let Some(request) = self.request.take() else {
            return Ok(None);
        };
        let page = request.clone().set_limit(i32::try_from(limit).ok());
        let call = self.table.reading("Query", self.partition);
        let response = self.table.send(call, || page.clone().send()).await;
        let response = response.map_err(read_failed)?;
        // The page names the key at which it ends.
        self.request = response
            .last_evaluated_key
            .map(|after| request.set_exclusive_start_key(Some(after)));
        Ok(Some(response.items.unwrap_or_default()))
    }
}

impl Table {
    /// The item at `key`.
    pub(super) async fn get(
        &self,
        key: &Key,
        consistency: Consistency,
    ) -> Result<Option<Item>, StateError> {
        let request = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key_item(key)))
            .consistent_read(consistency == Consistency::Consistent);
        let name = key.to_string();
        let call = self.reading("GetItem", &name);
        let response = self.send(call, || request.clone().send()).await;
        Ok(response.map_err(read_failed)?.item)
    }

    /// At most `limit` items of `partition` in `range`, by sort key.
    pub(super) async fn query(
        &self,
        partition: &str,
        range: Range,
        consistency: Consistency,
        limit: usize,
    ) -> Result<Vec<Item>, StateError> {
        let mut pages = self.pages(partition, range, consistency);
        let mut found = Vec::new();
        while found.len() < limit {
            let Some(items) = pages.next(limit - found.len()).await? else {
                break;
            };
            found.extend(items);
        }
        Ok(found)
    }

    /// The items of `partition` in `range`, by sort key, page by page.
    pub(super) fn pages<'a>(
        &'a self,
        partition: &'a str,
        range: Range,
        consistency: Consistency,
    ) -> Pages<'a> {
        let mut p = Placeholders::default();
        let condition = key_condition(&mut p, partition, range);
        let request = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression(condition)
            .set_expression_attribute_names(Some(p.names))
            .set_expression_attribute_values(Some(p.values))
            .consistent_read(consistency == Consistency::Consistent);
        Pages {
            table: self,
            partition,
            request: Some(request),
        }
    }

    /// The items at `keys`, in no order; missing ones are left out. The keys are distinct, and the
    /// read is consistent.
    pub(super) async fn batch_get(&self, keys: &[Key]) -> Result<Vec<Item>, StateError> {
        let mut found = Vec::new();
        for chunk in keys.chunks(BATCH_KEYS_MAX) {
            self.get_chunk(chunk, &mut found).await?;
        }
        Ok(found)
    }

    /// Reads one batch. Its response holds the items read before it was throttled or full, and
    /// lists the keys that remain.
    async fn get_chunk(&self, keys: &[Key], found: &mut Vec<Item>) -> Result<(), StateError> {
        let mut left: Vec<Item> = keys.iter().map(key_item).collect();
        let name = format!("{} items", keys.len());
        let mut tries = 0;
        while !left.is_empty() {
            let asked = KeysAndAttributes::builder()
                .set_keys(Some(std::mem::take(&mut left)))
                .consistent_read(true)
                .build()
                .map_err(|error| StateError::Refused(error.to_string()))?;
            let request = self
                .client
                .batch_get_item()
                .request_items(&self.name, asked);
            let call = self.reading("BatchGetItem", &name);
            let response = self.send(call, || request.clone().send()).await;
            let response = response.map_err(read_failed)?;
            let items = of_table(response.responses, &self.name).unwrap_or_default();
            let rest = of_table(response.unprocessed_keys, &self.name);
            left = rest.map_or_else(Vec::new, |rest| rest.keys);
            if left.is_empty() || !items.is_empty() {
                tries = 0;
            } else {
                tries += 1;
                if tries == BATCH_TRIES_MAX {
                    let text = format!(
                        "DynamoDB throttled BatchGetItem: {} items are unread",
                        left.len()
                    );
                    return Err(StateError::Unavailable(text));
                }
                self.pause(tries).await;
            }
            found.extend(items);
        }
        Ok(())
    }
}

/// The part of a batch's response for this table. It is the only part, but services may name it by
/// its ARN.
fn of_table<T>(response: Option<HashMap<String, T>>, table: &str) -> Option<T> {
    let mut response = response?;
    response
        .remove(table)
        .or_else(|| response.into_values().next())
}

fn key_condition(p: &mut Placeholders, partition: &str, range: Range) -> String {
    let pk = p.equals(PK, partition);
    match range {
        Range::All => pk,
        Range::Prefix(prefix) => {
            let (sk, prefix) = (p.name(SK), p.value(prefix));
            format!("{pk} AND begins_with({sk}, {prefix})")
        }
        Range::From(first) => {
            let (sk, first) = (p.name(SK), p.value(first));
            format!("{pk} AND {sk} >= {first}")
        }
        Range::Between(first, last) => {
            let (sk, first, last) = (p.name(SK), p.value(first), p.value(last));
            format!("{pk} AND {sk} BETWEEN {first} AND {last}")
        }
    }
}

fn read_failed(failed: Failed) -> StateError {
    match failed {
        Failed::State(error) => error,
        Failed::Condition(_) => {
            StateError::Refused("a read returned a failed condition".to_owned())
        }
    }
}
