//! YAML files into types, with errors that name the place, the expected form and the probably
//! intended name. Used for manifests and for the configuration.

mod place;

use std::fmt::{self, Write as _};

use serde::de::DeserializeOwned;
use serde_saphyr::options::NonFiniteFloatPolicy;
use serde_saphyr::{Error, Location};
use windlass_core::printable::is_printable;

use self::place::{Place, key_below, locate_first, value_until};

/// A YAML file with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// The path of the file as given.
    pub file: String,
    /// The line, from 1; 0 when unknown.
    pub line: u64,
    /// The column, from 1; 0 when unknown.
    pub column: u64,
    /// The field and its problem.
    pub problem: String,
    /// The correct form, if known.
    pub hint: Option<String>,
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        write!(f, " {}", Shown(&self.problem))?;
        self.hint
            .as_ref()
            .map_or(Ok(()), |hint| write!(f, "; {}", Shown(hint)))
    }
}

impl std::error::Error for YamlError {}

/// Text of a file, with its control and invisible characters escaped.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if is_printable(c) {
                f.write_char(c)?;
            } else {
                write!(f, "{}", c.escape_default())?;
            }
        }
        Ok(())
    }
}

/// Parses `text`, the content of `file`, as a `T`.
pub fn load<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, YamlError> {
    serde_saphyr::from_str_with_options(text, options())
        .map_err(|error| describe(file, text, &error))
}

/// Maximum nesting: no manifest or configuration has more than six levels, and each takes stack to
/// parse.
const DEPTH_MAX: usize = 16;

/// Maximum number of parse events under anchors (`&name`): the parser keeps a copy of each, which
/// is many times larger. No manifest or configuration uses any.
const REPEATABLE_MAX: usize = 1_024;

/// Maximum number of values and keys of a file: 20,000 sources have about half as many. To locate
/// an error, each is held in memory with its place.
const NODES_MAX: usize = 1_000_000;

/// Maximum number of parse events: a list or a map has two.
const EVENTS_MAX: usize = 2 * NODES_MAX;

/// The parser options, shared with the second parse that locates an error.
fn options() -> serde_saphyr::Options {
    let mut options = serde_saphyr::Options::default();
    options.with_snippet = false;
    options.strict_booleans = true;
    // No field is such a number, and text that looks like one must not hide the places of other
    // values.
    options.non_finite_float_policy = NonFiniteFloatPolicy::AsString;
    options.budget = serde_saphyr::budget! {
        max_depth: DEPTH_MAX,
        max_recorded_anchor_events: REPEATABLE_MAX,
        max_nodes: NODES_MAX,
        max_events: EVENTS_MAX,
    };
    options
}

/// An error about `field` (`page.token`, `errors[2].status`), located at the field, or at its
/// closest enclosing value that exists.
pub fn invalid(
    file: &str,
    text: &str,
    field: &str,
    problem: impl fmt::Display,
    hint: Option<String>,
) -> YamlError {
    invalid_in(file, text, &[field], problem, hint)
}

/// An error about the first of `fields` that exists in `text`. When none does, it is about the
/// first of them, located at its closest enclosing value that exists.
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

/// The one of `known` that `given` probably meant; `None` if none is similar.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let within = 1 + given.len() / 4;
    known
        .into_iter()
        .map(|candidate| (edits(given, candidate), candidate))
        .filter(|(distance, _)| *distance <= within)
        .min()
        .map(|(_, candidate)| candidate)
}

/// The number of characters to add, remove or replace between two words.
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
        // The parser notices a missing value only at the next token.
        place = place.and_then(|place| value_until(text, place)).or(place);
    }
    if let Error::SerdeUnknownField { field, .. } = error {
        // A map whose kind determines its fields is parsed as a whole first, and its fields have no
        // places.
        let below = place.and_then(|place| key_below(text, place, field));
        place = below.or(place);
    }
    let (problem, hint) = words(error);
    let (line, column) = match (place, error) {
        (Some(place), _) => (place.line(), place.column()),
        // A field that an empty document lacks belongs at the start of the file.
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

/// The problem in YAML terms, and the correct form.
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
        } if variant == "~" => ("missing value".to_owned(), hint_for(variant, expected)),
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => (
            format!("`{variant}` is not allowed here"),
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
            format!("duplicate key `{}`", key.as_deref().unwrap_or_default()),
            Some("keep one of them".to_owned()),
        ),
        other => shape(other),
    }
}

/// The parser's error about the shape of a document, without its internal terms.
fn shape(error: &Error) -> (String, Option<String>) {
    let (problem, hint) = match error {
        Error::Eof { .. } => ("the file is empty", None),
        Error::NullIntoString { .. } => ("missing value", None),
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
        Error::MultipleDocuments { .. } => {
            ("second YAML document", Some("keep one document per file"))
        }
        other => return (without_place(&other.to_string()), None),
    };
    (problem.to_owned(), hint.map(str::to_owned))
}

fn hint_for(given: &str, expected: &[&'static str]) -> Option<String> {
    let list = || match expected {
        [only] => format!("expected `{only}`"),
        several => format!("expected one of {}", several.join(", ")),
    };
    match did_you_mean(given, expected.iter().copied()) {
        Some(word) => Some(format!("did you mean `{word}`?")),
        None => (!expected.is_empty()).then(list),
    }
}

/// The parser appends the place to its text; here it precedes the text.
fn without_place(text: &str) -> String {
    text.split_once(" at line ")
        .map_or(text, |(problem, _)| problem)
        .to_owned()
}

/// The field types of this crate put the hint behind a semicolon.
fn split_hint(message: &str) -> (String, Option<String>) {
    match message.split_once("; ") {
        Some((problem, hint)) => (problem.to_owned(), Some(hint.to_owned())),
        None => (message.to_owned(), None),
    }
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
