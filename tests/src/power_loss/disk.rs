//! A disk with durable and unsynced data.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::journal::Operation;
use super::tree::{Entry, Tree};

/// Number of a file or folder, independent of its names.
type Node = usize;
/// The names in one folder.
type Names = BTreeMap<OsString, Node>;

/// The watched folder.
const ROOT: Node = 0;

/// A change of one file that may be lost before it is synced.
#[derive(Debug, Clone)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    Length(u64),
}

#[derive(Debug, Clone)]
enum Content {
    File {
        durable: Vec<u8>,
        unsynced: Vec<Change>,
    },
    /// Each change sets or removes names of this folder atomically.
    Directory {
        durable: Names,
        current: Names,
        unsynced: Vec<Vec<(OsString, Option<Node>)>>,
    },
}

/// The files and folders of a process, with their durable part and all later changes.
#[derive(Debug)]
pub(super) struct Disk {
    nodes: Vec<Content>,
    open: BTreeMap<i32, Node>,
}

impl Disk {
    /// A disk on which `tree` is durable.
    pub(super) fn new(tree: &Tree) -> Self {
        let mut disk = Self {
            nodes: vec![empty_directory()],
            open: BTreeMap::new(),
        };
        for (path, entry) in &tree.0 {
            let node = disk.nodes.len();
            disk.nodes.push(match entry {
                Entry::Directory => empty_directory(),
                Entry::File(bytes) => Content::File {
                    durable: bytes.clone(),
                    unsynced: Vec::new(),
                },
            });
            let parent = path.parent().unwrap_or(Path::new(""));
            if let (Some(parent), Some(name)) = (disk.find(parent), path.file_name())
                && let Content::Directory {
                    durable, current, ..
                } = &mut disk.nodes[parent]
            {
                durable.insert(name.to_owned(), node);
                current.insert(name.to_owned(), node);
            }
        }
        disk
    }

    /// The node at `path` in the processes' view.
    fn find(&self, path: &Path) -> Option<Node> {
        path.components()
            .try_fold(ROOT, |node, name| match &self.nodes[node] {
                Content::Directory { current, .. } => current.get(name.as_os_str()).copied(),
                Content::File { .. } => None,
            })
    }

    fn fd(&self, fd: i32) -> anyhow::Result<Node> {
        let node = self.open.get(&fd).copied();
        node.with_context(|| format!("descriptor {fd} was never opened"))
    }

    /// Changes names in the folder of `path`; `names` are file names in it with their nodes.
    fn rename_in(
        &mut self,
        path: &Path,
        names: Vec<(OsString, Option<Node>)>,
    ) -> anyhow::Result<()> {
        let parent = path.parent().context("the folder itself has no name")?;
        let node = self
            .find(parent)
            .context("a name in a folder that is not there")?;
        let Content::Directory {
            current, unsynced, ..
        } = &mut self.nodes[node]
        else {
            bail!("a name in a file");
        };
        set(current, &names);
        unsynced.push(names);
        Ok(())
    }

    fn change(&mut self, fd: i32, change: Change) -> anyhow::Result<()> {
        let node = self.fd(fd)?;
        let Content::File { unsynced, .. } = &mut self.nodes[node] else {
            bail!("bytes in a folder");
        };
        unsynced.push(change);
        Ok(())
    }

    /// Applies one operation.
    pub(super) fn apply(&mut self, operation: Operation) -> anyhow::Result<()> {
        match operation {
            Operation::Open {
                fd,
                path,
                truncates,
            } => {
                let node = match self.find(&path) {
                    Some(node) => node,
                    None => self.create(&path, Content::empty_file())?,
                };
                self.open.insert(fd, node);
                if truncates {
                    self.change(fd, Change::Length(0))?;
                }
            }
            Operation::Close { fd } => {
                self.open.remove(&fd);
            }
            Operation::Duplicate { fd, of } => {
                let node = self.fd(of)?;
                self.open.insert(fd, node);
            }
            Operation::Write { fd, offset, bytes } => {
                self.change(fd, Change::Write { offset, bytes })?;
            }
            Operation::Truncate { fd, len } => self.change(fd, Change::Length(len))?,
            Operation::Rename { from, to } => {
                ensure!(
                    from.parent() == to.parent(),
                    "a rename into another folder is not modelled: {} to {}",
                    from.display(),
                    to.display()
                );
                let node = self.find(&from).context("a rename of nothing")?;
                let names = vec![(name_of(&from)?, None), (name_of(&to)?, Some(node))];
                self.rename_in(&to, names)?;
            }
            Operation::Link { from, to } => {
                let node = self.find(&from).context("a link to nothing")?;
                self.rename_in(&to, vec![(name_of(&to)?, Some(node))])?;
            }
            Operation::Unlink(path) => self.rename_in(&path, vec![(name_of(&path)?, None)])?,
            Operation::MakeDirectory(path) => {
                self.create(&path, empty_directory())?;
            }
            Operation::Sync { fd } => {
                let node = self.fd(fd)?;
                self.nodes[node].sync();
            }
        }
        Ok(())
    }

    fn create(&mut self, path: &Path, content: Content) -> anyhow::Result<Node> {
        let node = self.nodes.len();
        self.nodes.push(content);
        self.rename_in(path, vec![(name_of(path)?, Some(node))])?;
        Ok(node)
    }

