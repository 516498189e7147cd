//! Opening files so that nothing that was planted in a folder is followed or written through, and
//! nobody reads what is not meant for them.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Who may read an output folder and the files in it. The process's `umask` narrows it further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Readers {
    /// The user that runs windlass: folders 0700, files 0600.
    #[default]
    Owner,
    /// That user's group too: folders 0750, files 0640.
    Group,
    /// Everyone on the machine: folders 0755, files 0644.
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

    /// Options that refuse a symbolic link as the last part of a path.
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

    /// A new file at `path`, which must not exist. Writes go to its end, wherever that is by then.
    pub(super) fn create_new(self, path: &Path) -> io::Result<File> {
        self.options()
            .read(true)
            .append(true)
            .create_new(true)
            .open(path)
    }

    /// A new directory at `path`, which must not exist.
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

/// Whether `file` has another name, through which another program may have planted or may change it.
#[cfg(unix)]
pub(super) fn has_other_names(file: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.nlink() > 1
}

/// Whether `file` has another name: not known elsewhere.
#[cfg(not(unix))]
pub(super) fn has_other_names(_: &Metadata) -> bool {
    false
}

/// Whether both are the same file.
#[cfg(unix)]
pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether both are the same file, as far as is known elsewhere.
#[cfg(not(unix))]
pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    one.len() == other.len()
}
