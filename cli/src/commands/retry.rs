//! `windlass retry`: returns parked windows to ready, and probes blocked sources. Safe beside a run and
//! beside workers: each is one conditional write, and a window moves only if it is parked.

mod probe;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use windlass_core::clock::Clock;
use windlass_core::ids::WindowId;
use windlass_core::source::SourceRecord;
use windlass_core::system::SystemClock;
use windlass_core::time::Timestamp;
use windlass_core::transition::Event;
use windlass_core::window::{Status, Window};
use windlass_orchestrator::read_source;
use windlass_state::{MoveError, StateError, StateStore};

use self::probe::Probe;
use crate::args::{RetryArgs, RetryTarget};
use crate::exit_code::ExitCode;
use crate::output::Output;
use crate::state::Purpose;
use crate::state::sources::TRIES_MAX;
use crate::target::{Found, Target};

/// Retries parked windows.
pub(crate) async fn retry(
    target: &Target,
    args: &RetryArgs,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let found = target.state(Purpose::Operate).await?;
    let now = SystemClock.now();
    let (mut retried, mut probes) = (Vec::new(), Vec::new());
    if let Some(name) = &args.all {
        let mut record = found.source(name.as_str()).await?;
        if record.blocked.is_some() {
            let probe = Probe::ask(&found.store, record, now).await?;
            record = probe.record.clone();
            probes.push(probe);
        }
        let rests = why_it_rests(&record);
        let view = read_source(&found.store, record, now).await?;
        let parked = view
            .windows()
            .filter(|window| window.status() == Status::Parked);
        for window in parked {
            let one = Retried::by_window(&found.store, window, now).await?;
            retried.push(one.resting(rests));
        }
    }
    for target in &args.targets {
        match target {
            RetryTarget::Window(id) => retried.push(Retried::by_id(&found, id, now).await?),
            RetryTarget::Source(name) => {
                let record = found.source(name.as_str()).await?;
                probes.push(Probe::ask(&found.store, record, now).await?);
            }
        }
    }
    let refused = retried.iter().any(|retried| retried.problem.is_some())
        || probes.iter().any(|probe| !probe.is_asked);
    let json: Vec<_> = retried.iter().map(Retried::to_json).collect();
    let probes_json: Vec<_> = probes.iter().map(Probe::to_json).collect();
    output.result(&json!({ "windows": json, "sources": probes_json }), || {
        let mut text: String = probes.iter().map(Probe::text).collect();
        text.extend(retried.iter().map(Retried::text));
        if let (Some(name), true) = (&args.all, retried.is_empty() && probes.is_empty()) {
            text.push_str(&format!("{name} has no parked windows\n"));
        }
        text.push_str(&what_rests(&retried));
        text
    })?;
    Ok(if refused {
        ExitCode::Usage
    } else {
        ExitCode::Success
    })
}

/// The reason why a ready window of the source would not run; `None` if it would.
fn why_it_rests(record: &SourceRecord) -> Option<&'static str> {
    match record {
        _ if record.blocked.is_some() => Some("blocked"),
        _ if record.held_since.is_some() => Some("held"),
        _ if record.definition.paused => Some("paused"),
        _ => None,
    }
}

/// The retried windows that do not run yet, one line per source.
fn what_rests(retried: &[Retried]) -> String {
    let mut sources: BTreeMap<_, usize> = BTreeMap::new();
    for (one, why) in retried.iter().filter_map(|one| Some((one, one.rests?))) {
        *sources.entry((&one.id.timeline.source, why)).or_default() += 1;
    }
    let lines = sources.into_iter().map(|((source, why), count)| {
        let stay = if count == 1 { "it stays" } else { "they stay" };
        format!("{stay} ready while {source} is {why}\n")
    });
    lines.collect()
}

/// The outcome for one window.
#[derive(Debug)]
struct Retried {
    id: WindowId,
    /// The reason why it was not moved; `None` on success.
    problem: Option<String>,
    /// Its last error before it was parked.
    last_error: Option<String>,
    /// The reason why it does not run yet although it is ready; `None` if it does.
    rests: Option<&'static str>,
}

impl Retried {
    fn refused(id: &WindowId, problem: String) -> Self {
        Self {
            id: id.clone(),
            problem: Some(problem),
            last_error: None,
            rests: None,
        }
    }

    /// The same outcome for a source that does not run because of `rests`.
    fn resting(self, rests: Option<&'static str>) -> Self {
        let rests = rests.filter(|_| self.problem.is_none());
        Self { rests, ..self }
    }

    async fn by_id(found: &Found, id: &WindowId, now: Timestamp) -> anyhow::Result<Self> {
        let Some(window) = found.store.window(id).await? else {
            return Ok(Self::refused(id, "the window does not exist".to_owned()));
        };
        let record = found.source(id.timeline.source.as_str()).await?;
        if record.definition.generation != id.timeline.generation {
            let problem = "it belongs to an earlier timeline, which its source no longer reads";
            return Ok(Self::refused(id, problem.to_owned()));
        }
        let one = Self::by_window(&found.store, &window, now).await?;
        Ok(one.resting(why_it_rests(&record)))
    }

