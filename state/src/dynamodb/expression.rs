//! Expressions: names and values that stand for themselves only through placeholders.
//!
//! Every name is aliased: some of ours are reserved words (`status`, `owner`, `from`, `to`, `cursor`,
//! `ttl`), and the list of those is long:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value as Json;

use super::attributes::to_value;
use crate::item::Attributes;

/// The names and values of one request's expressions. All that is asked for here must be used:
/// DynamoDB refuses a placeholder that no expression mentions.
#[derive(Debug, Default, Clone)]
pub(super) struct Placeholders {
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Placeholders {
    /// What stands for the attribute `name`.
    pub(super) fn name(&mut self, name: &str) -> String {
        let alias = format!("#{name}");
        self.names.insert(alias.clone(), name.to_owned());
        alias
    }

    /// What stands for `value`.
    pub(super) fn value(&mut self, value: impl Into<Json>) -> String {
        self.raw(to_value(value.into()))
    }

    /// What stands for `value`, of whatever type.
    pub(super) fn raw(&mut self, value: AttributeValue) -> String {
        let alias = format!(":{}", self.values.len());
        self.values.insert(alias.clone(), value);
        alias
    }

    /// `name = value`.
    pub(super) fn equals(&mut self, name: &str, value: impl Into<Json>) -> String {
        let (name, value) = (self.name(name), self.value(value));
        format!("{name} = {value}")
    }
}

/// What an update changes; all other attributes stay, also those of a newer windlass.
#[derive(Debug, Default)]
pub(super) struct Changes {
    set: Vec<String>,
    remove: Vec<String>,
}

impl Changes {
    /// What makes an item of `before` one of `after`.
    pub(super) fn between(
        before: &Attributes,
        after: Attributes,
        placeholders: &mut Placeholders,
    ) -> Self {
        let mut changes = Self::default();
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            changes.remove(name, placeholders);
        }
        for (name, value) in after {
            if before.get(&name) != Some(&value) {
                changes.set(&name, value, placeholders);
            }
        }
        changes
    }

    /// The attribute gets this value.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: impl Into<Json>,
        placeholders: &mut Placeholders,
    ) {
        self.set.push(placeholders.equals(name, value));
    }

    /// The attribute gets this value unless it has one.
    pub(super) fn set_first(
        &mut self,
        name: &str,
        value: impl Into<Json>,
        placeholders: &mut Placeholders,
    ) {
        let (name, value) = (placeholders.name(name), placeholders.value(value));
        self.set
            .push(format!("{name} = if_not_exists({name}, {value})"));
    }

    /// The number in the attribute rises by one, from 0 when there is none.
    pub(super) fn count(&mut self, name: &str, placeholders: &mut Placeholders) {
        let name = placeholders.name(name);
        let (zero, one) = (placeholders.value(0), placeholders.value(1));
        self.set
            .push(format!("{name} = if_not_exists({name}, {zero}) + {one}"));
    }

    /// The attribute goes.
    pub(super) fn remove(&mut self, name: &str, placeholders: &mut Placeholders) {
        self.remove.push(placeholders.name(name));
    }

    /// As an update expression.
    pub(super) fn into_expression(self) -> String {
        let clause = |word: &str, parts: &[String]| {
            let parts = parts.join(", ");
            (!parts.is_empty()).then(|| format!("{word} {parts}"))
        };
        let clauses = [clause("SET", &self.set), clause("REMOVE", &self.remove)];
        clauses.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}