    /// Number of changes that are not durable.
    pub(super) fn unsynced(&self) -> usize {
        let changes = self.nodes.iter().map(|content| match content {
            Content::File { unsynced, .. } => unsynced.len(),
            Content::Directory { unsynced, .. } => unsynced.len(),
        });
        changes.sum()
    }

    /// The content in the processes' view.
    pub(super) fn current(&self) -> Tree {
        let mut tree = Tree::default();
        self.collect(ROOT, Path::new(""), &mut tree);
        tree
    }

    fn collect(&self, directory: Node, inside: &Path, tree: &mut Tree) {
        let Content::Directory { current, .. } = &self.nodes[directory] else {
            return;
        };
        for (name, node) in current {
            let path = inside.join(name);
            match &self.nodes[*node] {
                Content::Directory { .. } => {
                    tree.insert(path.clone(), Entry::Directory);
                    self.collect(*node, &path, tree);
                }
                Content::File { durable, unsynced } => {
                    let bytes = replay(durable, unsynced, || Fate::Kept);
                    tree.insert(path, Entry::File(bytes));
                }
            }
        }
    }

    /// A possible content after a power loss: the durable part, and a part of the rest chosen by
    /// `seed`.
    pub(super) fn after_loss(mut self, seed: u64) -> Tree {
        let mut rng = fastrand::Rng::with_seed(seed);
        // Some losses keep nothing, some everything, most a part.
        let kept_percent = [0, 25, 75, 100][rng.usize(0..4)];
        let mut fates = Fates { rng, kept_percent };
        for content in &mut self.nodes {
            match content {
                Content::File { durable, unsynced } => {
                    *durable = replay(durable, unsynced, || fates.of_write());
                    unsynced.clear();
                }
                Content::Directory {
                    durable,
                    current,
                    unsynced,
                } => {
                    for names in unsynced.drain(..) {
                        if fates.is_kept() {
                            set(durable, &names);
                        }
                    }
                    current.clone_from(durable);
                }
            }
        }
        self.current()
    }
}

/// The fate of an unsynced write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Dropped,
    /// Reaches the disk up to this fraction of its length, in thousandths.
    Torn(usize),
    /// Only the file's length reaches the disk.
    Zeroed,
}

#[derive(Debug)]
struct Fates {
    rng: fastrand::Rng,
    kept_percent: u8,
}

impl Fates {
    fn is_kept(&mut self) -> bool {
        self.rng.u8(0..100) < self.kept_percent
    }

    fn of_write(&mut self) -> Fate {
        if self.is_kept() {
            return Fate::Kept;
        }
        match self.rng.u8(0..4) {
            0 => Fate::Torn(self.rng.usize(0..1_000)),
            1 => Fate::Zeroed,
            _ => Fate::Dropped,
        }
    }
}

impl Content {
    const fn empty_file() -> Self {
        Self::File {
            durable: Vec::new(),
            unsynced: Vec::new(),
        }
    }

    /// Makes all changes durable.
    fn sync(&mut self) {
        match self {
            Self::File { durable, unsynced } => {
                *durable = replay(durable, unsynced, || Fate::Kept);
                unsynced.clear();
            }
            Self::Directory {
                durable,
                current,
                unsynced,
            } => {
                durable.clone_from(current);
                unsynced.clear();
            }
        }
    }
}

fn empty_directory() -> Content {
    Content::Directory {
        durable: Names::new(),
        current: Names::new(),
        unsynced: Vec::new(),
    }
}

fn name_of(path: &Path) -> anyhow::Result<OsString> {
    let name = path.file_name().context("the folder itself has no name")?;
    Ok(name.to_owned())
}

fn set(names: &mut Names, changes: &[(OsString, Option<Node>)]) {
    for (name, node) in changes {
        match node {
            Some(node) => names.insert(name.clone(), *node),
            None => names.remove(name),
        };
    }
}

/// The bytes of a file after `changes`, each with its fate.
fn replay(durable: &[u8], changes: &[Change], mut fate: impl FnMut() -> Fate) -> Vec<u8> {
    let mut file = durable.to_vec();
    for change in changes {
        match (change, fate()) {
            (Change::Length(len), Fate::Kept) => file.resize(usize_of(*len), 0),
            (Change::Length(_), _) | (_, Fate::Dropped) => {}
            (Change::Write { offset, bytes }, Fate::Kept) => put(&mut file, *offset, bytes),
            (Change::Write { offset, bytes }, Fate::Torn(thousandths)) => {
                put(
                    &mut file,
                    *offset,
                    &bytes[..bytes.len() * thousandths / 1_000],
                );
            }
            (Change::Write { offset, bytes }, Fate::Zeroed) => {
                let end = usize_of(*offset) + bytes.len();
                file.resize(file.len().max(end), 0);
            }
        }
    }
    file
}

fn put(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let start = usize_of(offset);
    let end = start + bytes.len();
    if bytes.is_empty() {
        return;
    }
    file.resize(file.len().max(end), 0);
    file[start..end].copy_from_slice(bytes);
}

/// Converts a length; files of the tests fit into memory.
fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
