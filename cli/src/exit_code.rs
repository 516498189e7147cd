//! One documented exit code for each outcome that a script may need to distinguish.

use windlass_connectors::yaml::YamlError;
use windlass_state::StateError;

use crate::state::sources::NotWritten;

/// The exit code of the program. The numbers are documented in `--help` and in
/// docs/reference/exit-codes.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitCode {
    /// Done, or stopped cleanly at a checkpoint.
    Success = 0,
    /// An unexpected failure, or `check SOURCE` received no page from its vendor.
    Unexpected = 1,
    /// The command line, the configuration or a manifest is wrong.
    Usage = 2,
    /// A source is blocked.
    Blocked = 3,
    /// Windows are parked, so there are gaps.
    Holes = 4,
    /// The state cannot be used.
    State = 5,
    /// Stopped, or not confirmed, before everything was done.
    Unfinished = 6,
    /// The demo lost or duplicated a record.
    DemoFailed = 7,
    /// The configuration and the state differ.
    Different = 8,
    /// Output files and the state differ.
    Mismatch = 9,
}

/// A usage or configuration error without a position in a file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// The state exists and cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StateUnusable(pub(crate) String);

impl ExitCode {
    /// The exit code of an error that ended a command.
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
