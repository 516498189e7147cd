//! JSON parsing without a tree: one traversal that keeps the values at a few paths, as slices of
//! the body, and skips the rest. Pages hold thousands of records, of which only an id and a time
//! are needed.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use windlass_core::limits::RECORDS_AT_ONCE_MAX;

use crate::elements::Elements;
use crate::manifest::text::{JsonPath, Step};

/// A set of paths that are read together.
#[derive(Debug, Clone, Default)]
pub struct Paths {
    root: Node,
    slots: usize,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// The slot of the value at this node; `None` to skip it.
    slot: Option<usize>,
    /// True if the value at this node is the array whose elements are kept.
    elements: bool,
    /// The next step towards that array; `None` off its path.
    leads: Option<Step>,
    children: Vec<(Step, Self)>,
}

impl Node {
    fn descend(&mut self, steps: &[Step]) -> &mut Self {
        let mut node = self;
        for step in steps {
            let at = node.children.iter().position(|(known, _)| known == step);
            let at = at.unwrap_or_else(|| {
                node.children.push((step.clone(), Self::default()));
                node.children.len() - 1
            });
            node = &mut node.children[at].1;
        }
        node
    }

    fn key(&self, name: &str) -> Option<&Self> {
        self.children.iter().find_map(|(step, node)| match step {
            Step::Key(key) if key == name => Some(node),
            _ => None,
        })
    }

    fn index(&self, index: usize) -> Option<&Self> {
        self.children
            .iter()
            .find_map(|(step, node)| (*step == Step::Index(index)).then_some(node))
    }
}

/// The values that [`Paths`] found in one document, as slices without copies.
#[derive(Debug, Default)]
pub struct Found<'a> {
    slots: Vec<Option<&'a RawValue>>,
    missing: usize,
    elements: Elements<'a>,
    has_array: bool,
    elements_wrong: bool,
}

/// The document is not JSON, or is truncated. The error quotes no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not JSON at line {line}, column {column}")]
pub struct NotJson {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

/// The reason why the array of records is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoArray {
    /// The value is absent or null: the path ends there or before.
    #[error("has no array")]
    Missing,
    /// The path holds a value of another type.
    #[error("has no array but another value")]
    Other,
    /// A key is repeated, and the elements before the last array exceed one piece.
    #[error("has a repeated key with more than {RECORDS_AT_ONCE_MAX} records in its arrays")]
    Several,
}

impl Paths {
    /// Adds `path`; returns its slot for [`Found::get`].
    pub fn add(&mut self, path: &JsonPath) -> usize {
        let node = self.root.descend(path.steps());
        *node.slot.get_or_insert_with(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    /// Adds the elements of the array at `path`.
    pub fn elements(&mut self, path: &JsonPath) {
        for (at, step) in path.steps().iter().enumerate() {
            let node = self
                .root
                .descend(path.steps().get(..at).unwrap_or_default());
            node.leads = Some(step.clone());
        }
        self.root.descend(path.steps()).elements = true;
    }

    /// Reads a complete document and checks that it is JSON to its end.
    pub fn read<'a>(&self, json: &'a str) -> Result<Found<'a>, NotJson> {
        let mut found = Found::default();
        self.clear(&mut found);
        let mut reader = serde_json::Deserializer::from_str(json);
        // Null counts as a missing array at the array's place and below. A document that is only
        // null, where more was expected, is not a page.
        found.elements_wrong = json.trim_ascii() == "null" && !self.root.elements;
        Seed {
            node: &self.root,
            found: &mut found,
            stop: false,
        }
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|error| NotJson {
            line: error.line(),
            column: error.column(),
        })?;
        Ok(found)
    }

    /// Reads a document that is known to be JSON, and stops when every path is found. `found` may
    /// hold the values of another document; they are replaced.
    pub fn pick<'a>(&self, json: &'a str, found: &mut Found<'a>) {
        self.clear(found);
        if self.slots > 0 {
            let mut reader = serde_json::Deserializer::from_str(json);
            let seed = Seed {
                node: &self.root,
                found,
                stop: true,
            };
            // The only error is the one that ends the traversal early.
            drop(seed.deserialize(&mut reader));
        }
    }

    fn clear(&self, found: &mut Found<'_>) {
        found.slots.clear();
        found.slots.resize(self.slots, None);
        found.missing = self.slots;
        found.elements.clear();
        found.has_array = false;
        found.elements_wrong = false;
    }
}

