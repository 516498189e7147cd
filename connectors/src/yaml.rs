//! YAML files into types, with errors that say where, what was expected and what was probably
//! meant. Used for manifests and for the configuration.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Location, Spanned};

/// A file that cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; 0 when the place is not known.
    pub line: u64,
    /// The column, from 1; 0 when the place is not known.
    pub column: u64,
    /// What is wrong with which field.
    pub problem: String,
    /// What to write instead, when that can be said.
    pub hint: Option<String>,
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        write!(f, " {}", self.problem)?;
        self.hint
            .as_ref()
            .map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for YamlError {}

/// Reads `text`, the content of `file`, as a `T`.
pub fn load<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, YamlError> {
    let mut options = serde_saphyr::Options::default();
    options.with_snippet = false;
    options.strict_booleans = true;
    serde_saphyr::from_str_with_options(text, options).map_err(|error| describe(file, &error))
}

/// An error about `field` (`page.token`, `errors[2].status`), placed where the field stands, or at
/// the closest enclosing one that is there.
pub fn invalid(
    file: &str,
    text: &str,
    field: &str,
    problem: impl fmt::Display,
    hint: Option<String>,
) -> YamlError {
    let place = locate(text, field);
    YamlError {
        file: file.to_owned(),
        line: place.map_or(0, |place| place.line()),
        column: place.map_or(0, |place| place.column()),
        problem: format!("`{field}`: {problem}"),
        hint,
    }
}

/// The one of `known` that was probably meant by `given`.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let within = 1 + given.len() / 4;
    known
        .into_iter()
        .map(|candidate| (edits(given, candidate), candidate))
        .filter(|(distance, _)| *distance <= within)
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many characters must be added, dropped or exchanged to get from one word to the other.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

fn describe(file: &str, error: &Error) -> YamlError {
    let error = error.without_snippet();
    let place = error.location().filter(|place| *place != Location::UNKNOWN);
    let (problem, hint) = match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => (
            format!("unknown field `{field}`"),
            hint_for(field, expected),
        ),
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => (
            format!("`{variant}` is not one of the words allowed here"),
            hint_for(variant, expected),
        ),
        Error::SerdeMissingField { field, .. } => (
            format!("field `{field}` is missing"),
            Some(format!("add `{field}:` here")),
        ),
        Error::SerdeInvalidType {
            unexpected,
            expected,
            ..
        }
        | Error::SerdeInvalidValue {
            unexpected,
            expected,
            ..
        } => (format!("expected {expected}, found {unexpected}"), None),
        Error::Message { msg, .. } => split_hint(msg),
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or_default();
            (
                format!("`{key}` is given twice"),
                Some("keep one of them".to_owned()),
            )
        }
        other => (without_place(&other.to_string()), None),
    };
    YamlError {
        file: file.to_owned(),
        line: place.map_or(0, |place| place.line()),
        column: place.map_or(0, |place| place.column()),
        problem,
        hint,
    }
}

fn hint_for(given: &str, expected: &[&'static str]) -> Option<String> {
    let list = || format!("expected one of {}", expected.join(", "));
    match did_you_mean(given, expected.iter().copied()) {
        Some(word) => Some(format!("did you mean `{word}`?")),
        None => (!expected.is_empty()).then(list),
    }
}

/// The reader names the place in its text; here it stands in front.
fn without_place(text: &str) -> String {
    text.split_once(" at line ")
        .map_or(text, |(problem, _)| problem)
        .to_owned()
}

/// Our own field types put the hint behind a semicolon.
fn split_hint(message: &str) -> (String, Option<String>) {
    match message.split_once("; ") {
        Some((problem, hint)) => (problem.to_owned(), Some(hint.to_owned())),
        None => (message.to_owned(), None),
    }
}

/// Where `field` stands in `text`.
fn locate(text: &str, field: &str) -> Option<Location> {
    let root: Spanned<Node> = serde_saphyr::from_str(text).ok()?;
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
#[path = "yaml_tests.rs"]
mod tests;
