//! Snapshots of folders and files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The content at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Directory,
    File(Vec<u8>),
}

/// Everything below a folder, by relative path; a folder precedes its content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tree(pub(super) BTreeMap<PathBuf, Entry>);

/// Returns true if the file is not part of the disk: memory that SQLite maps, or output of the
/// test's processes.
fn is_outside(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.ends_with("-shm") || is_process_output(path)
}

fn is_process_output(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("process-")
}

impl Tree {
    /// Inserts `entry` at `path`, unless that is not part of the disk.
    pub(super) fn insert(&mut self, path: PathBuf, entry: Entry) {
        if !is_outside(&path) {
            self.0.insert(path, entry);
        }
    }

    /// Reads everything below `root`.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut tree = Self::default();
        tree.collect(root, root)?;
        Ok(tree)
    }

    fn collect(&mut self, root: &Path, directory: &Path) -> anyhow::Result<()> {
        let failed = || format!("cannot read {}", directory.display());
        for entry in fs::read_dir(directory).with_context(failed)? {
            let path = entry.with_context(failed)?.path();
            let inside = path.strip_prefix(root)?.to_owned();
            if path.is_dir() {
                self.insert(inside, Entry::Directory);
                self.collect(root, &path)?;
            } else {
                let bytes = fs::read(&path).with_context(|| format!("{}", path.display()))?;
                self.insert(inside, Entry::File(bytes));
            }
        }
        Ok(())
    }

    /// A description of the first difference from `other`; `None` if they are equal.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        let describe = |entry: Option<&Entry>| match entry {
            None => "nothing".to_owned(),
            Some(Entry::Directory) => "a folder".to_owned(),
            Some(Entry::File(bytes)) => format!("a file of {} bytes", bytes.len()),
        };
        let mut paths = self.0.keys().chain(other.0.keys());
        let different = paths.find(|path| self.0.get(*path) != other.0.get(*path))?;
        let (here, there) = (self.0.get(different), other.0.get(different));
        Some(format!(
            "{} is {} and not {}",
            different.display(),
            describe(here),
            describe(there)
        ))
    }

    /// Replaces the content of the folder `root` with this one, except for files that are not part
    /// of the disk.
    pub(super) fn write(&self, root: &Path) -> anyhow::Result<()> {
        for entry in fs::read_dir(root)? {
            let path = entry?.path();
            if path.is_dir() {
                fs::remove_dir_all(&path)?;
            } else if !is_process_output(&path) {
                fs::remove_file(&path)?;
            }
        }
        for (inside, entry) in &self.0 {
            let path = root.join(inside);
            match entry {
                Entry::Directory => fs::create_dir(&path)?,
                Entry::File(bytes) => fs::write(&path, bytes)?,
            }
        }
        Ok(())
    }
}
