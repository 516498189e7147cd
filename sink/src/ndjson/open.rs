//! Safe file opening: planted links are never followed, and permissions limit the readers.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The users that may read an output folder and its files. The process's `umask` restricts them
/// further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Readers {
    /// The user that runs windlass: folders 0700, files 0600.
    #[default]
    Owner,
    /// Also that user's group: folders 0750, files 0640.
    Group,
    /// Every user of the machine: folders 0755, files 0644.
    Everyone,
}

impl Readers {
    #[cfg(unix)]
    const fn file_mode(self) -> u32 {
        match self {
            Self::Owner => 0o600,
            Self::Group => 0o640,
            Self::Everyone => 0o644,
        }
    }

    #[cfg(unix)]
    const fn directory_mode(self) -> u32 {
        match self {
            Self::Owner => 0o700,
            Self::Group => 0o750,
            Self::Everyone => 0o755,
        }
    }

    /// Options that fail on a symbolic link as the last path component.
    pub(super) fn options(self) -> OpenOptions {
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options
                .custom_flags(libc::O_NOFOLLOW)
                .mode(self.file_mode());
        }
        options
    }

    /// Creates a file at `path`, which must not exist. Writes append to its end.
    pub(super) fn create_new(self, path: &Path) -> io::Result<File> {
        self.options()
            .read(true)
            .append(true)
            .create_new(true)
            .open(path)
    }

    /// Creates a directory at `path`, which must not exist.
    pub(super) fn create_dir(self, path: &Path) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt;
            builder.mode(self.directory_mode());
        }
        builder.create(path)
    }
}

/// Returns true if `file` has another name (hard link), through which another program can change
/// it.
#[cfg(unix)]
pub(super) fn has_other_names(file: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.nlink() > 1
}

/// Returns false: this platform does not report hard links.
#[cfg(not(unix))]
pub(super) fn has_other_names(_: &Metadata) -> bool {
    false
}

/// Returns true if both are the same file.
#[cfg(unix)]
pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Returns true if both may be the same file; this platform allows only a comparison of lengths.
#[cfg(not(unix))]
pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    one.len() == other.len()
}
