//! The probe of a blocked source whose cause has been removed: due now, by one conditional write.

use serde_json::{Value, json};
use windlass_core::source::{BlockChange, SourceRecord};
use windlass_core::time::Timestamp;
use windlass_state::{StateError, StateStore};

use crate::output::second;
use crate::state::sources::TRIES_MAX;

/// The outcome for one source.
#[derive(Debug)]
pub(super) struct Probe {
    /// The source as it is now.
    pub(super) record: SourceRecord,
    /// True if its probe is due now.
    pub(super) is_asked: bool,
}

impl Probe {
    /// Makes the probe of `record` due at `now`, if it is blocked.
    pub(super) async fn ask<S: StateStore>(
        store: &S,
        record: SourceRecord,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let mut current = record;
        for tries in 1.. {
            let Some(seen) = current.blocked.clone() else {
                break;
            };
            let (shard, name) = (current.shard(), current.definition.name.clone());
            let probed = seen.due(now);
            let change = BlockChange::Probe { seen, probed };
            let written = store.block_source(shard, &name, current.version, &change);
            match written.await {
                // Repeating the write does no harm.
                Err(StateError::Unknown(_)) if tries < TRIES_MAX => {}
                Err(error) => return Err(error.into()),
                Ok(is_written) => {
                    current = store.source(shard, &name).await?.ok_or_else(|| {
                        StateError::Unavailable(format!(
                            "source {name} moved to another shard during the command; try again"
                        ))
                    })?;
                    let is_asked = is_written && current.blocked.is_some();
                    if is_asked || tries >= TRIES_MAX {
                        return Ok(Self {
                            record: current,
                            is_asked,
                        });
                    }
                }
            }
        }
        Ok(Self {
            record: current,
            is_asked: false,
        })
    }

    pub(super) fn text(&self) -> String {
        let name = &self.record.definition.name;
        match &self.record.blocked {
            None => format!(
                "{name} is not blocked; `windlass retry --all {name}` retries its parked windows\n"
            ),
            Some(_) if self.record.is_paused() => {
                format!("{name} is paused and not probed; `windlass resume {name}` resumes it\n")
            }
            Some(blocked) if self.is_asked => format!(
                "{name}: probe due now; its first delivered page unblocks the source, blocked \
                 since {}: {}\n",
                second(blocked.since),
                blocked.reason
            ),
            Some(_) => format!("{name} is already being probed by a worker\n"),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let blocked = self.record.blocked.as_ref();
        json!({
            "source": self.record.definition.name.as_str(),
            "probe_at": self.record.probe_at(),
            "blocked": blocked.map(|blocked| &blocked.reason),
            "retried": self.is_asked,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, CONFIG, at, block};

    #[tokio::test]
    async fn retry_makes_probe_of_blocked_source_due() {
        let bench = Bench::new(CONFIG);
        let (store, definition) = (bench.store(), bench.definition());
        let record = store.apply_source(&definition, at(0)).await.unwrap();
        let probe = Probe::ask(&store, record.clone(), at(1)).await.unwrap();
        assert!(!probe.is_asked);
        assert!(
            probe.text().starts_with("okta is not blocked"),
            "{}",
            probe.text()
        );
        block(&store, &record, at(2)).await;
        let record = bench.record().await;
        let stale = record.clone();
        let probe = Probe::ask(&store, record, at(3)).await.unwrap();
        assert!(probe.is_asked);
        let text = probe.text();
        assert!(text.starts_with("okta: probe due now"), "{text}");
        let stored = bench.record().await;
        assert_eq!(stored.probe_at(), Some(at(3)));
        assert_eq!(stored.blocked.unwrap().since, at(2));
        // A record that another process has changed since is read again.
        let again = Probe::ask(&store, stale, at(4)).await.unwrap();
        assert!(again.is_asked);
        assert_eq!(bench.record().await.probe_at(), Some(at(4)));
    }

    #[tokio::test]
    async fn retry_of_paused_blocked_source_names_resume() {
        let bench = Bench::new(CONFIG);
        let (store, definition) = (bench.store(), bench.definition());
        let record = store.apply_source(&definition, at(0)).await.unwrap();
        block(&store, &record, at(2)).await;
        let (shard, name) = (record.shard(), &definition.name);
        store.set_pause(shard, name, Some(at(2))).await.unwrap();
        let probe = Probe::ask(&store, bench.record().await, at(3))
            .await
            .unwrap();
        assert!(
            probe.text().contains("windlass resume okta"),
            "{}",
            probe.text()
        );
    }
}
