//! Stalled workers, in a process that has all of them.
//!
//! A vendor or a sink that hangs occupies its workers for minutes. These take no slot of the
//! process: as many others run beside them. The hanging sources get none of those, so that their
//! next windows do not fill the process again.

use std::collections::BTreeSet;

use crate::ids::SourceName;
use crate::source::SourceDefinition;

/// The stalled workers of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stalls {
    count: usize,
    sources: BTreeSet<SourceName>,
    sinks: BTreeSet<String>,
}

/// The workers that a process may start, and the sources excluded from them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spare {
    /// Number of workers.
    pub free: usize,
    /// The sources and sinks that get none of them.
    held: Stalls,
}

impl Stalls {
    /// Adds a worker of `source` that waits for its vendor, or for its sink of the name `sink`.
    pub fn add(&mut self, source: SourceName, sink: Option<String>) {
        self.count += 1;
        self.sources.insert(source);
        self.sinks.extend(sink);
    }

    /// The workers that a process with `running` ones may start, where `workers_max` may make
    /// progress at once and as many again may be stalled.
    pub fn spare(self, workers_max: usize, running: usize) -> Spare {
        let free = workers_max.saturating_sub(running);
        if free > 0 {
            return Spare {
                free,
                held: Self::default(),
            };
        }
        let working = running.saturating_sub(self.count);
        let of_all = workers_max.saturating_mul(2).saturating_sub(running);
        Spare {
            free: workers_max.saturating_sub(working).min(of_all),
            held: self,
        }
    }
}

impl Spare {
    /// `free` workers, for every source.
    pub fn of(free: usize) -> Self {
        Self {
            free,
            held: Stalls::default(),
        }
    }

    /// Returns true if `source` gets none: a worker of it or of its sink is stalled, and only the
    /// stalled workers make room.
    pub fn withholds(&self, source: &SourceDefinition) -> bool {
        self.held.sources.contains(&source.name) || self.held.sinks.contains(&source.sink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tests::definition;

    fn stalls(sources: &[&str]) -> Stalls {
        let mut stalls = Stalls::default();
        for source in sources {
            stalls.add(source.parse().unwrap(), None);
        }
        stalls
    }

    #[test]
    fn stalled_workers_hold_no_slot_and_are_bounded() {
        let free = |stalled: &[&str], running| stalls(stalled).spare(4, running).free;
        assert_eq!(free(&[], 0), 4);
        assert_eq!(free(&["a", "b"], 3), 1, "slots come first");
        assert_eq!(free(&[], 4), 0);
        assert_eq!(free(&["a", "b"], 4), 2);
        assert_eq!(free(&["a", "b", "c", "d"], 4), 4);
        assert_eq!(free(&["a", "b", "c", "d"], 7), 1);
        assert_eq!(free(&["a"; 8], 8), 0, "as many again may be stalled");
    }

    #[test]
    fn hanging_source_and_sink_get_no_extra_worker() {
        let mut stalled = stalls(&["okta"]);
        let to_siem = SourceDefinition {
            sink: "siem".to_owned(),
            ..definition("slack")
        };
        stalled.add("other".parse().unwrap(), Some("siem".to_owned()));
        let (hangs, works) = (definition("okta"), definition("github"));
        let full = stalled.clone().spare(2, 2);
        assert!(full.withholds(&hangs) && full.withholds(&to_siem));
        assert!(!full.withholds(&works));
        let roomy = stalled.spare(4, 2);
        assert!(!roomy.withholds(&hangs) && !roomy.withholds(&to_siem));
    }
}
