//! Directories whose entries are on the device: a file is as lost with its directory entry as it
//! is with its bytes.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::file_error::{FileError, IoContext};
use super::open::Readers;

/// Directories remembered as durable, so that not every window syncs its ancestors again. Reaching
/// it costs a few syncs, nothing else.
const REMEMBERED_MAX: usize = 1_024;

/// The directories below one base directory.
#[derive(Debug)]
pub(super) struct Directories {
    base: PathBuf,
    readers: Readers,
    durable: Mutex<BTreeSet<PathBuf>>,
}

impl Directories {
    /// Those below `base`, which exists.
    pub(super) fn below(base: PathBuf, readers: Readers) -> Self {
        Self {
            base,
            readers,
            durable: Mutex::default(),
        }
    }

    /// The directory they are below.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// Who may read what is made in them.
    pub(super) fn readers(&self) -> Readers {
        self.readers
    }

    /// Makes `directory`, which is below the base, exist and stay.
    ///
    /// One caller at a time: whoever finds a directory here may rely on it being durable, also
    /// when another task made it.
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

/// Makes the directory `base` and those above it exist and stay.
pub(super) fn create_base(base: &Path, readers: Readers) -> Result<(), FileError> {
    create(
        base.ancestors()
            .take_while(|path| !path.as_os_str().is_empty() && !path.exists()),
        readers,
    )
}

/// Makes `directories`, innermost first, exist, and their entries durable.
fn create<'a>(
    directories: impl Iterator<Item = &'a Path>,
    readers: Readers,
) -> Result<(), FileError> {
    let directories: Vec<_> = directories.collect();
    for path in directories.into_iter().rev() {
        match readers.create_dir(path) {
            // Made by an earlier process, perhaps, that was stopped before it could sync.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => created.doing("create", path)?,
        }
        sync(parent(path))?;
    }
    Ok(())
}

/// The directory `path` is in.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes the entries of `directory` durable: names that came, went or changed.
#[cfg(unix)]
pub(super) fn sync(directory: &Path) -> Result<(), FileError> {
    match File::open(directory).and_then(|open| open.sync_all()) {
        // Some network file systems cannot sync a directory; they have nothing better to offer.
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

/// Makes the entries of `directory` durable, which elsewhere needs no call of its own.
#[cfg(not(unix))]
pub(super) fn sync(_directory: &Path) -> Result<(), FileError> {
    Ok(())
}

/// Removes the file at `path`; whether there was one.
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
    fn a_directory_that_somebody_removed_is_made_again() {
        let base = tempfile::tempdir().unwrap();
        let directories = Directories::below(base.path().to_owned(), Readers::Owner);
        let directory = base.path().join("okta/live/2026-01-01");
        directories.ensure(&directory).unwrap();
        fs::remove_dir_all(base.path().join("okta")).unwrap();
        directories.ensure(&directory).unwrap();
        assert!(directory.is_dir());
    }

    #[test]
    fn what_is_remembered_stays_bounded() {
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
    fn a_base_that_disappeared_is_an_error_and_is_not_made_again() {
        let base = tempfile::tempdir().unwrap();
        let gone = base.path().join("unmounted");
        let directories = Directories::below(gone.clone(), Readers::Owner);
        assert!(directories.ensure(&gone.join("okta")).is_err());
        assert!(!gone.exists());
    }

    #[test]
    fn a_bare_name_lies_in_the_working_directory() {
        assert_eq!(parent(Path::new("out")), Path::new("."));
        assert_eq!(parent(Path::new("/out/x")), Path::new("/out"));
    }

    #[test]
    fn removing_what_is_not_there_is_no_error() {
        let base = tempfile::tempdir().unwrap();
        assert!(!remove(&base.path().join("x")).unwrap());
    }
}
