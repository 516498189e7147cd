//! Remarks on a source that do not fit into its table row.

use windlass_core::ids::Lane;
use windlass_core::manifest_change::ManifestChange;

use super::super::trouble::{Kind, Trouble};
use super::{Failure, Standing};
use crate::output::{duration, second, time};

impl Failure {
    /// The window, its wait and its error in words.
    fn describe(&self) -> String {
        let (lane, from) = &self.window;
        let window = match lane {
            Lane::Live => second(*from),
            lane => format!("{lane} {}", second(*from)),
        };
        let does = match self.waits_until {
            Some(until) => format!("waits until {}", second(until)),
            None => "will be retried".to_owned(),
        };
        format!("the oldest open window ({window}) {does}: {}", self.error)
    }
}

impl Standing {
    /// The time at which records are lost; `None` unless it is near.
    pub(in super::super) fn danger(&self) -> Option<String> {
        let name = &self.source;
        let left_ms = self.retention_left_ms.filter(|_| self.is_endangered)?;
        Some(if left_ms > 0 {
            format!(
                "{name} loses records in {}: undelivered time nears the vendor's retention",
                duration(left_ms)
            )
        } else {
            // Also for a new source that begins before the vendor's retention.
            format!(
                "{name} has been losing records since {}: the vendor drops them",
                second(self.vendor_now.plus_ms(left_ms))
            )
        })
    }

    /// The failure that delays the oldest open window; `None` if it is only the cooldown of its
    /// rate group: a wait that the vendor requested is stored with both.
    fn failure_of_its_own(&self) -> Option<&Failure> {
        let is_of_cooldown = |failure: &Failure| {
            self.cooldown.as_ref().is_some_and(|cooldown| {
                let waits = failure
                    .waits_until
                    .is_some_and(|until| until <= cooldown.not_before);
                waits && failure.error == cooldown.reason
            })
        };
        self.failure
            .as_ref()
            .filter(|failure| !is_of_cooldown(failure))
    }

    /// Its waits and failures, one per line, and the time since which it fails.
    fn waits(&self) -> Vec<String> {
        let name = &self.source;
        let failing_since = self.windows.and_then(|windows| windows.failing_since);
        let failing =
            failing_since.map(|since| format!("{name} has been failing since {}", second(since)));
        let mut lines = Vec::new();
        let failure = self.failure_of_its_own().map(Failure::describe);
        if let Some(cooldown) = &self.cooldown {
            let until = second(cooldown.not_before);
            lines.push(match (&failing, &failure) {
                (Some(failing), None) => {
                    format!("{failing} and waits until {until}: {}", cooldown.reason)
                }
                _ => format!("{name} waits until {until}: {}", cooldown.reason),
            });
        }
        match (failing, failure) {
            (Some(failing), Some(failure)) => lines.push(format!("{failing}; {failure}")),
            (None, Some(failure)) => lines.push(format!("{name}: {failure}")),
            (Some(failing), None) if self.cooldown.is_none() => {
                let more = format!("; `windlass windows {name} --open` shows why");
                lines.push(failing + &more);
            }
            (_, None) => {}
        }
        lines
    }

    /// Why it is blocked or paused, one per line.
    fn pauses(&self) -> Vec<String> {
        let name = &self.source;
        let mut lines = Vec::new();
        if let Some(blocked) = &self.blocked {
            let since = second(blocked.since);
            let probed = match self.probe_at {
                Some(at) if at > self.now => format!(
                    "next probe at {}, or now with `windlass retry {name}`",
                    second(at)
                ),
                Some(_) => "probe due now".to_owned(),
                None => {
                    format!("paused sources are not probed; `windlass resume {name}` resumes it")
                }
            };
            lines.push(format!(
                "{name} is blocked since {since}: {}; {probed}",
                blocked.reason
            ));
        }
        if let Some(since) = self.held_since {
            lines.push(format!(
                "{name} is paused since {}; `windlass resume {name}` resumes it",
                second(since)
            ));
        }
        if let Some(since) = self.unnamed_since {
            lines.push(format!(
                "{name} is paused since {}: no file of this configuration names it",
                second(since)
            ));
        }
        lines
    }

    /// All remarks, one per line.
    pub(in super::super) fn remarks(&self) -> Vec<String> {
        let name = &self.source;
        let mut lines = self.pauses();
        if let Some(Trouble {
            kind: Kind::Behind,
            since,
        }) = self.trouble
        {
            let since = second(since);
            lines.push(format!(
                "{name} has been behind since {since}: {}",
                self.plans_it
            ));
        }
        if let Some((difference, vendor)) = &self.clocks {
            lines.push(format!("{name}: {}", difference.describe(vendor)));
        }
        if let Some(until) = self.cut_until {
            lines.push(format!(
                "{name}: windows reach up to {}, because a clock was ahead; each is read after \
                 its time has passed",
                second(until)
            ));
        }
        lines.extend(self.waits());
        if let Some(problem) = self.manifest_change.describe(&self.connector) {
            let does = match self.manifest_change {
                ManifestChange::Facts => "its windows wait until",
                ManifestChange::Nothing | ManifestChange::Policy => {
                    "the applied policy stays in effect until"
                }
            };
            lines.push(format!("{name}: {problem}; {does} `{}`", self.applies_it));
        }
        for span in &self.unavailable {
            let (from, to) = (time(span.from()), time(span.to()));
            lines.push(format!(
                "{name}: {from} to {to} is unavailable: it was older than the vendor's retention"
            ));
        }
        lines.extend(self.late.remarks(name));
        if let Some((count, at)) = self.suspects {
            lines.push(format!(
                "{name}: {count} windows are parked because the process died while each was the \
                 only suspect; they are retried daily, next at {}",
                second(at)
            ));
        }
        if let Some(since) = self.gaps.and_then(|gaps| gaps.parked_since) {
            let since = second(since);
            lines.push(format!(
                "{name} has had holes since {since}: `windlass windows {name} --status parked` \
                 lists the parked windows, `windlass retry --all {name}` retries them"
            ));
        }
        lines
    }
}
