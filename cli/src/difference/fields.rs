//! A definition as fields, with the names of the configuration. Derived from the stored form, so
//! that no field can be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use windlass_core::duration::Exact;
use windlass_core::source::SourceDefinition;

use crate::output::printable;

/// Fields that are not shown: the key of the definition.
const LEFT_OUT: [&str; 1] = ["name"];

/// Fields that hold an instant.
const TIMES: [&str; 2] = ["start", "end"];

/// Stored names that differ from the configuration's names, with the latter.
const NAMES: [(&str, &str); 3] = [
    ("initial", "window.initial"),
    ("min", "window.min"),
    ("max", "window.max"),
];

/// The old and the new value of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldChange {
    /// The name of the field.
    pub(crate) field: String,
    /// The old value; `None` when it was not set.
    pub(crate) old: Option<String>,
    /// The new value; `None` when it is no longer set.
    pub(crate) new: Option<String>,
}

/// The fields in which `old` and `new` differ, by name; without `old`, all of `new`.
pub(crate) fn changes(old: Option<&SourceDefinition>, new: &SourceDefinition) -> Vec<FieldChange> {
    let old = old.map(fields).unwrap_or_default();
    let new = fields(new);
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let change = |field: &&String| old.get(*field) != new.get(*field);
    let changed = names.into_iter().filter(change);
    changed
        .map(|field| FieldChange {
            field: field.clone(),
            old: old.get(field).cloned(),
            new: new.get(field).cloned(),
        })
        .collect()
}

/// Every field that is set.
fn fields(definition: &SourceDefinition) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    // A definition consists of maps with text keys, which always serialize to JSON.
    let stored = serde_json::to_value(definition).unwrap_or_default();
    flatten("", &stored, &mut fields);
    fields
}

fn flatten(path: &str, value: &Value, fields: &mut BTreeMap<String, String>) {
    let text = match value {
        Value::Null => return,
        Value::Object(entries) => {
            for (key, value) in entries {
                let inside = match path {
                    "" | "policy" => key.clone(),
                    _ => format!("{path}.{key}"),
                };
                flatten(&inside, value, fields);
            }
            return;
        }
        Value::String(text) if TIMES.contains(&path) => text.replace(".000Z", "Z"),
        Value::String(text) => printable(text),
        Value::Array(lengths) if path.ends_with("_ms") => {
            let lengths = lengths.iter().filter_map(Value::as_i64);
            let lengths: Vec<_> = lengths.map(|ms| Exact(ms).to_string()).collect();
            format!("[{}]", lengths.join(", "))
        }
        other => match (path.strip_suffix("_ms"), other.as_i64()) {
            (Some(_), Some(ms)) => Exact(ms).to_string(),
            _ => other.to_string(),
        },
    };
    let name = path.strip_suffix("_ms").unwrap_or(path);
    if LEFT_OUT.contains(&name) {
        return;
    }
    let known = NAMES.iter().find(|(stored, _)| *stored == name);
    fields.insert(known.map_or(name, |(_, shown)| shown).to_owned(), text);
}
