//! The settings of an output folder.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Readers;
use crate::settings::Settings;

/// One file per window, below one folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NdjsonConfig {
    /// The folder; a relative path is relative to the configuration file.
    pub dir: PathBuf,
    /// The users that may read it, as far as `umask` allows.
    #[serde(default)]
    pub readable_by: Readers,
}

impl Settings for NdjsonConfig {
    fn local(&self) -> Option<&'static str> {
        Some("a folder")
    }
}
