//! Directories with durable entries: a file is lost with its directory entry as with its bytes.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::file_error::{FileError, IoContext};
use super::open::Readers;

/// Maximum number of directories remembered as durable, so that not every window syncs its
/// ancestors again. Exceeding it costs a few syncs, nothing else.
const REMEMBERED_MAX: usize = 1_024;

/// The directories below one base directory.
#[derive(Debug)]
pub(super) struct Directories {
    base: PathBuf,
    readers: Readers,
    durable: Mutex<BTreeSet<PathBuf>>,
}

impl Directories {
    /// The directories below `base`, which exists.
    pub(super) fn below(base: PathBuf, readers: Readers) -> Self {
        Self {
            base,
            readers,
            durable: Mutex::default(),
        }
    }

    /// The base directory.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// The users that may read new entries.
    pub(super) fn readers(&self) -> Readers {
        self.readers
    }

    /// Creates `directory`, which is below the base, and makes it durable.
    ///
    /// One caller at a time: a caller that finds the directory may rely on its durability, even if
    /// another task created it.
    pub(super) fn ensure(&self, directory: &Path) -> Result<(), FileError> {
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        if durable.contains(directory) && directory.is_dir() {
            return Ok(());
        }
        create(
            directory
                .ancestors()
                .take_while(|ancestor| *ancestor != self.base),
            self.readers,
        )?;
        if durable.len() >= REMEMBERED_MAX {
            durable.clear();
        }
        durable.insert(directory.to_owned());
        Ok(())
    }
}

/// Creates the directory `base` and its ancestors, and makes them durable.
pub(super) fn create_base(base: &Path, readers: Readers) -> Result<(), FileError> {
    create(
        base.ancestors()
            .take_while(|path| !path.as_os_str().is_empty() && !path.exists()),
        readers,
    )
}

/// Creates `directories`, ordered innermost first, and makes their entries durable.
fn create<'a>(
    directories: impl Iterator<Item = &'a Path>,
    readers: Readers,
) -> Result<(), FileError> {
    let directories: Vec<_> = directories.collect();
    for path in directories.into_iter().rev() {
        match readers.create_dir(path) {
            // Possibly created by an earlier process that stopped before it could sync, or a link to
            // a directory on another disk.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => check_not_dangling(path)?,
            created => created.doing("create", path)?,
        }
        sync(parent(path))?;
    }
    Ok(())
}

/// Checks that `path` is not a link without a target, such as one to a disk that is not mounted.
pub(super) fn check_not_dangling(path: &Path) -> Result<(), FileError> {
    if path.is_symlink() && !path.exists() {
        return Err(FileError::Dangling(path.to_owned()));
    }
    Ok(())
}

/// The parent directory of `path`.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the entries of `directory` durable: created, removed and renamed names.
#[cfg(unix)]
pub(super) fn sync(directory: &Path) -> Result<(), FileError> {
    match File::open(directory).and_then(|open| open.sync_all()) {
        // Some network file systems cannot sync a directory, and offer no alternative.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidInput | ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        synced => synced.doing("sync", directory),
    }
}

/// Makes the entries of `directory` durable, which needs no call on this platform.
#[cfg(not(unix))]
pub(super) fn sync(_directory: &Path) -> Result<(), FileError> {
    Ok(())
}

/// Removes the file at `path`. Returns true if it existed.
pub(super) fn remove(path: &Path) -> Result<bool, FileError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).doing("remove", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removed_directory_is_recreated() {
        let base = tempfile::tempdir().unwrap();
        let directories = Directories::below(base.path().to_owned(), Readers::Owner);
        let directory = base.path().join("okta/live/2026-01-01");
        directories.ensure(&directory).unwrap();
        fs::remove_dir_all(base.path().join("okta")).unwrap();
        directories.ensure(&directory).unwrap();
        assert!(directory.is_dir());
    }

    #[cfg(unix)]
    #[test]
    fn dangling_directory_link_is_refused() {
        let (base, big) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let directories = Directories::below(base.path().to_owned(), Readers::Owner);
        let there = big.path().join("okta");
        std::os::unix::fs::symlink(&there, base.path().join("okta")).unwrap();
        let day = base.path().join("okta/live/2026-01-01");
        let refused = directories.ensure(&day).unwrap_err();
        assert!(matches!(refused, FileError::Dangling(_)), "{refused:?}");
        fs::create_dir(&there).unwrap();
        directories.ensure(&day).unwrap();
        assert!(there.join("live/2026-01-01").is_dir());
    }

    #[test]
    fn remembered_directories_stay_bounded() {
        let base = tempfile::tempdir().unwrap();
        let directories = Directories::below(base.path().to_owned(), Readers::Owner);
        for number in 0..=REMEMBERED_MAX {
            directories
                .ensure(&base.path().join(number.to_string()))
                .unwrap();
        }
        assert_eq!(directories.durable.lock().unwrap().len(), 1);
    }

    #[test]
    fn vanished_base_is_not_recreated() {
        let base = tempfile::tempdir().unwrap();
        let gone = base.path().join("unmounted");
        let directories = Directories::below(gone.clone(), Readers::Owner);
        assert!(directories.ensure(&gone.join("okta")).is_err());
        assert!(!gone.exists());
    }

    #[test]
    fn bare_name_has_working_directory_parent() {
        assert_eq!(parent(Path::new("out")), Path::new("."));
        assert_eq!(parent(Path::new("/out/x")), Path::new("/out"));
    }

    #[test]
    fn removing_missing_file_succeeds() {
        let base = tempfile::tempdir().unwrap();
        assert!(!remove(&base.path().join("x")).unwrap());
    }
}
