//! Traversal of the files of an output folder.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry, ReadDir};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use windlass_core::ids::SourceName;
use windlass_core::time::Timestamp;

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
/// level, however many files there are. Does not follow symbolic links, and omits a file that
/// disappears meanwhile.
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
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).doing("list", directory),
        }
        Ok(())
    }

    fn is_wanted(&self, day: &DirEntry) -> bool {
        let name = day.file_name();
        let day = name.to_string_lossy();
        *day >= *self.since || self.also.contains(&*day)
    }

    /// The file at `entry`. `None` for a directory, which is entered, and for anything else.
    fn visit(&mut self, entry: &DirEntry) -> Result<Option<FolderFile>, FileError> {
        let path = entry.path();
        let kind = entry.file_type().doing("look at", &path)?;
        let below = path.strip_prefix(&self.base).unwrap_or(&path);
        if kind.is_dir() {
            let depth = below.components().count();
            if depth < DEPTH_MAX || (depth == DEPTH_MAX && self.is_wanted(entry)) {
                self.enter(&path)?;
            }
            return Ok(None);
        }
        if !kind.is_file() {
            return Ok(None);
        }
        let name = FileName::parse(below);
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
                Some(Err(error)) => Err(error).doing("list", &self.base),
            };
            match found {
                Ok(None) => {}
                Ok(Some(file)) => return Some(Ok(file)),
                Err(error) => {
                    // The rest of an unreadable directory is unknown.
                    self.open.clear();
                    return Some(Err(error.into_sink_error(&self.sink)));
                }
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
    fn each_file_is_found_with_its_length_and_meaning() {
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
    fn folders_of_earlier_days_are_read_only_if_named() {
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
    fn symbolic_links_are_not_followed() {
        let (base, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(elsewhere.path(), &format!("live/2026-01-01/{NAME}"), "{}\n");
        std::os::unix::fs::symlink(elsewhere.path(), base.path().join("okta")).unwrap();
        assert_eq!(found(base.path(), None), []);
    }
}
