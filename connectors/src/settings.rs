//! The settings of a source that its connector needs.

use std::collections::BTreeMap;

/// The settings of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Its parameters.
    pub params: BTreeMap<String, String>,
    /// Where requests go, when not where the manifest says.
    pub base_url: Option<String>,
    /// Where tokens are asked for, when not where the manifest says.
    pub token_url: Option<String>,
}

/// A setting that does not fit the manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct CompileError {
    /// The setting, as the configuration names it: `params.org`, `base_url`.
    pub field: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

pub(crate) fn wrong(field: impl Into<String>, problem: impl Into<String>) -> CompileError {
    CompileError {
        field: field.into(),
        problem: problem.into(),
    }
}
