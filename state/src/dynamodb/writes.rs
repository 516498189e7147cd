//! Writes: every write has a condition, and a lost one returns the stored item.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html>

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update as Updating,
};

use super::attributes::{Item, key_item, key_of};
use super::errors::Failed;
use super::expression::Placeholders;
use super::table::Table;
use crate::error::StateError;
use crate::item::Key;

/// Actions of one transaction.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
pub(super) const ACTIONS_MAX: usize = 100;

/// A change of one item.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) key: Key,
    /// The update expression.
    pub(super) change: String,
    pub(super) condition: String,
    /// The names and values that both expressions mention.
    pub(super) placeholders: Placeholders,
}

impl Table {
    /// Stores `item` in place of the present one of its key, if `condition` holds there.
    pub(super) async fn put(
        &self,
        item: Item,
        condition: String,
        placeholders: Placeholders,
    ) -> Result<(), Failed> {
        let name = key_of(&item);
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(placeholders.names))
            .set_expression_attribute_values(none_if_empty(placeholders.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let call = self.writing("PutItem", &name);
        self.send(call, || request.clone().send()).await.map(drop)
    }

    /// Applies `update` if its condition holds. Returns the item after it if `returned` requests
    /// that.
    pub(super) async fn update(
        &self,
        update: Update,
        returned: ReturnValue,
    ) -> Result<Option<Item>, Failed> {
        let name = update.key.to_string();
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key_item(&update.key)))
            .update_expression(update.change)
            .condition_expression(update.condition)
            .set_expression_attribute_names(Some(update.placeholders.names))
            .set_expression_attribute_values(none_if_empty(update.placeholders.values))
            .return_values(returned)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let call = self.writing("UpdateItem", &name);
        let response = self.send(call, || request.clone().send()).await?;
        Ok(response.attributes)
    }

    /// The action of a transaction that stores `item`, on `condition` if there is one.
    pub(super) fn putting(
        &self,
        item: Item,
        condition: Option<(String, Placeholders)>,
    ) -> Result<TransactWriteItem, StateError> {
        let put = Put::builder().table_name(&self.name).set_item(Some(item));
        let put = match condition {
            Some((condition, p)) => put
                .condition_expression(condition)
                .set_expression_attribute_names(Some(p.names))
                .set_expression_attribute_values(none_if_empty(p.values)),
            None => put,
        };
        let put = put.build().map_err(|error| not_built(&error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The action of a transaction that applies `update`, on its condition.
    pub(super) fn updating(&self, update: Update) -> Result<TransactWriteItem, StateError> {
        let update = Updating::builder()
            .table_name(&self.name)
            .set_key(Some(key_item(&update.key)))
            .update_expression(update.change)
            .condition_expression(update.condition)
            .set_expression_attribute_names(Some(update.placeholders.names))
            .set_expression_attribute_values(none_if_empty(update.placeholders.values))
            .build()
            .map_err(|error| not_built(&error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Applies all of `actions` or none; `name` is for messages. For splits and operators only: a
    /// transaction costs twice as much and waits while any of its items is being written.
    pub(super) async fn transact(
        &self,
        name: &str,
        actions: Vec<TransactWriteItem>,
    ) -> Result<(), Failed> {
        let request = self
            .client
            .transact_write_items()
            .set_transact_items(Some(actions));
        let call = self.writing("TransactWriteItems", name);
        self.send(call, || request.clone().send()).await.map(drop)
    }
}

/// The error of a transaction that could not be built.
pub(super) fn not_built(error: &BuildError) -> StateError {
    StateError::Refused(format!("a transaction cannot be built: {error}"))
}

/// DynamoDB rejects an empty map of values.
fn none_if_empty<K, V>(
    map: std::collections::HashMap<K, V>,
) -> Option<std::collections::HashMap<K, V>> {
    (!map.is_empty()).then_some(map)
}
