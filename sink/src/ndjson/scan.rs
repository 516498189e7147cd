//! Traversal of the files of an output folder.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry, ReadDir};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use windlass_core::ids::SourceName;
use windlass_core::time::Timestamp;

use super::directories;
use super::file_error::{FileError, IoContext};
use super::layout::{FileName, day};
use crate::SinkError;

/// Levels of directories below the folder: source, lane, day.
const DEPTH_MAX: usize = 3;

/// A file below an output folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderFile {
    /// Its path, including the folder.
    pub path: PathBuf,
    /// Length in bytes.
    pub bytes: u64,
    /// The parsed path; `None` for a name that windlass does not use.
    pub name: Option<FileName>,
}

/// The files below an output folder, unordered, source by source. Holds only one open directory per
/// level, however many files there are. Omits a file that disappears meanwhile.
///
/// A symbolic link to a directory is followed, as by a write: old days may lie on another disk. A
/// link that leads nowhere, and anything but a regular file under the name of a delivered file, is
/// an error. After an error the walk continues with the readable rest.
#[derive(Debug)]
pub struct Files {
    sink: String,
    base: PathBuf,
    open: Vec<ReadDir>,
    /// The first day directory to enter, `2026-01-01`; every one when empty.
    since: String,
    /// Earlier day directories to enter as well.
    also: BTreeSet<String>,
}

impl Files {
    /// The files below `base`, or of one `source` only, for the sink `sink`. Empty if the directory
    /// does not exist.
    pub fn below(sink: &str, base: &Path, source: Option<&SourceName>) -> Result<Self, SinkError> {
        let mut files = Self {
            sink: sink.to_owned(),
            base: base.to_owned(),
            open: Vec::new(),
            since: String::new(),
            also: BTreeSet::new(),
        };
        let start = match source {
            Some(source) => base.join(source.as_str()),
            None => base.to_owned(),
        };
        files
            .enter(&start)
            .map_err(|error| error.into_sink_error(sink))?;
        Ok(files)
    }

    /// Only the files in the directories of the UTC day of `from` and later, and of the days of
    /// `also`.
    #[must_use]
    pub fn since(self, from: Timestamp, also: impl IntoIterator<Item = Timestamp>) -> Self {
        Self {
            since: day(from),
            also: also.into_iter().map(day).collect(),
            ..self
        }
    }

