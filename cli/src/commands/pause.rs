//! `windlass pause` and `windlass resume`: an operator pauses and resumes sources. Safe beside a
//! run: one write, which neither a run nor `windlass apply` reverts.

use serde_json::{Value, json};
use windlass_core::clock::Clock;
use windlass_core::ids::SourceName;
use windlass_core::source::SourceRecord;
use windlass_core::system::SystemClock;
use windlass_core::time::Timestamp;
use windlass_orchestrator::read_source;
use windlass_state::{StateError, StateStore};

use crate::exit_code::ExitCode;
use crate::output::{Output, second};
use crate::state::Purpose;
use crate::state::sources::TRIES_MAX;
use crate::target::{Found, Target};

/// Pauses sources.
pub(crate) async fn pause(
    target: &Target,
    names: &[SourceName],
    output: Output,
) -> anyhow::Result<ExitCode> {
    let now = SystemClock.now();
    set_pause(target, names, Some(now), output).await
}

/// Resumes sources.
pub(crate) async fn resume(
    target: &Target,
    names: &[SourceName],
    output: Output,
) -> anyhow::Result<ExitCode> {
    set_pause(target, names, None, output).await
}

async fn set_pause(
    target: &Target,
    names: &[SourceName],
    since: Option<Timestamp>,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let found = target.state(Purpose::Operate).await?;
    // All names are looked up first, so that a typing error changes nothing.
    let before = look_up(&found, names).await?;
    let mut lines = String::new();
    let mut entries = Vec::new();
    for record in before {
        let paused = PausedSource::write(&found.store, record, since).await?;
        lines.push_str(&paused.text());
        entries.push(paused.to_json());
    }
    output.result(&json!({ "sources": entries }), || lines)?;
    Ok(ExitCode::Success)
}

async fn look_up(found: &Found, names: &[SourceName]) -> anyhow::Result<Vec<SourceRecord>> {
    let mut records = Vec::new();
    for name in names {
        records.push(found.source(name.as_str()).await?);
    }
    Ok(records)
}

/// A source before and after the write.
struct PausedSource {
    before: SourceRecord,
    after: SourceRecord,
    /// Number of windows in flight.
    in_flight: usize,
}

impl PausedSource {
    async fn write<S: StateStore>(
        store: &S,
        before: SourceRecord,
        since: Option<Timestamp>,
    ) -> anyhow::Result<Self> {
        let (shard, name) = (before.shard(), &before.definition.name);
        let mut tries = 1;
        while let Err(error) = store.set_pause(shard, name, since).await {
            // The write is idempotent.
            if tries == TRIES_MAX || !matches!(error, StateError::Unknown(_)) {
                return Err(error.into());
            }
            tries += 1;
        }
        let after = store.source(shard, name).await?.ok_or_else(|| {
            StateError::Unavailable(format!(
                "source {name} moved to another shard during the command; try again"
            ))
        })?;
        let view = read_source(store, after.clone(), SystemClock.now()).await?;
        let in_flight = view.in_flight();
        Ok(Self {
            before,
            after,
            in_flight,
        })
    }

    fn changed(&self) -> bool {
        self.before.held_since != self.after.held_since
    }

    /// The reason why the source does not run even when it is not paused by an operator; `None` if
    /// it does.
    fn still(&self) -> Option<String> {
        if let Some(blocked) = &self.after.blocked {
            let name = &self.after.definition.name;
            let reason = &blocked.reason;
            return Some(format!(
                "blocked: {reason}; `windlass retry {name}` probes it now"
            ));
        }
        let paused = self.after.definition.paused;
        paused.then(|| "paused by its definition (`paused: true`)".to_owned())
    }

