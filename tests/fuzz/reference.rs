//! A plain JSON reader as the reference for the splitter: a tree with every member of every object,
//! in order, repeated keys included.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use windlass_connectors::manifest::text::{JsonPath, Step};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Null,
    /// A number or a truth value, as the other reader prints it.
    Plain(String),
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

/// The validity of a text.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is JSON with this value.
    Json(Node),
    /// It is not JSON.
    NotJson,
    /// It has the shape of JSON, but nests too deeply, or contains half a surrogate pair or an
    /// invalid number: readers may differ.
    Unclear,
}

/// Reads `text`.
pub(crate) fn read(text: &str) -> Verdict {
    if let Ok(node) = serde_json::from_str(text) {
        Verdict::Json(node)
    } else if serde_json::from_str::<IgnoredAny>(text).is_ok() {
        Verdict::Unclear
    } else {
        Verdict::NotJson
    }
}

/// The value in place of an array.
#[derive(Debug, PartialEq)]
pub(crate) enum Elements<'n> {
    These(Vec<&'n Node>),
    Missing,
    Other,
}

impl Node {
    /// The elements of the arrays at `path`. A value of another kind, there or on the way,
    /// invalidates all.
    pub(crate) fn elements(&self, path: &JsonPath) -> Elements<'_> {
        let steps = path.steps();
        if *self == Self::Null && !steps.is_empty() {
            return Elements::Other;
        }
        let mut found = None;
        if !self.walk_elements(steps, &mut found) {
            return Elements::Other;
        }
        found.map_or(Elements::Missing, Elements::These)
    }

    fn walk_elements<'n>(&'n self, steps: &[Step], found: &mut Option<Vec<&'n Self>>) -> bool {
        match (self, steps.split_first()) {
            (Self::Null, _) => true,
            (Self::List(list), None) => {
                found.get_or_insert_default().extend(list);
                true
            }
            (Self::Map(map), Some((Step::Key(key), rest))) => map
                .iter()
                .filter(|(name, _)| name == key)
                .fold(true, |all, (_, child)| {
                    child.walk_elements(rest, found) && all
                }),
            (Self::List(list), Some((Step::Index(index), rest))) => list
                .get(*index)
                .is_none_or(|child| child.walk_elements(rest, found)),
            _ => false,
        }
    }

    /// The first value at `path`.
    pub(crate) fn first(&self, steps: &[Step]) -> Option<&Self> {
        match (self, steps.split_first()) {
            (node, None) => Some(node),
            (Self::Map(map), Some((Step::Key(key), rest))) => map
                .iter()
                .filter(|(name, _)| name == key)
                .find_map(|(_, child)| child.first(rest)),
            (Self::List(list), Some((Step::Index(index), rest))) => list.get(*index)?.first(rest),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Plain(format!("{value:?}")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Node::Map(members))
    }
}

impl Node {
    /// `text` as a JSON string.
    pub(crate) fn quoted(text: &str) -> String {
        serde_json::Value::from(text).to_string()
    }
}
