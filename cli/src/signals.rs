//! The signals that request a command to stop.

use std::io;
use std::path::Path;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The bit of SIGHUP, signal 1, in the masks of `/proc/self/status`:
/// <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>.
const HANGUP_BIT: u64 = 1;

/// Ctrl-C, SIGTERM and SIGHUP, caught for the lifetime of this value.
#[derive(Debug)]
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` under `nohup`, which starts a command with SIGHUP ignored.
    hangup: Option<Signal>,
}

impl StopSignals {
    /// Catches the signals from now on. An ignored SIGHUP stays ignored.
    ///
    /// # Errors
    /// The operating system denies it.
    pub(crate) fn catch() -> io::Result<Self> {
        let hangup = if is_hangup_ignored(Path::new("/proc/self/status")) {
            None
        } else {
            Some(signal(SignalKind::hangup())?)
        };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup,
        })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Makes a write beyond the file size limit (`ulimit -f`) fail with an error that names the file.
/// By default SIGXFSZ ends the process without a message. The handler stays until the process ends.
///
/// # Errors
/// If the operating system rejects the handler.
pub(crate) fn outlive_file_size_limit() -> io::Result<()> {
    signal(SignalKind::from_raw(libc::SIGXFSZ)).map(drop)
}

/// Returns true if this process was started with SIGHUP ignored, by its `status` file. Without such
/// a file, which only Linux has, SIGHUP counts as not ignored.
fn is_hangup_ignored(status: &Path) -> bool {
    let status = std::fs::read_to_string(status).unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & HANGUP_BIT != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_hangup_is_read_from_process_status() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("status");
        let is_ignored = |text: &str| {
            std::fs::write(&path, text).unwrap();
            is_hangup_ignored(&path)
        };
        assert!(is_ignored("Name:\twindlass\nSigIgn:\t0000000000001001\n"));
        assert!(!is_ignored("Name:\twindlass\nSigIgn:\t0000000000001000\n"));
        assert!(!is_ignored("SigCgt:\t0000000000000001\n"));
        assert!(!is_hangup_ignored(&dir.path().join("none")));
    }
}
