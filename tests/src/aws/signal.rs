//! Signals to processes that the harness started itself.

use std::process::Command;

use anyhow::{Context, ensure};

/// A signal to a process or a process group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ends the process at once.
    Kill,
    /// Stops the process: it executes nothing, its connections stay open.
    Stop,
    /// Resumes the process.
    Continue,
}

impl Signal {
    fn option(self) -> &'static str {
        match self {
            Self::Kill => "-KILL",
            Self::Stop => "-STOP",
            Self::Continue => "-CONT",
        }
    }

    /// Sends the signal to the process `id`. Fails if it does not exist.
    pub(crate) fn send(self, id: u32) -> anyhow::Result<()> {
        self.send_to(&id.to_string())
    }

    /// Sends the signal to every process of the group `id`.
    pub(crate) fn send_to_group(self, id: u32) -> anyhow::Result<()> {
        self.send_to(&format!("-{id}"))
    }

    fn send_to(self, target: &str) -> anyhow::Result<()> {
        let output = Command::new("kill")
            .args([self.option(), "--", target])
            .output()
            .context("cannot run kill")?;
        ensure!(
            output.status.success(),
            "kill {} {target} said: {}",
            self.option(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};

    use super::*;

    #[test]
    fn process_group_is_killed_with_leader() {
        let mut leader = Command::new("sh")
            .args(["-c", "sleep 1000 & wait"])
            .process_group(0)
            .spawn()
            .unwrap();
        Signal::Kill.send_to_group(leader.id()).unwrap();
        assert_eq!(leader.wait().unwrap().signal(), Some(9));
        assert!(Signal::Kill.send(leader.id()).is_err());
    }
}
