//! One documented exit code for each outcome a script might tell apart.

use windlass_connectors::yaml::YamlError;
use windlass_state::StateError;

use crate::state::sources::NotWritten;

/// How the program ends. The numbers are documented in `--help` and in
/// docs/reference/exit-codes.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// Done, or stopped cleanly at a checkpoint.
    Success = 0,
    /// Something unexpected failed, or `check SOURCE` got no page from its vendor.
    Unexpected = 1,
    /// The command line, the configuration or a manifest is wrong.
    Usage = 2,
    /// A source is blocked.
    Blocked = 3,
    /// There are holes.
    Holes = 4,
    /// The state cannot be used, or does not own an output folder.
    State = 5,
    /// Stopped, or told not to, before everything was done.
    Unfinished = 6,
    /// The demo lost or duplicated a record.
    DemoFailed = 7,
    /// The configuration and the state differ.
    Different = 8,
    /// Output files and the state differ.
    Mismatch = 9,
}

/// A usage or configuration error that has no file position.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// The state is there and cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StateUnusable(pub(crate) String);

impl ExitCode {
    /// The code for an error that ended a command.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.is::<YamlError>() || error.is::<UsageError>() {
            Self::Usage
        } else if error.is::<StateError>()
            || error.is::<StateUnusable>()
            || error.is::<NotWritten>()
        {
            Self::State
        } else {
            Self::Unexpected
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