    async fn by_window<S: StateStore>(
        store: &S,
        window: &Window,
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let event = Event::Retry { now };
        if window.status() != Status::Parked {
            return Ok(Self::refused(window.id(), not_parked(window)));
        }
        for tries in 1.. {
            let current = match store.decide(window, &event).await {
                Ok(_) => break,
                Err(MoveError::Store(StateError::Unknown(_))) if tries < TRIES_MAX => continue,
                Err(MoveError::Store(error)) => return Err(error.into()),
                Err(MoveError::NotFound(id)) => {
                    return Ok(Self::refused(&id, "the window does not exist".to_owned()));
                }
                Err(MoveError::Refused { current, .. }) => current,
            };
            // The first write was applied and its response lost: the window is ready, or has
            // already moved on.
            if tries > 1 && current.status() != Status::Parked {
                break;
            }
            return Ok(Self::refused(window.id(), not_parked(&current)));
        }
        Ok(Self {
            id: window.id().clone(),
            problem: None,
            last_error: window.last_error().map(str::to_owned),
            rests: None,
        })
    }

    fn text(&self) -> String {
        match (&self.problem, &self.last_error) {
            (Some(problem), _) => format!("{}: not retried: {problem}\n", self.id),
            (None, Some(error)) => format!("{}: ready again; it was parked: {error}\n", self.id),
            (None, None) => format!("{}: ready again\n", self.id),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "window": self.id.to_string(),
            "retried": self.problem.is_none(),
            "problem": self.problem,
            "last_error": self.last_error,
            "waits_for": self.rests,
        })
    }
}

fn not_parked(window: &Window) -> String {
    format!(
        "its status is {}; only a parked window can be retried",
        window.status()
    )
}

#[cfg(test)]
mod tests {
    use windlass_state::MemoryStore;
    use windlass_state::failing::{FailingStore, Fault, Operation};

    use super::*;
    use crate::testing::{Bench, CONFIG, OUTPUT, at, parked, window};

    async fn retried(bench: &Bench, windows: Vec<WindowId>, all: bool) -> ExitCode {
        let all = all.then(|| bench.definition().name);
        let targets = windows.into_iter().map(RetryTarget::Window).collect();
        let args = RetryArgs { targets, all };
        retry(&bench.state(), &args, OUTPUT).await.unwrap()
    }

    #[tokio::test]
    async fn retry_takes_window_or_source() {
        let bench = Bench::new(CONFIG);
        let (store, definition) = (bench.store(), bench.definition());
        store.apply_source(&definition, at(0)).await.unwrap();
        let parked = parked(&store, &definition).await;
        for all in [false, true] {
            let named = if all {
                Vec::new()
            } else {
                vec![parked.id().clone()]
            };
            assert_eq!(retried(&bench, named, all).await, ExitCode::Success);
            let ready = store.window(parked.id()).await.unwrap().unwrap();
            assert_eq!(ready.status(), Status::Ready);
            let park = Event::Park {
                reason: "again".to_owned(),
                now: at(2),
            };
            store.decide(&ready, &park).await.unwrap();
        }
    }

    #[tokio::test]
    async fn invalid_retries_do_not_stop_others() {
        let bench = Bench::new(CONFIG);
        let (store, definition) = (bench.store(), bench.definition());
        store.apply_source(&definition, at(0)).await.unwrap();
        let parked = parked(&store, &definition).await;
        let ready = window(&definition).with(|form| {
            form.from = parked.to();
            form.to = parked.to().plus_ms(600_000);
        });
        store.create(&ready).await.unwrap();
        let mut absent = parked.id().clone();
        absent.from = at(30);
        let windows = vec![ready.id().clone(), absent, parked.id().clone()];
        assert_eq!(retried(&bench, windows, false).await, ExitCode::Usage);
        assert_eq!(store.window(ready.id()).await.unwrap(), Some(ready));
        let parked = store.window(parked.id()).await.unwrap().unwrap();
        assert_eq!(parked.status(), Status::Ready);
    }

    #[tokio::test]
    async fn window_of_abandoned_timeline_is_not_retried() {
        let bench = Bench::new(CONFIG);
        let (store, definition) = (bench.store(), bench.definition());
        store.apply_source(&definition, at(0)).await.unwrap();
        let parked = parked(&store, &definition).await;
        bench.write(&CONFIG.replace("acme.okta.com", "other.okta.com"));
        store
            .apply_source(&bench.definition(), at(3))
            .await
            .unwrap();
        let id = parked.id().clone();
        assert_eq!(retried(&bench, vec![id], false).await, ExitCode::Usage);
        assert_eq!(store.window(parked.id()).await.unwrap(), Some(parked));
    }

    #[tokio::test]
    async fn retry_with_lost_response_counts_as_done() {
        let definition = Bench::new(CONFIG).definition();
        let store = FailingStore::new(MemoryStore::new(), |operation, call| {
            match (operation, call) {
                // The first call parks the window.
                (Operation::Decide, 2) => Fault::LoseResponse,
                _ => Fault::None,
            }
        });
        let parked = parked(&store, &definition).await;
        let retried = Retried::by_window(&store, &parked, at(2)).await.unwrap();
        assert_eq!(retried.problem, None);
        let again = Retried::by_window(&store, &parked, at(2)).await.unwrap();
        let problem = again.problem.unwrap();
        assert!(
            problem.starts_with("its status is ready; only a parked"),
            "{problem}"
        );
    }

    #[test]
    fn retry_result_is_one_line() {
        let id = window(&Bench::new(CONFIG).definition()).id().clone();
        let ready = Retried {
            id: id.clone(),
            problem: None,
            last_error: Some("page 3 cannot be read".to_owned()),
            rests: None,
        };
        assert_eq!(
            ready.text(),
            format!("{id}: ready again; it was parked: page 3 cannot be read\n")
        );
        let refused = Retried::refused(&id, "the window does not exist".to_owned());
        assert_eq!(
            refused.text(),
            format!("{id}: not retried: the window does not exist\n")
        );
        let held = [ready, refused].map(|one| one.resting(Some("held")));
        assert_eq!(what_rests(&held), "it stays ready while okta is held\n");
    }
}