    fn text(&self) -> String {
        let name = &self.after.definition.name;
        match (self.after.held_since, self.changed()) {
            (Some(_), true) => {
                let in_flight = match self.in_flight {
                    0 => String::new(),
                    1 => "; 1 window still in flight".to_owned(),
                    many => format!("; {many} windows still in flight"),
                };
                format!("{name} is paused{in_flight}\n")
            }
            (Some(since), false) => format!("{name} is already paused, since {}\n", second(since)),
            (None, changed) => {
                let said = if changed {
                    "is resumed"
                } else {
                    "was not paused"
                };
                match self.still() {
                    Some(still) => format!("{name} {said}, but is still {still}\n"),
                    None => format!("{name} {said}\n"),
                }
            }
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "source": self.after.definition.name.as_str(),
            "held_since": self.after.held_since,
            "changed": self.changed(),
            "paused": self.after.definition.paused,
            "blocked": self.after.blocked.as_ref().map(|blocked| &blocked.reason),
            "in_hand": self.in_flight,
        })
    }
}

#[cfg(test)]
mod tests {
    use windlass_core::source::SourceDefinition;

    use super::*;
    use crate::testing::{Bench, CONFIG, OUTPUT, at, window};

    #[tokio::test]
    async fn pause_survives_apply_until_resume() {
        let bench = Bench::new(CONFIG);
        let (store, definition) = (bench.store(), bench.definition());
        store.apply_source(&definition, at(0)).await.unwrap();
        let names = [definition.name.clone()];
        pause(&bench.state(), &names, OUTPUT).await.unwrap();
        let since = bench.record().await.held_since;
        assert!(since.is_some());
        store.apply_source(&definition, at(1)).await.unwrap();
        pause(&bench.state(), &names, OUTPUT).await.unwrap();
        assert_eq!(bench.record().await.held_since, since);
        resume(&bench.state(), &names, OUTPUT).await.unwrap();
        assert_eq!(bench.record().await.held_since, None);
    }

    #[tokio::test]
    async fn unknown_name_changes_nothing_and_suggests() {
        let bench = Bench::new(CONFIG);
        let (store, definition) = (bench.store(), bench.definition());
        store.apply_source(&definition, at(0)).await.unwrap();
        let names = [definition.name.clone(), "oktaa".parse().unwrap()];
        let refused = pause(&bench.state(), &names, OUTPUT).await.unwrap_err();
        assert_eq!(ExitCode::of(&refused), ExitCode::Usage);
        let refused = refused.to_string();
        assert!(refused.contains("did you mean `okta`?"), "{refused}");
        assert_eq!(bench.record().await.held_since, None);
    }

    #[tokio::test]
    async fn missing_state_is_not_created() {
        let bench = Bench::new(CONFIG);
        let names = [bench.definition().name];
        let refused = pause(&bench.target(), &names, OUTPUT).await.unwrap_err();
        assert_eq!(ExitCode::of(&refused), ExitCode::State);
        assert!(!bench.path("windlass.db").exists());
    }

    #[tokio::test]
    async fn pause_reports_windows_in_flight() {
        let bench = Bench::new(CONFIG);
        let (store, definition) = (bench.store(), bench.definition());
        let record = store.apply_source(&definition, at(0)).await.unwrap();
        let window = window(&definition);
        store.create(&window).await.unwrap();
        let dispatch = windlass_core::transition::Event::Dispatch {
            until: at(5),
            now: at(1),
        };
        store.decide(&window, &dispatch).await.unwrap();
        let said = |paused: PausedSource| paused.text();
        let paused = PausedSource::write(&store, record, Some(at(2)))
            .await
            .unwrap();
        assert_eq!(said(paused), "okta is paused; 1 window still in flight\n");
        let record = bench.record().await;
        let paused = PausedSource::write(&store, record, Some(at(3)))
            .await
            .unwrap();
        assert_eq!(
            said(paused),
            "okta is already paused, since 2026-01-01T00:02:00Z\n"
        );
        let paused = SourceDefinition {
            paused: true,
            ..definition
        };
        let record = store.apply_source(&paused, at(4)).await.unwrap();
        let paused = PausedSource::write(&store, record, None).await.unwrap();
        assert_eq!(
            said(paused),
            "okta is resumed, but is still paused by its definition (`paused: true`)\n"
        );
        let record = bench.record().await;
        let paused = PausedSource::write(&store, record, None).await.unwrap();
        assert!(said(paused).starts_with("okta was not paused"));
    }
}
