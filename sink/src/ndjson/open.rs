//! Opening files so that nothing that was planted in a folder is followed or written through.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Options that refuse a symbolic link as the last part of a path. New files are the owner's alone.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NOFOLLOW).mode(0o600);
    }
    options
}

/// A new file at `path`, which must not exist.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    options().read(true).write(true).create_new(true).open(path)
}
