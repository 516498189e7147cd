//! The settings of a source that its connector needs.

use std::collections::BTreeMap;

/// The settings of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The parameters that the source sets.
    pub params: BTreeMap<String, String>,
    /// The base URL, if it differs from the manifest's.
    pub base_url: Option<String>,
    /// The token endpoint, if it differs from the manifest's.
    pub token_url: Option<String>,
}

/// A setting that does not fit the manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct CompileError {
    /// The name of the setting in the configuration: `params.org`, `base_url`.
    pub field: String,
    /// The problem and the correct form.
    pub problem: String,
}

pub(crate) fn wrong(field: impl Into<String>, problem: impl Into<String>) -> CompileError {
    CompileError {
        field: field.into(),
        problem: problem.into(),
    }
}
