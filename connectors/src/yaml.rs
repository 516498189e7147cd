//! YAML files into types, with errors that say where, what was expected and what was probably
//! meant. Used for manifests and for the configuration.

mod place;

use std::fmt;

use serde::de::DeserializeOwned;
use serde_saphyr::options::NonFiniteFloatPolicy;
use serde_saphyr::{Error, Location};

use self::place::{Place, key_below, locate_first, value_until};

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
    serde_saphyr::from_str_with_options(text, options())
        .map_err(|error| describe(file, text, &error))
}

/// Deepest nesting: no file of ours has more than six levels, and each takes stack to read.
const DEPTH_MAX: usize = 16;

/// Most of a file that may stand under names to be repeated (`&name`), in pieces such as a value or
/// the start of a list: the reader keeps a copy of each, which is many times as large. No file of ours
/// has any.
const REPEATABLE_MAX: usize = 4_096;

/// Most values and keys of a file: 20,000 sources have about half as many. To place an error, each is
/// held in memory with its place.
const NODES_MAX: usize = 1_000_000;

/// Most events of the reader: a list or a map has two.
const EVENTS_MAX: usize = 2 * NODES_MAX;

/// How every text is read, also when it is read again to place an error.
fn options() -> serde_saphyr::Options {
    let mut options = serde_saphyr::Options::default();
    options.with_snippet = false;
    options.strict_booleans = true;
    // No field is such a number, and text that looks like one must not hide where other things are.
    options.non_finite_float_policy = NonFiniteFloatPolicy::AsString;
    options.budget = serde_saphyr::budget! {
        max_depth: DEPTH_MAX,
        max_recorded_anchor_events: REPEATABLE_MAX,
        max_nodes: NODES_MAX,
        max_events: EVENTS_MAX,
    };
    options
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
    invalid_in(file, text, &[field], problem, hint)
}

/// An error about the first of `fields` that stands in `text`. When none does, it is about the first
/// of all, placed at the closest enclosing one that is there.
pub fn invalid_in(
    file: &str,
    text: &str,
    fields: &[&str],
    problem: impl fmt::Display,
    hint: Option<String>,
) -> YamlError {
    let (index, place) = locate_first(text, fields);
    let field = fields.get(index).copied().unwrap_or_default();
    YamlError {
        file: file.to_owned(),
        line: place.map_or(0, Place::line),
        column: place.map_or(0, Place::column),
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

fn describe(file: &str, text: &str, error: &Error) -> YamlError {
    let error = error.without_snippet();
    let place = error.location().filter(|place| *place != Location::UNKNOWN);
    let mut place = place.map(Place::from);
    if let Error::Unexpected { .. } = error {
        // A word that needed a value of its own is noticed only at what follows it.
        place = place.and_then(|place| value_until(text, place)).or(place);
    }
    if let Error::SerdeUnknownField { field, .. } = error {
        // A map whose kind decides its fields is read whole first, and they lose their places.
        let below = place.and_then(|place| key_below(text, place, field));
        place = below.or(place);
    }
    let (problem, hint) = words(error);
    let (line, column) = match (place, error) {
        (Some(place), _) => (place.line(), place.column()),
        // What an empty document lacks is to be written where the file begins.
        (None, Error::SerdeMissingField { .. }) => (1, 1),
        (None, _) => (0, 0),
    };
    YamlError {
        file: file.to_owned(),
        line,
        column,
        problem,
        hint,
    }
}

/// The problem in the words of somebody who writes YAML, and what to write instead.
fn words(error: &Error) -> (String, Option<String>) {
    match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => (
            format!("unknown field `{field}`"),
            hint_for(field, expected),
        ),
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } if variant == "~" => (
            "a value is missing here".to_owned(),
            hint_for(variant, expected),
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
        } => (
            format!("expected {expected}, found {unexpected}"),
            (unexpected == "map").then(|| "put quotes around it: \"{from}\"".to_owned()),
        ),
        Error::Message { msg, .. } => split_hint(msg),
        Error::DuplicateMappingKey { key, .. } => (
            format!("`{}` is given twice", key.as_deref().unwrap_or_default()),
            Some("keep one of them".to_owned()),
        ),
        other => shape(other),
    }
}

/// What the reader says about the shape of a document, without the names it has for things.
fn shape(error: &Error) -> (String, Option<String>) {
    let (problem, hint) = match error {
        Error::Eof { .. } => ("the file is empty", None),
        Error::NullIntoString { .. } => ("a value is missing here", None),
        Error::Unexpected { expected, .. } => match *expected {
            "mapping start" => ("expected a map", Some("write `{ ... }`")),
            "sequence start" => ("expected a list", Some("write `[ ... ]`")),
            "string scalar" | "scalar" => (
                "expected a single value",
                Some("put quotes around text that begins with a brace or a bracket"),
            ),
            _ => return (without_place(&error.to_string()), None),
        },
        Error::InvalidScalar { ty, .. } => match ty.as_bytes() {
            [b'u', ..] => ("expected a whole number, 0 or more", None),
            [b'i', ..] => ("expected a whole number", None),
            _ => ("expected a number", None),
        },
        Error::InvalidBooleanStrict { .. } => ("expected `true` or `false`", None),
        Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => {
            ("expected a map", Some("write `{ ... }`"))
        }
        Error::ExpectedMappingEndAfterEnumVariantValue { .. } => {
            ("expected one key only", Some("keep one of them"))
        }
        Error::MultipleDocuments { .. } => (
            "a second document begins here",
            Some("keep one document in a file"),
        ),
        other => return (without_place(&other.to_string()), None),
    };
    (problem.to_owned(), hint.map(str::to_owned))
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

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