impl<'a> Found<'a> {
    /// The value in `slot`: a decoded string, or a number or boolean as written; `None` for null,
    /// objects, arrays and absent values.
    pub fn get(&self, slot: usize) -> Option<Cow<'a, str>> {
        let raw = self.slots.get(slot).copied().flatten()?.get();
        match raw.as_bytes().first()? {
            b'"' if !raw.contains('\\') => raw.get(1..raw.len() - 1).map(Cow::Borrowed),
            b'"' => serde_json::from_str(raw).ok().map(Cow::Owned),
            b'{' | b'[' | b'n' => None,
            _ => Some(Cow::Borrowed(raw)),
        }
    }

    /// Returns true if the value in `slot` is an object or array, which [`Self::get`] cannot
    /// return.
    pub fn is_unreadable(&self, slot: usize) -> bool {
        let raw = self.slots.get(slot).copied().flatten();
        raw.is_some_and(|raw| raw.get() != "null") && self.get(slot).is_none()
    }

    /// The elements of the array at [`Paths::elements`], in order; an error without an array.
    pub fn elements(&self) -> Result<&Elements<'a>, NoArray> {
        if self.elements_wrong {
            Err(NoArray::Other)
        } else if self.elements.is_interrupted() {
            Err(NoArray::Several)
        } else if self.has_array {
            Ok(&self.elements)
        } else {
            Err(NoArray::Missing)
        }
    }

    fn keep(&mut self, slot: usize, raw: &'a RawValue) {
        // The first of duplicate keys wins, whether the traversal ends early or not.
        if self.slots[slot].is_none() {
            self.slots[slot] = Some(raw);
            self.missing -= 1;
        }
    }
}

/// Reads one value according to its node.
struct Seed<'n, 'f, 'a> {
    node: &'n Node,
    found: &'f mut Found<'a>,
    stop: bool,
}

impl<'a> Seed<'_, '_, 'a> {
    fn child<'s>(&'s mut self, node: &'s Node) -> Seed<'s, 's, 'a> {
        Seed {
            node,
            found: self.found,
            stop: self.stop,
        }
    }

    /// Returns true if the traversal may end here.
    fn is_satisfied(&self) -> bool {
        self.stop && self.found.missing == 0
    }
}

impl<'a> DeserializeSeed<'a> for Seed<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        let Some(slot) = self.node.slot else {
            return deserializer.deserialize_any(self);
        };
        let raw = <&'a RawValue as serde::Deserialize>::deserialize(deserializer)?;
        self.found.keep(slot, raw);
        if self.node.children.is_empty() && !self.node.elements {
            return Ok(());
        }
        // The path continues below this value, which was consumed whole, so it is read again.
        let inner = Node {
            slot: None,
            ..self.node.clone()
        };
        let seed = Seed {
            node: &inner,
            found: self.found,
            stop: self.stop,
        };
        serde_json::Deserializer::from_str(raw.get())
            .deserialize_any(seed)
            .map_err(D::Error::custom)
    }
}

impl<'a> Visitor<'a> for Seed<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        let node = self.node;
        self.found.elements_wrong |= node.elements || matches!(node.leads, Some(Step::Index(_)));
        while let Some(child) = map.next_key_seed(KeySeed(node))? {
            match child {
                Some(child) => map.next_value_seed(self.child(child))?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
            if self.is_satisfied() {
                return Err(A::Error::custom("found"));
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let node = self.node;
        self.found.elements_wrong |= matches!(node.leads, Some(Step::Key(_)));
        if node.elements {
            self.found.has_array = true;
            self.found.elements.begin();
            for index in 0.. {
                let Some(element) = seq.next_element::<&'a RawValue>()? else {
                    break;
                };
                self.found.elements.push(element);
                if let Some(child) = node.index(index) {
                    // The path continues inside the array element, which was consumed whole, so it
                    // is read again.
                    let mut reader = serde_json::Deserializer::from_str(element.get());
                    let inside = self.child(child).deserialize(&mut reader);
                    inside.map_err(A::Error::custom)?;
                }
            }
            return Ok(());
        }
        for index in 0.. {
            let more = match node.index(index) {
                Some(child) => seq.next_element_seed(self.child(child))?.is_some(),
                None => seq.next_element::<IgnoredAny>()?.is_some(),
            };
            if self.is_satisfied() {
                return Err(A::Error::custom("found"));
            }
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.scalar()
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.scalar()
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

impl Seed<'_, '_, '_> {
    /// A scalar other than null is not an array of records.
    #[expect(clippy::unnecessary_wraps, reason = "the result of every visit method")]
    fn scalar<E>(self) -> Result<(), E> {
        self.found.elements_wrong |= self.node.elements || self.node.leads.is_some();
        Ok(())
    }
}

/// Finds the node of a key, without copying the key.
struct KeySeed<'n>(&'n Node);

impl<'de, 'n> DeserializeSeed<'de> for KeySeed<'n> {
    type Value = Option<&'n Node>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'n> Visitor<'_> for KeySeed<'n> {
    type Value = Option<&'n Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.key(name))
    }
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
