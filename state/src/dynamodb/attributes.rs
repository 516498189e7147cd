//! Items in DynamoDB's types: the attributes of the stored form, each with a type, under a key.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Number, Value as Json};
use windlass_core::window::Window;

use crate::error::StateError;
use crate::item::{Attributes, DIGESTS, Key, Stored, packed};

/// The partition key's attribute.
pub(super) const PK: &str = "pk";
/// The sort key's attribute.
pub(super) const SK: &str = "sk";
/// The instant in epoch seconds from which DynamoDB may delete the item: its time to live.
pub(super) const TTL: &str = "ttl";

/// One item in the wire format.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The key attributes of `key`.
pub(super) fn key_item(key: &Key) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    [
        (PK.to_owned(), text(&key.pk)),
        (SK.to_owned(), text(&key.sk)),
    ]
    .into()
}

/// The item that holds `attributes` under `key`.
pub(super) fn item(key: &Key, attributes: Attributes) -> Item {
    let mut item = key_item(key);
    item.extend(attributes.into_iter().map(|(name, value)| match value {
        Json::String(text) if name == DIGESTS => (name, to_blob(text)),
        value => (name, to_value(value)),
    }));
    item
}

/// The bytes that `text` represents in the stored form.
fn to_blob(text: String) -> AttributeValue {
    let bytes = packed::to_bytes(&text).map(Blob::new);
    bytes.map_or(AttributeValue::S(text), AttributeValue::B)
}

/// The attributes of `window`, with a time to live if it is done: only done windows expire.
pub(super) fn window_attributes(window: &Window) -> Attributes {
    let mut attributes = window.to_attributes();
    if let Some(at) = window.expires_at() {
        attributes.insert(TTL.to_owned(), at.as_seconds().into());
    }
    attributes
}

/// The value that `item` holds. Errors as in [`Stored::from_attributes`], with the item's key.
pub(super) fn read<T: Stored>(item: Item) -> Result<T, StateError> {
    let key = key_of(&item);
    let attributes = item
        .into_iter()
        .filter(|(name, _)| name != PK && name != SK)
        .map(|(name, value)| match value {
            AttributeValue::B(bytes) if name == DIGESTS => {
                (name, packed::to_text(bytes.as_ref()).into())
            }
            value => (name, to_json(value)),
        })
        .collect();
    T::from_attributes(&key, attributes)
}

/// The values that `items` hold.
pub(super) fn read_all<T: Stored>(items: Vec<Item>) -> Result<Vec<T>, StateError> {
    items.into_iter().map(read).collect()
}

/// The key of `item`, in the form in which operators look it up.
pub(super) fn key_of(item: &Item) -> String {
    let part = |name| match item.get(name) {
        Some(AttributeValue::S(text)) => text.as_str(),
        _ => "?",
    };
    format!("{} {}", part(PK), part(SK))
}

/// The whole number in the attribute `name` of `item`; `None` if it is not one.
pub(super) fn number_in(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// The text in the attribute `name` of `item`; `None` if it is not text.
pub(super) fn text_in<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// A JSON value as an attribute.
pub(super) fn to_value(json: Json) -> AttributeValue {
    match json {
        Json::Null => AttributeValue::Null(true),
        Json::Bool(flag) => AttributeValue::Bool(flag),
        Json::Number(number) => AttributeValue::N(number.to_string()),
        Json::String(text) => AttributeValue::S(text),
        Json::Array(list) => AttributeValue::L(list.into_iter().map(to_value).collect()),
        Json::Object(map) => AttributeValue::M(
            map.into_iter()
                .map(|(name, value)| (name, to_value(value)))
                .collect(),
        ),
    }
}

/// An attribute as a JSON value. The stored form has no sets, and bytes only under one name. An
/// attribute of such a type becomes a value that no attribute of the form accepts, so that it is
/// ignored when unknown and corrupt when known.
fn to_json(value: AttributeValue) -> Json {
    match value {
        AttributeValue::Bool(flag) => flag.into(),
        AttributeValue::N(number) => to_number(number),
        AttributeValue::S(text) => text.into(),
        AttributeValue::L(list) => list.into_iter().map(to_json).collect(),
        AttributeValue::M(map) => map
            .into_iter()
            .map(|(name, value)| (name, to_json(value)))
            .collect(),
        AttributeValue::Null(_) => Json::Null,
        _ => serde_json::json!([[]]),
    }
}

fn to_number(text: String) -> Json {
    let unsigned = text.parse::<u64>().map(Number::from);
    let whole = unsigned.or_else(|_| text.parse::<i64>().map(Number::from));
    let number = whole.ok().or_else(|| Number::from_f64(text.parse().ok()?));
    number.map_or(Json::String(text), Json::Number)
}

#[cfg(test)]
#[path = "attributes_tests.rs"]
mod tests;
