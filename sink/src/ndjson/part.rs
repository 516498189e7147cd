//! One growing file of a window: resumed at an offset, appended to, made final.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::directories::{self, Directories, parent};
use super::file_error::{FileError, IoContext};
use super::open::{Readers, has_other_names, is_same};

/// A file in progress. Its bytes up to `len` are durable.
#[derive(Debug)]
pub(super) struct Part {
    /// Path while in progress.
    path: PathBuf,
    /// Path when final.
    output: PathBuf,
    /// Open for appending and locked; `None` before the first byte.
    file: Option<File>,
    len: u64,
}

impl Part {
    /// Resumes at `offset` and truncates the rest.
    ///
    /// A final file becomes the part again when there is no part and its bytes are needed. At
    /// offset 0 they are not, and it stays until [`Self::finish`] replaces it.
    pub(super) fn resume(
        path: PathBuf,
        output: PathBuf,
        offset: u64,
        directories: &Directories,
    ) -> Result<Self, FileError> {
        let file = match open_part(&path, directories.readers())? {
            Some(file) => {
                check(&file, &path, offset)?;
                if offset == 0 {
                    // Its creator may have stopped before its name was durable.
                    directories.ensure(parent(&path))?;
                    directories::sync(parent(&path))?;
                }
                Some(file)
            }
            None if offset == 0 => None,
            None => Some(take_back(&path, &output, offset, directories.readers())?),
        };
        if let Some(file) = &file {
            cut(file, offset).doing("truncate", &path)?;
        }
        Ok(Self {
            path,
            output,
            file,
            len: offset,
        })
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Appends `bytes`, and returns when they are durable and the file ends with them. Does nothing
    /// for empty `bytes`.
    pub(super) fn append(
        &mut self,
        bytes: &[u8],
        directories: &Directories,
    ) -> Result<(), FileError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(&self.path, directories)?),
        };
        file.write_all(bytes).doing("write", &self.path)?;
        file.sync_data().doing("sync", &self.path)?;
        self.len += bytes.len() as u64;
        self.check_len()
    }

    /// Checks that the file has the written length and still has its name: no other program
    /// truncated, extended or replaced it.
    fn check_len(&self) -> Result<(), FileError> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let lost = |what: String| Err(FileError::Lost(format!("{} {what}", self.path.display())));
        let open = file.metadata().doing("read the length of", &self.path)?;
        if open.len() != self.len {
            return lost(format!(
                "has {} bytes, and {} were written: another program has changed it",
                open.len(),
                self.len
            ));
        }
        match fs::symlink_metadata(&self.path) {
            Ok(named) if is_same(&open, &named) => Ok(()),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).doing("find", &self.path)
            }
            _ => lost("was removed or replaced while it was written".to_owned()),
        }
    }

    /// Gives the file its final name, and replaces an existing file; an empty file leaves neither
    /// name. Returns true if the directory changed and needs a sync.
    pub(super) fn finish(&self) -> Result<bool, FileError> {
        if self.len == 0 {
            return Ok(directories::remove(&self.output)? | directories::remove(&self.path)?);
        }
        self.check_len()?;
        fs::rename(&self.path, &self.output).doing("rename", &self.path)?;
        Ok(true)
    }
}

/// The part at `path` as [`open`] returns it. A part with another name, as in a snapshot of hard
/// links, becomes a file of its own: the file under the other name stays unchanged.
fn open_part(path: &Path, readers: Readers) -> Result<Option<File>, FileError> {
    match fs::symlink_metadata(path) {
        Ok(part) if part.is_file() && has_other_names(&part) => set_apart(path, readers)?,
        _ => {}
    }
    open(path, readers)
}

/// Replaces the file at `path` by a copy, durably.
fn set_apart(path: &Path, readers: Readers) -> Result<(), FileError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".copy");
    let copy = PathBuf::from(name);
    // Left by a process that was stopped, or created by another program.
    directories::remove(&copy)?;
    let mut from = readers
        .options()
        .read(true)
        .open(path)
        .doing("open", path)?;
    let mut to = readers.create_new(&copy).doing("create", &copy)?;
    io::copy(&mut from, &mut to).doing("copy", path)?;
    to.sync_all().doing("sync", &copy)?;
    fs::rename(&copy, path).doing("rename", &copy)?;
    directories::sync(parent(path))
}

/// The existing file at `path`, locked for this writer; `None` if there is none.
fn open(path: &Path, readers: Readers) -> Result<Option<File>, FileError> {
    match readers.options().read(true).append(true).open(path) {
        Ok(file) => {
            let metadata = file.metadata().doing("inspect", path)?;
            if metadata.is_file() && !has_other_names(&metadata) {
                lock(file, path).map(Some)
            } else {
                Err(FileError::Planted(path.to_owned()))
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).doing("open", path),
    }
}

/// A new file at `path`, locked for this writer, with a durable name.
fn create(path: &Path, directories: &Directories) -> Result<File, FileError> {
    directories.ensure(parent(path))?;
    let file = match directories.readers().create_new(path) {
        // The file did not exist when this writer opened the window, so another writer created it.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(FileError::Busy(path.to_owned()));
        }
        created => lock(created.doing("create", path)?, path)?,
    };
    directories::sync(parent(path))?;
    Ok(file)
}

fn lock(file: File, path: &Path) -> Result<File, FileError> {
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(FileError::Busy(path.to_owned())),
        // A file system without locks: the lease alone excludes others.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => Err(error).doing("lock", path),
    }
}

/// Renames the final file to the part's name. It stays final if it cannot be continued.
fn take_back(path: &Path, output: &Path, offset: u64, readers: Readers) -> Result<File, FileError> {
    let Some(file) = open(output, readers)? else {
        return Err(FileError::Lost(format!(
            "{} is missing, and its checkpoint is at byte {offset}",
            path.display()
        )));
    };
    check(&file, output, offset)?;
    fs::rename(output, path).doing("rename", output)?;
    directories::sync(parent(path))?;
    Ok(file)
}

/// Checks that the file reaches to `offset`, and has a line end there: after a power loss, some
/// file systems restore a file's length but not its bytes.
fn check(file: &File, path: &Path, offset: u64) -> Result<(), FileError> {
    let lost = |what: String| Err(FileError::Lost(format!("{} {what}", path.display())));
    let len = file.metadata().doing("read the length of", path)?.len();
    if len < offset {
        return lost(format!(
            "has {len} bytes, and its checkpoint is at byte {offset}"
        ));
    }
    if offset > 0 && byte_at(file, offset - 1).doing("read", path)? != b'\n' {
        return lost(format!("has no line end at its checkpoint, byte {offset}"));
    }
    Ok(())
}

fn byte_at(mut file: &File, offset: u64) -> io::Result<u8> {
    let mut byte = [0];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// Truncates the file at `offset`, durably: a file that becomes final without another write must
/// not grow back.
fn cut(file: &File, offset: u64) -> io::Result<()> {
    if file.metadata()?.len() > offset {
        file.set_len(offset)?;
        file.sync_all()?;
    }
    Ok(())
}
