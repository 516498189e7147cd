//! Reading JSON without building it: one pass that keeps what a few paths name, as slices of the
//! body, and skips the rest. Pages hold thousands of records of which only an id and a time matter.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use windlass_core::limits::RECORDS_AT_ONCE_MAX;

use crate::elements::Elements;
use crate::manifest::text::{JsonPath, Step};

/// Several paths, read together.
#[derive(Debug, Clone, Default)]
pub struct Paths {
    root: Node,
    slots: usize,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// Keep what stands here.
    slot: Option<usize>,
    /// Keep the elements of the array that stands here.
    elements: bool,
    /// The step from here towards that array.
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

/// What [`Paths`] found in one document: slices of it, nothing copied.
#[derive(Debug, Default)]
pub struct Found<'a> {
    slots: Vec<Option<&'a RawValue>>,
    missing: usize,
    elements: Elements<'a>,
    has_array: bool,
    elements_wrong: bool,
}

/// A document that is not JSON, or is cut short. Names no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not JSON at line {line}, column {column}")]
pub struct NotJson {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

/// What stands where an array was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoArray {
    /// Nothing, or null: the path ends there or before.
    #[error("has no array")]
    Missing,
    /// Something else, there or on the way.
    #[error("has something other than an array")]
    Other,
    /// A key was repeated, and the elements before the last array are more than are kept.
    #[error("has several arrays of more than {RECORDS_AT_ONCE_MAX} records together")]
    Several,
}

impl Paths {
    /// Also reads `path`; returns where [`Found::get`] will have it.
    pub fn add(&mut self, path: &JsonPath) -> usize {
        let node = self.root.descend(path.steps());
        *node.slot.get_or_insert_with(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    /// Also reads the elements of the array at `path`.
    pub fn elements(&mut self, path: &JsonPath) {
        for (at, step) in path.steps().iter().enumerate() {
            let node = self
                .root
                .descend(path.steps().get(..at).unwrap_or_default());
            node.leads = Some(step.clone());
        }
        self.root.descend(path.steps()).elements = true;
    }

    /// Reads a whole document and checks that it is JSON to its end.
    pub fn read<'a>(&self, json: &'a str) -> Result<Found<'a>, NotJson> {
        let mut found = Found::default();
        self.clear(&mut found);
        let mut reader = serde_json::Deserializer::from_str(json);
        // Null is a missing array where the array should be, and further down. A document that is
        // nothing but null and should be more is no page.
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

    /// Reads a document known to be JSON, and stops as soon as everything is found. `found`, which
    /// may hold what another document had, then holds what this one has.
    pub fn pick<'a>(&self, json: &'a str, found: &mut Found<'a>) {
        self.clear(found);
        if self.slots > 0 {
            let mut reader = serde_json::Deserializer::from_str(json);
            let seed = Seed {
                node: &self.root,
                found,
                stop: true,
            };
            // The only error is the one that ends the pass early.
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
    /// The value in `slot`: a string decoded, a number or a truth value as written; `None` for
    /// null, for objects and arrays, and for what is not there.
    pub fn get(&self, slot: usize) -> Option<Cow<'a, str>> {
        let raw = self.slots.get(slot).copied().flatten()?.get();
        match raw.as_bytes().first()? {
            b'"' if !raw.contains('\\') => raw.get(1..raw.len() - 1).map(Cow::Borrowed),
            b'"' => serde_json::from_str(raw).ok().map(Cow::Owned),
            b'{' | b'[' | b'n' => None,
            _ => Some(Cow::Borrowed(raw)),
        }
    }

    /// Whether something stands in `slot` that [`Self::get`] cannot give: neither a scalar nor null.
    pub fn is_unreadable(&self, slot: usize) -> bool {
        let raw = self.slots.get(slot).copied().flatten();
        raw.is_some_and(|raw| raw.get() != "null") && self.get(slot).is_none()
    }

    /// The elements of the array at [`Paths::elements`], in order; an error when there is none.
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
        // The first of duplicate keys counts, whether the pass ends early or not.
        if self.slots[slot].is_none() {
            self.slots[slot] = Some(raw);
            self.missing -= 1;
        }
    }
}

/// Reads one value as its node says.
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

    /// Whether the pass may end here.
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
        // A path that goes on from here: the value was read whole, so it is read again.
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
                    // A path that goes on into the array: the element was read whole, so it is
                    // read again.
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
    /// Null aside, a scalar is not an array of records.
    #[expect(clippy::unnecessary_wraps, reason = "the result of every visit method")]
    fn scalar<E>(self) -> Result<(), E> {
        self.found.elements_wrong |= self.node.elements || self.node.leads.is_some();
        Ok(())
    }
}

/// Finds the node a key leads to, without copying the key.
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
