//! Secret files. A file can hang (a network mount whose server is gone), so each is read on a
//! thread of its own, with a timeout; the abandoned thread does not keep the process alive.

use std::collections::{HashMap, HashSet};
use std::fs::{File, FileType, Metadata};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use secrecy::SecretString;
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use windlass_core::time::SECOND_MS;
use windlass_core::{Clock, limits};

use super::{SecretError, SecretRef};

/// Timeout of one file. A disk responds within milliseconds, and a working network mount within the
/// seconds of one retry.
const READ_MS: i64 = 10 * SECOND_MS;
/// The permission bit that lets every user of the machine read a file.
const OTHERS_READ: u32 = 0o004;

type ReadFile = fn(&SecretRef) -> Result<SecretString, SecretError>;

/// Reads secret files, each on at most one thread at a time.
pub(super) struct Files {
    clock: Arc<dyn Clock>,
    read: ReadFile,
    /// The lock per file, held by the thread that reads it: a hanging file occupies one thread,
    /// however often it is requested.
    locks: Mutex<HashMap<String, Arc<AsyncMutex<()>>>>,
}

impl Files {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            read: SecretRef::resolve,
            locks: Mutex::default(),
        }
    }

    /// The secret in the file that `reference` names.
    ///
    /// # Errors
    /// [`SecretError::Outage`] for a file that does not respond in time; see [`SecretError`] for
    /// the others.
    pub(super) async fn read(&self, reference: &SecretRef) -> Result<SecretString, SecretError> {
        let outage = |problem: String| SecretError::Outage {
            reference: reference.clone(),
            problem,
        };
        let reading = async {
            let read_lock = self.read_lock(reference).lock_owned().await;
            let (sender, receiver) = oneshot::channel();
            let (read, of) = (self.read, reference.clone());
            let thread = thread::Builder::new().name("secret-file".to_owned());
            let started = thread.spawn(move || {
                let secret = read(&of);
                drop(read_lock);
                // Without a receiver, the timeout has passed.
                drop(sender.send(secret));
            });
            started.map_err(|error| outage(format!("no thread can be started: {error}")))?;
            let ended = receiver.await;
            ended.unwrap_or_else(|_| {
                Err(outage("the thread that reads the file panicked".to_owned()))
            })
        };
        tokio::select! {
            biased;
            secret = reading => secret,
            () = self.clock.alarm(READ_MS) => {
                let seconds = READ_MS / SECOND_MS;
                Err(outage(format!(
                    "the disk did not respond in {seconds} s; check the mount"
                )))
            }
        }
    }

    fn read_lock(&self, reference: &SecretRef) -> Arc<AsyncMutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(reference.to_string()).or_default())
    }
}

/// The content of the file at `path`, cut off one byte above the limit.
pub(super) fn content(path: &Path, reference: &SecretRef) -> Result<Vec<u8>, SecretError> {
    let unreadable = |source| SecretError::Unreadable {
        reference: reference.clone(),
        source,
    };
    // Checked before opening: opening a FIFO waits for its other end.
    let metadata = path.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(SecretError::NotAFile {
            reference: reference.clone(),
            kind: kind(metadata.file_type()),
        });
    }
    if is_open_to_others(&metadata) && is_news(path) {
        tracing::warn!(
            %reference,
            "every user of this machine can read the secret file; run `chmod o-r` on it"
        );
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(limits::FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

fn kind(file_type: FileType) -> &'static str {
    if file_type.is_dir() {
        "a directory"
    } else if file_type.is_fifo() {
        "a FIFO"
    } else if file_type.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

fn is_open_to_others(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & OTHERS_READ != 0
}

/// Returns true if the process has not yet warned about `path`.
fn is_news(path: &Path) -> bool {
    static WARNED: Mutex<Option<HashSet<std::path::PathBuf>>> = Mutex::new(None);
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    let warned = warned.get_or_insert_default();
    warned.insert(path.to_owned())
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
