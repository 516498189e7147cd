//! The meaning of SQLite's failures for the caller, decided only here.
//!
//! Result codes: <https://www.sqlite.org/rescode.html>.

use std::path::Path;

use rusqlite::{Error, ErrorCode};

use crate::error::StateError;

/// The error of a statement that failed before its commit: nothing was written.
pub(super) fn failed(error: &Error) -> StateError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StateError::Full(text),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StateError::Refused(format!(
            "{text}; make the state file and its directory writable, and open it for writing"
        )),
        Some(ErrorCode::TooBig | ErrorCode::ConstraintViolation) => StateError::Refused(text),
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::FileLockingProtocolFailed,
        ) => StateError::Unavailable(text),
        // Any other code is a file that was damaged or changed by another program: the same call
        // would always fail the same way.
        _ => StateError::Corrupt {
            key: "state database".to_owned(),
            problem: text,
        },
    }
}

/// The error of a failed commit. It was certainly not applied only if the database was busy, full,
/// or rejected it.
pub(super) fn commit_failed(error: &Error) -> StateError {
    let busy = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    );
    match failed(error) {
        StateError::Unavailable(text) if !busy => StateError::Unknown(text),
        certain => certain,
    }
}

/// The error of a file at `path` that could not be opened or prepared.
pub(super) fn open_failed(path: &Path, error: &Error) -> StateError {
    let path = path.display();
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen) => StateError::Refused(format!(
            "{path} cannot be opened; its directory must exist and be writable and the file readable, \
             also for commands that only read: they share the -wal and -shm files beside it"
        )),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StateError::Refused(format!(
            "{path} or its directory is read-only ({error}); make both writable, or read a copy"
        )),
        Some(ErrorCode::NotADatabase) => StateError::Refused(format!(
            "{path} is not a SQLite database; name another file or move this one away"
        )),
        _ => failed(error),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn failure(code: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn full_disk_is_full_in_write_and_commit() {
        let full = failure(ffi::SQLITE_FULL);
        assert!(matches!(failed(&full), StateError::Full(_)));
        assert!(matches!(commit_failed(&full), StateError::Full(_)));
    }

    #[test]
    fn io_error_makes_only_commit_unknown() {
        let io = failure(ffi::SQLITE_IOERR_FSYNC);
        assert!(matches!(failed(&io), StateError::Unavailable(_)));
        assert!(matches!(commit_failed(&io), StateError::Unknown(_)));
    }

    #[test]
    fn busy_database_is_unavailable() {
        for code in [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_BUSY_SNAPSHOT,
        ] {
            assert!(
                matches!(failed(&failure(code)), StateError::Unavailable(_)),
                "{code}"
            );
            assert!(
                matches!(commit_failed(&failure(code)), StateError::Unavailable(_)),
                "{code}"
            );
        }
    }

    #[test]
    fn permanent_error_is_not_unavailable() {
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_ERROR] {
            assert!(
                matches!(failed(&failure(code)), StateError::Corrupt { .. }),
                "{code}"
            );
        }
        for code in [ffi::SQLITE_READONLY, ffi::SQLITE_PERM, ffi::SQLITE_TOOBIG] {
            assert!(
                matches!(failed(&failure(code)), StateError::Refused(_)),
                "{code}"
            );
        }
    }

    #[test]
    fn opening_error_names_file() {
        let path = Path::new("/data/windlass.db");
        for code in [
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_READONLY_DIRECTORY,
            ffi::SQLITE_NOTADB,
        ] {
            let StateError::Refused(text) = open_failed(path, &failure(code)) else {
                panic!("{code}")
            };
            assert!(text.contains("/data/windlass.db"), "{text}");
        }
    }
}
