//! `windlass backup`: a copy of the state file. Safe beside a run: it reads a consistent snapshot
//! of the state and blocks no writer.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::json;
use windlass_state::sqlite::SqliteStore;

use crate::exit_code::{ExitCode, StateUnusable, UsageError};
use crate::output::Output;
use crate::state::StateAddress;
use crate::target::Target;

/// Suffixes of the files that belong to a state file.
const BESIDE: [&str; 4] = ["-wal", "-shm", "-journal", ".lock"];

/// Copies the state into the new file `to`.
pub(crate) fn backup(target: &Target, to: &Path, output: Output) -> anyhow::Result<ExitCode> {
    let (address, _) = target.address()?;
    let StateAddress::Sqlite(state) = &address else {
        let problem = format!(
            "cannot back up {address}: `windlass backup` copies state files; for a table, use \
             point-in-time recovery or `aws dynamodb create-backup`"
        );
        return Err(UsageError(problem).into());
    };
    if !state.exists() {
        let problem = format!("there is no state at {} to back up", state.display());
        return Err(StateUnusable(problem).into());
    }
    if to.symlink_metadata().is_ok() {
        let problem = format!(
            "{} already exists, and a backup never replaces a file; name a new file",
            to.display()
        );
        return Err(UsageError(problem).into());
    }
    if belongs_to(state, to) {
        let problem = format!(
            "{} belongs to SQLite and to the state {}; name another file",
            to.display(),
            state.display()
        );
        return Err(UsageError(problem).into());
    }
    let bytes = SqliteStore::open_read_only(state)?.backup(to)?;
    let (from, file) = (address.to_string(), to.display().to_string());
    output.result(
        &json!({ "state": from, "file": file, "bytes": bytes }),
        || format!("backed up {from} to {file}, {bytes} bytes\n"),
    )?;
    Ok(ExitCode::Success)
}

/// Returns true if `file` is, or may become, a file of `state`.
fn belongs_to(state: &Path, file: &Path) -> bool {
    let folder = |path: &Path| {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        parent.unwrap_or(Path::new(".")).canonicalize().ok()
    };
    // A link to a state shares the files beside the state itself.
    let real = state.canonicalize().unwrap_or_else(|_| state.to_owned());
    let own = |state: &Path| {
        let name = state.file_name().unwrap_or_default().to_owned();
        BESIDE.iter().any(|end| {
            let beside: OsString = [name.as_os_str(), end.as_ref()].into_iter().collect();
            file.file_name() == Some(&beside) && folder(file) == folder(state)
        })
    };
    [state.to_owned(), real]
        .iter()
        .any(|path: &PathBuf| own(path))
}

#[cfg(test)]
mod tests {
    use windlass_core::time::HOUR_MS;
    use windlass_state::StateStore;

    use super::*;
    use crate::testing::{Bench, CONFIG, OUTPUT, at, window};

    fn refused(bench: &Bench, to: &str) -> String {
        let error = backup(&bench.state(), &bench.path(to), OUTPUT).unwrap_err();
        assert_eq!(ExitCode::of(&error), ExitCode::Usage, "{error:#}");
        error.to_string()
    }

    #[tokio::test]
    async fn backup_copies_state_beside_writer() {
        let bench = Bench::new(CONFIG);
        let (store, definition) = (bench.store(), bench.definition());
        store.apply_source(&definition, at(0)).await.unwrap();
        let window = window(&definition);
        store.create(&window).await.unwrap();
        for (number, target) in [bench.state(), bench.target()].iter().enumerate() {
            let to = bench.path(&format!("backup-{number}.db"));
            assert_eq!(backup(target, &to, OUTPUT).unwrap(), ExitCode::Success);
            let copy = SqliteStore::open(&to).unwrap();
            assert_eq!(copy.window(window.id()).await, Ok(Some(window.clone())));
            assert_eq!(copy.all_sources().await.unwrap().len(), 1);
        }
        let later = window.with(|form| (form.from, form.to) = (form.to, form.to.plus_ms(HOUR_MS)));
        store.create(&later).await.unwrap();
    }

    #[test]
    fn backup_replaces_no_file() {
        let bench = Bench::new(CONFIG);
        drop(bench.store());
        std::fs::write(bench.path("taken.db"), "a letter").unwrap();
        for taken in ["taken.db", "windlass.db"] {
            let said = refused(&bench, taken);
            assert!(said.contains("never replaces a file"), "{said}");
        }
        std::fs::create_dir(bench.path("below")).unwrap();
        for beside in [
            "windlass.db-wal",
            "below/../windlass.db-shm",
            "windlass.db-journal",
        ] {
            let said = refused(&bench, beside);
            assert!(
                said.contains("belongs to SQLite and to the state"),
                "{said}"
            );
        }
        let letter = std::fs::read_to_string(bench.path("taken.db")).unwrap();
        assert_eq!(letter, "a letter");
    }

    #[test]
    fn backup_needs_existing_sqlite_state() {
        let bench = Bench::new(CONFIG);
        let missing = backup(&bench.state(), &bench.path("b.db"), OUTPUT).unwrap_err();
        assert_eq!(ExitCode::of(&missing), ExitCode::State);
        let table = Target::new(None, Some("dynamodb:windlass".parse().unwrap()), None);
        let error = backup(&table, &bench.path("b.db"), OUTPUT).unwrap_err();
        assert_eq!(ExitCode::of(&error), ExitCode::Usage);
        let said = error.to_string();
        assert!(
            said.contains("dynamodb:windlass") && said.contains("point-in-time recovery"),
            "{said}"
        );
        assert!(!bench.path("b.db").exists());
    }
}
