//! Parser of the layer's journal.

use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};

/// One successful file operation. Paths are relative to the watched folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Operation {
    Open {
        fd: i32,
        path: PathBuf,
        truncates: bool,
    },
    Close {
        fd: i32,
    },
    Duplicate {
        fd: i32,
        of: i32,
    },
    Write {
        fd: i32,
        offset: u64,
        bytes: Vec<u8>,
    },
    Truncate {
        fd: i32,
        len: u64,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Link {
        from: PathBuf,
        to: PathBuf,
    },
    Unlink(PathBuf),
    MakeDirectory(PathBuf),
    Sync {
        fd: i32,
    },
}

/// One record of the journal in the layer's format.
#[derive(Debug)]
struct Record {
    kind: u8,
    fd: i32,
    number: u64,
    first: Vec<u8>,
    second: Vec<u8>,
}

/// Bytes of a record before its two texts.
const HEAD_BYTES: usize = 21;
/// The flag of an open that truncated the file.
const OPEN_TRUNCATE: u64 = 2;
/// The flag of a rename that must not replace a file; irrelevant for a successful one.
const RENAME_NOREPLACE: u64 = 1;

/// The operations of one process, in order.
#[derive(Debug)]
pub(super) struct Journal {
    bytes: Vec<u8>,
    at: usize,
    root: PathBuf,
}

impl Journal {
    /// Reads the journal at `path` of a process with the watched folder `root`.
    pub(super) fn read(path: &Path, root: &Path) -> anyhow::Result<Self> {
        let bytes = fs::read(path).context("the layer wrote no journal")?;
        Ok(Self {
            bytes,
            at: 0,
            root: root.to_owned(),
        })
    }

    fn take(&mut self, len: usize) -> Option<&[u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(taken)
    }

    fn record(&mut self) -> Option<Record> {
        let head: [u8; HEAD_BYTES] = self.take(HEAD_BYTES)?.try_into().ok()?;
        let len = |at: usize| {
            let bytes = head.get(at..at + 4)?.try_into().ok()?;
            usize::try_from(u32::from_le_bytes(bytes)).ok()
        };
        Some(Record {
            kind: head[0],
            fd: i32::from_le_bytes(head[1..5].try_into().ok()?),
            number: u64::from_le_bytes(head[5..13].try_into().ok()?),
            first: self.take(len(13)?)?.to_vec(),
            second: self.take(len(17)?)?.to_vec(),
        })
    }

    fn path(&self, text: Vec<u8>) -> anyhow::Result<PathBuf> {
        let path = PathBuf::from(String::from_utf8(text).context("a path is not UTF-8")?);
        let inside = path.strip_prefix(&self.root).context("a path elsewhere")?;
        if inside
            .components()
            .any(|part| matches!(part, Component::ParentDir))
        {
            bail!("the layer does not follow `..`: {}", path.display());
        }
        Ok(inside.components().collect())
    }

    fn operation(&mut self) -> anyhow::Result<Operation> {
        let Record {
            kind,
            fd,
            number,
            first,
            second,
        } = self.record().context("a record of the journal is cut")?;
        Ok(match kind {
            1 => Operation::Open {
                fd,
                path: self.path(first)?,
                truncates: number & OPEN_TRUNCATE != 0,
            },
            2 => Operation::Close { fd },
            3 => Operation::Duplicate {
                fd,
                of: i32::try_from(number)?,
            },
            4 => Operation::Write {
                fd,
                offset: number,
                bytes: first,
            },
            5 => Operation::Truncate { fd, len: number },
            6 if number & !RENAME_NOREPLACE == 0 => Operation::Rename {
                from: self.path(first)?,
                to: self.path(second)?,
            },
            7 => Operation::Unlink(self.path(first)?),
            8 => Operation::MakeDirectory(self.path(first)?),
            9 => Operation::Sync { fd },
            10 => Operation::Link {
                from: self.path(first)?,
                to: self.path(second)?,
            },
            other => bail!("no operation has the number {other} with flags {number}"),
        })
    }
}

impl Iterator for Journal {
    type Item = anyhow::Result<Operation>;

    fn next(&mut self) -> Option<Self::Item> {
        (self.at < self.bytes.len()).then(|| self.operation())
    }
}
