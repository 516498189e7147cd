//! One `run` per state file, by an operating-system lock that ends with the process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::exit_code::StateUnusable;

/// Number of attempts before another run counts as the owner of the lock.
const TRIES: usize = 100;

/// Holds the lock until dropped.
#[derive(Debug)]
pub(crate) struct StateLock {
    _file: File,
}

impl StateLock {
    /// Locks the state file at `state` through `<state>.lock` beside it.
    ///
    /// # Errors
    /// Another process holds the lock (the message names it), or the file cannot be created.
    pub(crate) fn take(state: &Path) -> Result<Self, StateUnusable> {
        let path = path_for(state);
        let unusable = |problem: String| StateUnusable(format!("{}: {problem}", path.display()));
        if let Some(dir) = state.parent().filter(|dir| !dir.as_os_str().is_empty())
            && !dir.is_dir()
        {
            return Err(unusable(format!(
                "cannot lock the state: {} is not a folder; create it first",
                dir.display()
            )));
        }
        let mut file =
            open(&path).map_err(|error| unusable(format!("cannot lock the state: {error}")))?;
        match try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let holder = match (&file).take(64).read_to_string(&mut holder) {
                    Ok(_) if !holder.trim().is_empty() => format!("process {}", holder.trim()),
                    _ => "another process".to_owned(),
                };
                return Err(unusable(format!(
                    "{holder} is running on this state; stop it first, or use another state file"
                )));
            }
            Err(TryLockError::Error(error)) => {
                return Err(unusable(format!("cannot lock the state: {error}")));
            }
        }
        // Only for the message above; the operating system enforces the lock.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(|error| unusable(format!("cannot lock the state: {error}")))?;
        Ok(Self { _file: file })
    }

    /// Returns true if a process runs on the state file at `state`, or if that is unknown.
    pub(crate) fn is_held(state: &Path) -> bool {
        match File::open(path_for(state)) {
            // A shared lock, released at once, so that concurrent tests do not see each other.
            Ok(file) => file.try_lock_shared().is_err(),
            Err(error) => error.kind() != ErrorKind::NotFound,
        }
    }
}

/// The file at `path`, created with owner-only permissions if absent. The owner's process id is
/// written into it, so it must be a file of its own and not a link to another one.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NOFOLLOW).mode(0o600);
    }
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.nlink() > 1 {
            let problem = "it is a link or no regular file; remove it";
            return Err(io::Error::new(ErrorKind::InvalidInput, problem));
        }
    }
    Ok(file)
}

fn path_for(state: &Path) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Locks the file, with retries: a process that only tests the lock holds it for an instant.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 1..TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            other => return other,
        }
    }
    file.try_lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_on_the_same_state_is_refused_and_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("windlass.db");
        let held = StateLock::take(&state).unwrap();
        let refused = StateLock::take(&state).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("process {}", std::process::id())),
            "{refused}"
        );
        assert!(StateLock::is_held(&state));
        drop(held);
        assert!(!StateLock::is_held(&state));
        assert!(!StateLock::is_held(&dir.path().join("other.db")));
        StateLock::take(&state).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn planted_link_is_refused_and_what_it_leads_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (state, victim) = (dir.path().join("windlass.db"), dir.path().join("victim"));
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, path_for(&state)).unwrap();
        assert!(StateLock::take(&state).is_err());
        std::fs::remove_file(path_for(&state)).unwrap();
        std::fs::hard_link(&victim, path_for(&state)).unwrap();
        let refused = StateLock::take(&state).unwrap_err().to_string();
        assert!(refused.contains("is a link"), "{refused}");
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let refused = StateLock::take(&dir.path().join("no/windlass.db"))
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("is not a folder; create it first"),
            "{refused}"
        );
    }
}
