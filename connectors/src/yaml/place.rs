//! Where the values of a document stand, for errors about them.

use std::fmt;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::options;

/// Where `field` stands in `text`.
pub(super) fn locate(text: &str, field: &str) -> Option<Location> {
    let root: Spanned<Node> = serde_saphyr::from_str_with_options(text, options()).ok()?;
    let mut at = &root;
    let names = field.split(['.', '[', ']']).filter(|name| !name.is_empty());
    for name in names {
        let child = match &at.value {
            Node::Map(entries) => entries
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
            Node::Seq(items) => name
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get(index)),
            Node::Scalar => None,
        };
        match child {
            Some(child) => at = child,
            None => break,
        }
    }
    Some(at.referenced)
}

/// Where the last value that begins at or before `place` stands in `text`.
pub(super) fn value_until(text: &str, place: Location) -> Option<Location> {
    let root: Spanned<Node> = serde_saphyr::from_str_with_options(text, options()).ok()?;
    let mut last = None;
    let mut open = vec![&root];
    while let Some(at) = open.pop() {
        let position = |place: Location| (place.line(), place.column());
        let stands = at.referenced;
        if position(stands) <= position(place)
            && last.is_none_or(|last| position(last) <= position(stands))
        {
            last = Some(stands);
        }
        match &at.value {
            Node::Map(entries) => open.extend(entries.iter().map(|(_, value)| value)),
            Node::Seq(items) => open.extend(items),
            Node::Scalar => {}
        }
    }
    last
}

/// A document's shape with the place of each value; read only to place an error.
enum Node {
    Map(Vec<(String, Spanned<Node>)>),
    Seq(Vec<Spanned<Node>>),
    Scalar,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::Seq(items))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar)
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, value: D) -> Result<Node, D::Error> {
        IgnoredAny::deserialize(value).map(|_| Node::Scalar)
    }
}