    fn enter(&mut self, directory: &Path) -> Result<(), FileError> {
        match fs::read_dir(directory) {
            Ok(entries) => self.open.push(entries),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                directories::check_not_dangling(directory)?;
            }
            Err(error) => return Err(error).doing("list", directory),
        }
        Ok(())
    }

    fn is_wanted(&self, day: &DirEntry) -> bool {
        let name = day.file_name();
        let day = name.to_string_lossy();
        *day >= *self.since || self.also.contains(&*day)
    }

    /// The file at `entry`. `None` for a directory, which is entered, and for a file that windlass
    /// does not write.
    fn visit(&mut self, entry: &DirEntry) -> Result<Option<FolderFile>, FileError> {
        let path = entry.path();
        let kind = entry.file_type().doing("inspect", &path)?;
        let below = path.strip_prefix(&self.base).unwrap_or(&path).to_owned();
        let name = FileName::parse(&below);
        let depth = below.components().count();
        let is_wanted = depth < DEPTH_MAX || (depth == DEPTH_MAX && self.is_wanted(entry));
        if name.is_some() && !kind.is_file() {
            return Err(FileError::Planted(path));
        }
        if kind.is_dir() || (kind.is_symlink() && is_wanted && leads_to_directory(&path)?) {
            if is_wanted {
                self.enter(&path)?;
            }
            return Ok(None);
        }
        if !kind.is_file() {
            return Ok(None);
        }
        match entry.metadata() {
            Ok(metadata) => Ok(Some(FolderFile {
                path,
                bytes: metadata.len(),
                name,
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).doing("read the length of", &path),
        }
    }
}

/// True for a link to a directory, false for a link to anything else.
fn leads_to_directory(link: &Path) -> Result<bool, FileError> {
    match fs::metadata(link) {
        Ok(there) => Ok(there.is_dir()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            directories::check_not_dangling(link).map(|()| false)
        }
        Err(error) => Err(error).doing("inspect", link),
    }
}

impl Iterator for Files {
    type Item = Result<FolderFile, SinkError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let found = match self.open.last_mut()?.next() {
                None => {
                    self.open.pop();
                    continue;
                }
                Some(Ok(entry)) => self.visit(&entry),
                Some(Err(error)) => {
                    // The rest of this directory is unknown.
                    self.open.pop();
                    Err(error).doing("list", &self.base)
                }
            };
            match found {
                Ok(None) => {}
                Ok(Some(file)) => return Some(Ok(file)),
                Err(error) => return Some(Err(error.into_sink_error(&self.sink))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "20260101T030000.000Z_20260101T040000.000Z-0123456789ab.ndjson";

    fn write(base: &Path, below: &str, text: &str) {
        let path = base.join(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn found(base: &Path, source: Option<&str>) -> Vec<(String, u64, bool)> {
        let source = source.map(|source| source.parse().unwrap());
        let files = Files::below("lake", base, source.as_ref()).unwrap();
        let mut found: Vec<_> = files
            .map(|file| {
                let file = file.unwrap();
                let below = file.path.strip_prefix(base).unwrap();
                (below.display().to_string(), file.bytes, file.name.is_some())
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn files_are_found_with_length_and_name() {
        let base = tempfile::tempdir().unwrap();
        let day = "live/2026-01-01";
        write(base.path(), &format!("okta/{day}/{NAME}"), "{}\n");
        write(base.path(), &format!("slack/{day}/{NAME}"), "{}\n{}\n");
        write(base.path(), &format!("slack/{day}/notes.txt"), "");
        write(base.path(), "readme", "x");
        write(base.path(), &format!("okta/{day}/deep/{NAME}"), "{}\n");
        assert_eq!(
            found(base.path(), None),
            [
                (format!("okta/{day}/{NAME}"), 3, true),
                ("readme".to_owned(), 1, false),
                (format!("slack/{day}/{NAME}"), 6, true),
                (format!("slack/{day}/notes.txt"), 0, false),
            ]
        );
        assert_eq!(
            found(base.path(), Some("okta")),
            [(format!("okta/{day}/{NAME}"), 3, true)]
        );
        assert_eq!(found(base.path(), Some("github")), []);
    }

    #[test]
    fn earlier_day_folders_are_read_only_if_named() {
        let base = tempfile::tempdir().unwrap();
        write(base.path(), &format!("okta/live/2026-01-01/{NAME}"), "{}\n");
        let count = |from: &str, also: &[&str]| {
            let files = Files::below("lake", base.path(), None).unwrap();
            let also = also.iter().map(|at| at.parse().unwrap());
            files.since(from.parse().unwrap(), also).count()
        };
        assert_eq!(count("2026-01-01T23:59:59Z", &[]), 1);
        assert_eq!(count("2026-01-02T00:00:00Z", &[]), 0);
        assert_eq!(count("2026-01-03T00:00:00Z", &["2026-01-02T00:00:00Z"]), 0);
        assert_eq!(count("2026-01-03T00:00:00Z", &["2026-01-01T12:00:00Z"]), 1);
    }

    #[cfg(unix)]
    #[test]
    fn scan_follows_directory_links() {
        use std::os::unix::fs::symlink;
        let day = "live/2026-01-01";
        for linked in ["okta", "okta/live", &format!("okta/{day}")] {
            let (base, big) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            write(base.path(), &format!("okta/{day}/{NAME}"), "{}\n");
            let moved = big.path().join("moved");
            fs::rename(base.path().join(linked), &moved).unwrap();
            symlink(&moved, base.path().join(linked)).unwrap();
            let file = (format!("okta/{day}/{NAME}"), 3, true);
            assert_eq!(found(base.path(), None), std::slice::from_ref(&file));
            assert_eq!(found(base.path(), Some("okta")), [file]);
        }
    }

    #[cfg(unix)]
    #[test]
    fn link_cycle_ends_at_day_depth() {
        let base = tempfile::tempdir().unwrap();
        write(base.path(), "readme", "x");
        std::os::unix::fs::symlink(base.path(), base.path().join("okta")).unwrap();
        let found = found(base.path(), None);
        assert_eq!(found.len(), 1 + DEPTH_MAX, "{found:?}");
    }

    #[cfg(unix)]
    #[test]
    fn bad_links_are_errors_beside_found_files() {
        use std::os::unix::fs::symlink;
        let base = tempfile::tempdir().unwrap();
        let day = base.path().join("okta/live/2026-01-01");
        write(base.path(), &format!("okta/live/2026-01-02/{NAME}"), "{}\n");
        symlink(base.path().join("unmounted"), &day).unwrap();
        let errors = || -> Vec<String> {
            let files = Files::below("lake", base.path(), None).unwrap();
            files
                .filter_map(Result::err)
                .map(|it| it.to_string())
                .collect()
        };
        let said = errors();
        assert!(
            said.len() == 1 && said[0].contains("has no target"),
            "{said:?}"
        );
        fs::remove_file(&day).unwrap();
        fs::create_dir(&day).unwrap();
        symlink(base.path().join("x"), day.join(NAME)).unwrap();
        let said = errors();
        assert!(said.len() == 1 && said[0].contains(NAME), "{said:?}");
        let files = Files::below("lake", base.path(), None).unwrap();
        assert_eq!(files.filter_map(Result::ok).count(), 1);
    }
}
