//! Expressions with placeholders for all names and values.
//!
//! Every name is aliased. Some attributes are reserved words (`status`, `owner`, `from`, `to`,
//! `cursor`, `ttl`), and that list is long:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ReservedWords.html>.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value as Json;

use super::attributes::to_value;
use crate::item::Attributes;

/// The names and values of one request's expressions. The caller must use every one: DynamoDB
/// rejects a placeholder that no expression mentions.
#[derive(Debug, Default, Clone)]
pub(super) struct Placeholders {
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Placeholders {
    /// The placeholder for the attribute `name`.
    pub(super) fn name(&mut self, name: &str) -> String {
        let alias = format!("#{name}");
        self.names.insert(alias.clone(), name.to_owned());
        alias
    }

    /// The placeholder for `value`.
    pub(super) fn value(&mut self, value: impl Into<Json>) -> String {
        self.raw(to_value(value.into()))
    }

    /// The placeholder for `value`, of any type.
    pub(super) fn raw(&mut self, value: AttributeValue) -> String {
        let alias = format!(":{}", self.values.len());
        self.values.insert(alias.clone(), value);
        alias
    }

    /// The expression `name = value`.
    pub(super) fn equals(&mut self, name: &str, value: impl Into<Json>) -> String {
        let (name, value) = (self.name(name), self.value(value));
        format!("{name} = {value}")
    }
}

/// The changes of an update. All other attributes stay, including those of a newer windlass.
#[derive(Debug, Default)]
pub(super) struct Changes {
    set: Vec<String>,
    remove: Vec<String>,
}

impl Changes {
    /// The changes that turn an item of `before` into one of `after`.
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

    /// Sets the attribute to this value.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: impl Into<Json>,
        placeholders: &mut Placeholders,
    ) {
        self.set.push(placeholders.equals(name, value));
    }

    /// Sets the attribute to this value unless it has one.
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

    /// Increments the number in the attribute by one, from 0 if there is none.
    pub(super) fn count(&mut self, name: &str, placeholders: &mut Placeholders) {
        let name = placeholders.name(name);
        let (zero, one) = (placeholders.value(0), placeholders.value(1));
        self.set
            .push(format!("{name} = if_not_exists({name}, {zero}) + {one}"));
    }

    /// Removes the attribute.
    pub(super) fn remove(&mut self, name: &str, placeholders: &mut Placeholders) {
        self.remove.push(placeholders.name(name));
    }

    /// The changes as an update expression.
    pub(super) fn into_expression(self) -> String {
        let clause = |word: &str, parts: &[String]| {
            let parts = parts.join(", ");
            (!parts.is_empty()).then(|| format!("{word} {parts}"))
        };
        let clauses = [clause("SET", &self.set), clause("REMOVE", &self.remove)];
        clauses.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}
