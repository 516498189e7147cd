use std::fs::{self, Permissions};
use std::os::unix::net::UnixListener;
use std::sync::Condvar;
use std::sync::atomic::{AtomicUsize, Ordering};

use secrecy::ExposeSecret;
use windlass_core::Timestamp;
use windlass_core::clock::ManualClock;

use super::*;

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_ms(0)))
}

fn refused(path: &Path) -> String {
    let reference = SecretRef::File(path.to_owned());
    let error = reference.resolve().unwrap_err();
    assert!(matches!(error, SecretError::NotAFile { .. }), "{error:?}");
    error.to_string().replace(&reference.to_string(), "PATH")
}

#[test]
fn only_regular_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let says = |kind: &str| {
        format!("`PATH` is {kind} and not a regular file; put the secret into a regular file")
    };
    assert_eq!(refused(folder.path()), says("a directory"));
    assert_eq!(refused(Path::new("/dev/zero")), says("a device"));
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    assert_eq!(refused(&socket), says("a socket"));
    let fifo = folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    assert_eq!(refused(&fifo), says("a FIFO"));
    // Kubernetes mounts secrets as links to regular files.
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "value").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let secret = SecretRef::File(link).resolve().unwrap();
    assert_eq!(secret.expose_secret(), "value");
}

#[test]
fn file_readable_by_others_warns_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, "value").unwrap();
    for (mode, is_open) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(
            is_open_to_others(&path.metadata().unwrap()),
            is_open,
            "{mode:o}"
        );
    }
    assert!(is_news(&path) && !is_news(&path));
}

static STARTED: AtomicUsize = AtomicUsize::new(0);
static IS_OPEN: Mutex<bool> = Mutex::new(false);
static OPENED: Condvar = Condvar::new();

fn hanging(reference: &SecretRef) -> Result<SecretString, SecretError> {
    STARTED.fetch_add(1, Ordering::SeqCst);
    let shut = IS_OPEN.lock().unwrap();
    drop(OPENED.wait_while(shut, |is_open| !*is_open).unwrap());
    reference.accept("value")
}

#[tokio::test]
async fn hanging_file_occupies_one_thread() {
    let clock = clock();
    let files = Files {
        read: hanging,
        ..Files::new(clock.clone())
    };
    let reference: SecretRef = "file:/mnt/gone/secret".parse().unwrap();
    for _ in 0..3 {
        let mut reading = Box::pin(files.read(&reference));
        let early = looked_at(&mut reading).await;
        assert!(early.is_none(), "it waits while there is time");
        clock.advance_ms(READ_MS);
        let error = reading.await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`file:/mnt/gone/secret` cannot be read at the moment: the disk did not respond in 10 \
             s; check the mount"
        );
        assert!(error.may_pass());
    }
    *IS_OPEN.lock().unwrap() = true;
    OPENED.notify_all();
    let secret = files.read(&reference).await.unwrap();
    assert_eq!(secret.expose_secret(), "value");
    assert_eq!(STARTED.load(Ordering::SeqCst), 2);
}

/// The output of `future` after a single poll; `None` while it is pending.
async fn looked_at<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        let polled = std::pin::Pin::new(&mut *future).poll(context);
        std::task::Poll::Ready(match polled {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
