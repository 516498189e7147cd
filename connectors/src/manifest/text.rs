//! The small languages inside a manifest's strings: durations, paths into JSON, and templates. Each
//! is checked while the file is parsed, so that an error has a line.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// Deserializes a type from its text form.
macro_rules! from_text {
    ($name:ident) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(de::Error::custom)
            }
        }
    };
}

/// A duration in milliseconds, written like `10m`, `36h`, `180d` or `1ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub i64);

impl FromStr for Millis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .ok()
            .filter(|duration| duration.subsec_nanos() % 1_000_000 == 0)
            .and_then(|duration| i64::try_from(duration.as_millis()).ok())
            .map(Self)
            .ok_or_else(|| {
                format!("`{text}` is not a duration; write it like 500ms, 10m, 36h or 180d")
            })
    }
}

from_text!(Millis);

/// One step of a [`JsonPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A member of an object.
    Key(String),
    /// An element of an array, from 0.
    Index(usize),
}

/// Maximum number of steps of a path; no vendor's documents come near it.
const STEPS_MAX: usize = 16;

/// A place in a JSON document: `id.time`, `error.errors[0].reason`, `["@odata.nextLink"]` for keys
/// with dots, or `.` for the document itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct JsonPath(Vec<Step>);

impl JsonPath {
    /// The steps from the outermost inwards; empty for the document itself.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl fmt::Debug for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if key.is_empty() || key.contains(['.', '[']) => {
                    write!(f, "[\"{key}\"]")?;
                }
                Step::Key(key) if at == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for JsonPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "`{text}` is not a path; write it like items, id.time, errors[0].reason or \
                 [\"a.b\"]"
            )
        };
        if text == "." {
            return Ok(Self(Vec::new()));
        }
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let step;
            if let Some(quoted) = rest.strip_prefix("[\"") {
                let (key, after) = quoted.split_once("\"]").ok_or_else(bad)?;
                (step, rest) = (Step::Key(key.to_owned()), after);
            } else if let Some(indexed) = rest.strip_prefix('[') {
                let (index, after) = indexed.split_once(']').ok_or_else(bad)?;
                (step, rest) = (Step::Index(index.parse().map_err(|_| bad())?), after);
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (key, after) = rest.split_at(end);
                if key.is_empty() {
                    return Err(bad());
                }
                (step, rest) = (Step::Key(key.to_owned()), after);
            }
            steps.push(step);
            if let Some(after) = rest.strip_prefix('.') {
                if after.is_empty() {
                    return Err(bad());
                }
                rest = after;
            }
        }
        if steps.is_empty() || steps.len() > STEPS_MAX {
            Err(bad())
        } else {
            Ok(Self(steps))
        }
    }
}

from_text!(JsonPath);

/// A piece of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Literal text.
    Text(String),
    /// The name of a placeholder.
    Placeholder(String),
}

/// Text with `{placeholders}`; a literal brace is doubled. Nothing is computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

impl Template {
    /// The parts in order.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The names of the placeholders.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Placeholder(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text with each placeholder replaced by `value`; `Err` with the first name that `value`
    /// does not know.
    pub fn fill<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Placeholder(name) => text.push_str(value(name).ok_or_else(|| name.clone())?),
            }
        }
        Ok(text)
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || {
            format!(
                "`{text}` has an unmatched brace; write {{name}}, or two braces for a literal one"
            )
        };
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' | '}' if chars.peek() == Some(&c) => {
                    chars.next();
                    plain.push(c);
                }
                '{' => {
                    let mut name = String::new();
                    loop {
                        match chars.next().ok_or_else(bad)? {
                            '}' => break,
                            c if c.is_ascii_alphanumeric() || c == '_' => name.push(c),
                            _ => return Err(bad()),
                        }
                    }
                    if name.is_empty() {
                        return Err(bad());
                    }
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Placeholder(name));
                }
                '}' => return Err(bad()),
                c => plain.push(c),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }
}

from_text!(Template);

/// One value or a list of values in YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(std::marker::PhantomData))
    }
}

struct OneOrManyVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: FromStr<Err: fmt::Display>> Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a list of values")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse()
            .map(|one| OneOrMany(vec![one]))
            .map_err(E::custom)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut many = Vec::new();
        while let Some(OneOrMany(mut one)) = seq.next_element()? {
            many.append(&mut one);
        }
        Ok(OneOrMany(many))
    }
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
