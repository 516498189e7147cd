//! The places of a document's values, for errors about them.

use std::fmt;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::options;

/// A line and a column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    line: u32,
    column: u32,
}

impl Place {
    pub(super) fn line(self) -> u64 {
        self.line.into()
    }

    pub(super) fn column(self) -> u64 {
        self.column.into()
    }
}

impl From<Location> for Place {
    fn from(place: Location) -> Self {
        let short = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            line: short(place.line()),
            column: short(place.column()),
        }
    }
}

/// The index of the first of `fields` that exists in `text`, and its place. When none exists: index
/// 0 with the place of its closest enclosing value, if the text can be parsed.
pub(super) fn locate_first(text: &str, fields: &[&str]) -> (usize, Option<Place>) {
    let Some(root) = tree(text) else {
        return (0, None);
    };
    let found = |field: &&str| closest(&root, field);
    let whole = fields.iter().map(found).position(|(_, is_whole)| is_whole);
    let index = whole.unwrap_or(0);
    (index, fields.get(index).map(|field| found(field).0))
}

/// The place of `field`, or of its closest enclosing value, under `root`; true if it is the field
/// itself.
fn closest(root: &Placed, field: &str) -> (Place, bool) {
    let mut at = root;
    let names = field.split(['.', '[', ']']).filter(|name| !name.is_empty());
    for name in names {
        let child = match &at.node {
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
        let Some(child) = child else {
            return (at.place, false);
        };
        at = child;
    }
    (at.place, true)
}

/// The place of the last value that begins at or before `place` in `text`.
pub(super) fn value_until(text: &str, place: Place) -> Option<Place> {
    let root = tree(text)?;
    let mut last = None;
    let mut open = vec![&root];
    while let Some(at) = open.pop() {
        if at.place <= place && last.is_none_or(|last| last <= at.place) {
            last = Some(at.place);
        }
        match &at.node {
            Node::Map(entries) => open.extend(entries.iter().map(|(_, value)| value)),
            Node::Seq(items) => open.extend(items),
            Node::Scalar => {}
        }
    }
    last
}

/// The place of the value of `key` below the value that follows `place`, the place of that value's
/// own key; `None` if it does not exist.
pub(super) fn key_below(text: &str, place: Place, key: &str) -> Option<Place> {
    let root = tree(text)?;
    let mut next: Option<&Placed> = None;
    let mut open = vec![&root];
    while let Some(at) = open.pop() {
        if at.place > place && next.is_none_or(|next| at.place < next.place) {
            next = Some(at);
        }
        match &at.node {
            Node::Map(entries) => open.extend(entries.iter().map(|(_, value)| value)),
            Node::Seq(items) => open.extend(items),
            Node::Scalar => {}
        }
    }
    value_of(next?, key)
}

/// The place of the first value of `key` below `at`.
fn value_of(at: &Placed, key: &str) -> Option<Place> {
    match &at.node {
        // Its own keys first: the same key may be valid further down.
        Node::Map(entries) => {
            let own = entries.iter().find(|(name, _)| name == key);
            let own = own.map(|(_, value)| value.place);
            own.or_else(|| entries.iter().find_map(|(_, value)| value_of(value, key)))
        }
        Node::Seq(items) => items.iter().find_map(|item| value_of(item, key)),
        Node::Scalar => None,
    }
}

/// A value and its place, in half the memory of the parser's own [`Spanned`]: a value can be two
/// bytes of a file, and all of them are held at once.
struct Placed {
    place: Place,
    node: Node,
}

impl From<Spanned<Node>> for Placed {
    fn from(value: Spanned<Node>) -> Self {
        Self {
            place: value.referenced.into(),
            node: value.value,
        }
    }
}

/// A document's shape with the place of each value; built only to locate an error.
enum Node {
    Map(Vec<(String, Placed)>),
    Seq(Vec<Placed>),
    Scalar,
}

fn tree(text: &str) -> Option<Placed> {
    let root: Spanned<Node> = serde_saphyr::from_str_with_options(text, options()).ok()?;
    Some(root.into())
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
        while let Some((key, value)) = map.next_entry::<_, Spanned<Node>>()? {
            entries.push((key, value.into()));
        }
        Ok(Node::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Node>>()? {
            items.push(item.into());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placed_value_is_small() {
        assert!(size_of::<Placed>() <= 40);
        assert!(size_of::<Spanned<Node>>() > 2 * size_of::<Placed>());
    }
}
