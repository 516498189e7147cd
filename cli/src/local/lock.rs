//! One `run` per state file, by operating-system locks that end with the process.
//!
//! The lock beside the state names its holder. On Linux the state file itself is locked as well: a
//! file is the same under each of its names, and has no lock file that could be removed. That lock
//! (`flock`) and those of SQLite (`fcntl`) are independent there. On other systems they may
//! conflict, and only the lock beside the state is taken. The state file stays open until the lock
//! is dropped, after the last connection: closing it earlier would release SQLite's locks.

use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::exit_code::StateUnusable;

/// Number of attempts before another run counts as the owner of the lock.
const TRIES: usize = 100;

/// Holds the lock until dropped.
#[derive(Debug)]
pub(crate) struct StateLock {
    /// The path of the state without links.
    state: PathBuf,
    _beside: File,
    /// The state file; `None` before it is created.
    file: Option<File>,
}

impl StateLock {
    /// Locks the state file at `state` through `<state>.lock` beside it. The caller locks the state
    /// file itself with [`Self::take_file`] once it exists.
    ///
    /// # Errors
    /// Another process holds the lock (the message names it), or the file cannot be created.
    pub(crate) fn take(state: &Path) -> Result<Self, StateUnusable> {
        let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
        let path = path_for(&state);
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
        let mut lock = Self {
            state,
            _beside: file,
            file: None,
        };
        if lock.state.exists() {
            lock.take_file()?;
        }
        Ok(lock)
    }

    /// Locks the state file itself, which exists.
    ///
    /// # Errors
    /// If another process holds it, or it has another name.
    pub(crate) fn take_file(&mut self) -> Result<(), StateUnusable> {
        if self.file.is_some() {
            return Ok(());
        }
        let unusable =
            |problem: String| StateUnusable(format!("{}: {problem}", self.state.display()));
        let failed = |error: io::Error| unusable(format!("cannot lock the state: {error}"));
        let file = File::open(&self.state).map_err(failed)?;
        if has_other_names(&file.metadata().map_err(failed)?) {
            return Err(unusable(
                "the state file has another name (a hard link), and SQLite keeps a separate log \
                 per name; remove the other name, or copy the state with `cp`"
                    .to_owned(),
            ));
        }
        if cfg!(target_os = "linux") {
            match try_lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(unusable(
                        "another process is running on this state under another name or lock file; \
                         stop it first, or use another state file"
                            .to_owned(),
                    ));
                }
                // A file system without locks, or NFS, where this lock would keep SQLite out: the lock
                // beside the state must suffice.
                Err(TryLockError::Error(error)) if is_unsupported(&error) => {}
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        self.file = Some(file);
        Ok(())
    }

    /// Checks that the state's path still leads to the locked file.
    ///
    /// # Errors
    /// If the state file was removed or replaced.
    pub(crate) fn check(&self) -> Result<(), StateUnusable> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let is_same = match (file.metadata(), self.state.metadata()) {
            (Ok(held), Ok(named)) => is_same(&held, &named),
            (_, Err(error)) => error.kind() != ErrorKind::NotFound,
            (Err(_), Ok(_)) => true,
        };
        if is_same {
            return Ok(());
        }
        Err(StateUnusable(format!(
            "{}: the state file was removed or replaced during this run, and the progress of the \
             run is lost; restore the file or a backup, then run `windlass adopt`, which rebuilds \
             the delivered windows from the output folders",
            self.state.display()
        )))
    }

    /// Returns true if a process runs on the state file at `state`, or if that is unknown.
    pub(crate) fn is_held(state: &Path) -> bool {
        let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
        match File::open(path_for(&state)) {
            // A shared lock, released at once: two concurrent checks do not conflict.
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
            let problem = "it is a link or not a regular file; remove it";
            return Err(io::Error::new(ErrorKind::InvalidInput, problem));
        }
    }
    Ok(file)
}

/// Returns true if the file system has no such lock. NFS, which implements it by `fcntl`, requires
/// a file that is open for writing.
fn is_unsupported(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::EBADF) {
        return true;
    }
    error.kind() == ErrorKind::Unsupported
}

#[cfg(unix)]
fn has_other_names(file: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.nlink() > 1
}

#[cfg(not(unix))]
fn has_other_names(_: &Metadata) -> bool {
    false
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
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
    fn second_run_names_lock_holder() {
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
    fn link_as_lock_file_is_rejected() {
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

    #[cfg(target_os = "linux")]
    #[test]
    fn lock_covers_links_and_survives_lock_file() {
        let dir = tempfile::tempdir().unwrap();
        let (state, link) = (dir.path().join("windlass.db"), dir.path().join("link.db"));
        let mut held = StateLock::take(&state).unwrap();
        std::fs::write(&state, "").unwrap();
        held.take_file().unwrap();
        std::os::unix::fs::symlink(&state, &link).unwrap();
        assert!(StateLock::is_held(&link));
        assert!(StateLock::take(&link).is_err());
        std::fs::remove_file(path_for(&state)).unwrap();
        let refused = StateLock::take(&state).unwrap_err().to_string();
        assert!(refused.contains("another process is running"), "{refused}");
        drop(held);
        StateLock::take(&state).unwrap();
        let hard = dir.path().join("hard.db");
        std::fs::hard_link(&state, &hard).unwrap();
        for name in [&state, &hard] {
            let refused = StateLock::take(name).unwrap_err().to_string();
            assert!(refused.contains("another name (a hard link)"), "{refused}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn removed_or_replaced_state_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("windlass.db");
        std::fs::write(&state, "").unwrap();
        let held = StateLock::take(&state).unwrap();
        held.check().unwrap();
        std::fs::remove_file(&state).unwrap();
        let said = held.check().unwrap_err().to_string();
        assert!(said.contains("was removed or replaced"), "{said}");
        std::fs::write(&state, "").unwrap();
        assert!(held.check().is_err());
    }

    #[test]
    fn missing_folder_is_named() {
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
