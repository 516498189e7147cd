//! Errors of file calls, and their classification for the caller of a sink.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::SinkError;

/// A failed file call.
#[derive(Debug)]
pub(super) enum FileError {
    /// The operating system returned an error.
    Io {
        doing: &'static str,
        path: PathBuf,
        error: io::Error,
    },
    /// The name leads to something other than a file of windlass.
    Planted(PathBuf),
    /// A link in place of a directory leads nowhere.
    Dangling(PathBuf),
    /// Another writer holds the file.
    Busy(PathBuf),
    /// Data that a checkpoint depends on is missing.
    Lost(String),
    /// The file should name the owner of a folder, and does not.
    Torn {
        /// Path of the file.
        path: PathBuf,
        /// Its size in bytes.
        bytes: usize,
    },
}

impl FileError {
    /// The same error as one of `doing` something with the folder `dir`: its users do not know the
    /// files that windlass keeps in it.
    pub(super) fn of_folder(self, doing: &'static str, dir: &Path) -> Self {
        match self {
            Self::Io { error, .. } if !is_link(&error) => Self::Io {
                doing,
                path: dir.to_owned(),
                error,
            },
            other => other,
        }
    }

    /// The same error for the sink `sink`.
    pub(super) fn into_sink_error(self, sink: &str) -> SinkError {
        let sink_name = sink.to_owned();
        match self {
            Self::Io { path, error, .. } if is_link(&error) => {
                Self::Planted(path).into_sink_error(sink)
            }
            Self::Planted(path) => SinkError::Unusable {
                sink: sink_name,
                problem: format!(
                    "{} is a link or not a regular file, and was left unchanged; replace it by a \
                     regular file, or remove it",
                    path.display()
                ),
            },
            Self::Dangling(path) => SinkError::Unusable {
                sink: sink_name,
                problem: format!(
                    "the link {} has no target; mount the disk of its target, or remove the link",
                    path.display()
                ),
            },
            Self::Io { doing, path, error } => {
                let problem = format!("cannot {doing} {}: {error}", path.display());
                error_of_kind(sink, problem, error.kind())
            }
            Self::Torn { path, bytes } => SinkError::Unusable {
                sink: sink_name,
                problem: format!(
                    "the owner of the output folder cannot be read: {} has {bytes} bytes and names no \
                     owner; put a copy of that file back, or stop the run and make this state the owner \
                     with `windlass adopt`",
                    path.display()
                ),
            },
            Self::Busy(path) => SinkError::Unavailable {
                sink: sink_name,
                problem: format!("another writer has {} open", path.display()),
            },
            Self::Lost(problem) => SinkError::Lost {
                sink: sink_name,
                problem,
            },
        }
    }
}

/// Returns true if a path failed because its last component is a symbolic link.
#[cfg(unix)]
fn is_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ELOOP)
}

#[cfg(not(unix))]
fn is_link(_: &io::Error) -> bool {
    false
}

/// Adds the attempted operation and its path to an error of the operating system.
pub(super) trait IoContext<T> {
    /// The message will begin with "cannot `doing` `path`".
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, FileError>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, FileError> {
        self.map_err(|error| FileError::Io {
            doing,
            path: path.to_owned(),
            error,
        })
    }
}

/// The classification of operating system errors for the caller.
pub(crate) fn error_of_kind(sink: &str, problem: String, kind: ErrorKind) -> SinkError {
    let sink = sink.to_owned();
    let cure = match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            return SinkError::Full { sink, problem };
        }
        ErrorKind::PermissionDenied => "let the user that runs windlass read and write it",
        ErrorKind::ReadOnlyFilesystem => "mount its file system for writing",
        ErrorKind::NotADirectory | ErrorKind::IsADirectory => "remove what is in its place",
        ErrorKind::InvalidFilename => "give it a valid name",
        ErrorKind::FileTooLarge => "raise the limit on the size of files (`ulimit -f`)",
        _ => return SinkError::Unavailable { sink, problem },
    };
    let problem = format!("{problem}; {cure}, or configure another folder");
    SinkError::Unusable { sink, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(kind: ErrorKind) -> SinkError {
        let result: io::Result<()> = Err(kind.into());
        result
            .doing("write", Path::new("/out/x.part"))
            .unwrap_err()
            .into_sink_error("lake")
    }

    #[test]
    fn missing_space_or_quota_is_full() {
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            let error = mapped(kind);
            assert!(matches!(error, SinkError::Full { .. }), "{error}");
            assert!(
                error.to_string().contains("cannot write /out/x.part"),
                "{error}"
            );
        }
    }

    #[test]
    fn permanent_file_error_is_refused() {
        for kind in [
            ErrorKind::PermissionDenied,
            ErrorKind::ReadOnlyFilesystem,
            ErrorKind::NotADirectory,
            ErrorKind::IsADirectory,
            ErrorKind::FileTooLarge,
        ] {
            let error = mapped(kind);
            assert!(matches!(error, SinkError::Unusable { .. }), "{kind}");
            let text = error.to_string();
            assert!(text.ends_with(", or configure another folder"), "{text}");
        }
    }

    #[test]
    fn other_file_error_is_unavailable() {
        for kind in [ErrorKind::Other, ErrorKind::TimedOut, ErrorKind::NotFound] {
            assert!(
                matches!(mapped(kind), SinkError::Unavailable { .. }),
                "{kind}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn os_error_numbers_map_to_expected_kinds() {
        let kinds = [
            (28, ErrorKind::StorageFull),
            (13, ErrorKind::PermissionDenied),
        ];
        for (number, kind) in kinds {
            assert_eq!(io::Error::from_raw_os_error(number).kind(), kind);
        }
    }
}
