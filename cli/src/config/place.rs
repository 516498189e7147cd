//! The place of a source in the configuration, for errors.

use std::collections::BTreeMap;
use std::fmt::Display;

use windlass_connectors::yaml::YamlError;

use super::files::SourceText;

/// The configuration entry of a source.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The index of its file.
    pub(super) file: usize,
    /// The key under `sources`.
    pub(super) entry: String,
    /// The index of the chosen value, for each parameter with a list.
    pub(super) chosen: BTreeMap<String, usize>,
}

impl Place {
    /// An error about `field` of the source, empty for the source as a whole, in `text`, the text
    /// of its file. It is located at the entry's own field, or at that of the file's defaults.
    pub(super) fn invalid(
        &self,
        text: &SourceText,
        field: &str,
        problem: impl Display,
    ) -> YamlError {
        if field.is_empty() {
            return text.invalid(&format!("sources.{}", self.entry), problem);
        }
        let field = match field.strip_prefix("params.") {
            Some(name) if self.chosen.contains_key(name) => {
                format!("{field}[{}]", self.chosen[name])
            }
            _ => field.to_owned(),
        };
        let own = format!("sources.{}.{field}", self.entry);
        let default = format!("defaults.{field}");
        let mut error = text.invalid_in(&[&own, &default], problem);
        if error.problem.starts_with(&format!("`{default}`:")) {
            error.problem = format!("{} (for `sources.{}`)", error.problem, self.entry);
        }
        error
    }

    /// The entry's file, line and column.
    pub(super) fn shown(&self, text: &SourceText) -> String {
        let YamlError {
            file, line, column, ..
        } = self.invalid(text, "", "");
        format!("{file}:{line}:{column}")
    }
}
