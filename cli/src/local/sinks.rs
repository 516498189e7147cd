//! The sinks of a run: all are opened at its start, and one that cannot be used is tried again for as
//! long as the run lasts.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::Mutex;
use windlass_core::ids::SourceName;
use windlass_core::time::SECOND_MS;
use windlass_sink::any::{AnySink, Means};
use windlass_state::StateError;

use super::folders::Folders;
use super::reconcile::FolderError;
use crate::config::Config;

/// Time for which the outcome of a failed attempt stands, in milliseconds: all sources of a sink are
/// probed at about the same time, and share one attempt.
const TRIED_MS: i64 = 5 * SECOND_MS;
/// Number of sources that the log names; further ones are counted.
const NAMED_MAX: usize = 5;

/// The sinks of the sources that run.
#[derive(Debug)]
pub(crate) struct Sinks {
    config: Arc<Config>,
    means: Means,
    /// `None` where nothing is delivered.
    folders: Option<Arc<Folders>>,
    slots: BTreeMap<String, Mutex<Slot>>,
}

/// The last attempt to open a sink.
#[derive(Debug, Default)]
struct Slot {
    open: Option<Arc<AnySink>>,
    /// The reason of the last failure, and its time on the steady clock in milliseconds.
    failed: Option<(String, i64)>,
}

/// A failed attempt to open a sink.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unopened {
    /// The state failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The sink cannot be used: its name, the reason and the cure.
    #[error("{0}")]
    Sink(String),
}

impl Sinks {
    /// The sinks `names` of `config`, none of them open. Folders are claimed through `folders`.
    pub(super) fn new(
        config: &Arc<Config>,
        names: impl Iterator<Item = String>,
        means: Means,
        folders: Option<Arc<Folders>>,
    ) -> Self {
        Self {
            config: Arc::clone(config),
            means,
            folders,
            slots: names.map(|name| (name, Mutex::default())).collect(),
        }
    }

    /// Opens the sink of `source` if it is not open. A source that does not run here is the worker's
    /// to refuse.
    pub(super) async fn ready(&self, source: &SourceName) -> Result<(), Unopened> {
        let configured = self.config.sources.get(source.as_str());
        let sink = configured.map(|it| it.definition.sink.as_str());
        match sink.filter(|sink| self.slots.contains_key(*sink)) {
            Some(sink) => self.open(sink).await.map(drop),
            None => Ok(()),
        }
    }

    /// Opens all sinks at once. Returns those that cannot be used, by name.
    ///
    /// # Errors
    /// The state failed.
    pub(crate) async fn open_all(&self) -> Result<BTreeMap<String, String>, StateError> {
        let opened = self.slots.keys().map(|name| async move {
            let opened = self.open(name).await;
            (name.clone(), opened)
        });
        let mut unusable = BTreeMap::new();
        for (name, opened) in join_all(opened).await {
            match opened {
                Ok(_) => {}
                Err(Unopened::State(error)) => return Err(error),
                Err(Unopened::Sink(why)) => {
                    unusable.insert(name, why);
                }
            }
        }
        Ok(unusable)
    }

    /// The sink `name`, opened if it is not open. Logs each new reason why it cannot be used once.
    pub(crate) async fn open(&self, name: &str) -> Result<Arc<AnySink>, Unopened> {
        let Some(slot) = self.slots.get(name) else {
            let why =
                format!("sink `{name}` is of no source that runs; start `windlass run` again");
            return Err(Unopened::Sink(why));
        };
        let clock = &self.means.seams.clock;
        let mut slot = slot.lock().await;
        if let Some(open) = &slot.open {
            return Ok(Arc::clone(open));
        }
        if let Some((why, at)) = &slot.failed
            && clock.steady_ms() - at < TRIED_MS
        {
            return Err(Unopened::Sink(why.clone()));
        }
        let before = slot.failed.take().map(|(why, _)| why);
        match self.try_open(name).await {
            Ok(sink) => {
                if before.is_some() {
                    tracing::info!(sink = name, "sink is usable again");
                }
                let sink = Arc::new(sink);
                slot.open = Some(Arc::clone(&sink));
                Ok(sink)
            }
            Err(FolderError::State(error)) => Err(error.into()),
            Err(FolderError::Sink(error)) => {
                let why = error.to_string();
                if before.as_ref() != Some(&why) {
                    let sources = self.sources_of(name);
                    tracing::error!(
                        sources,
                        "{why}; its sources are blocked and go on by themselves once it works: it is \
                         tried again each minute"
                    );
                }
                slot.failed = Some((why.clone(), clock.steady_ms()));
                Err(Unopened::Sink(why))
            }
        }
    }

    async fn try_open(&self, name: &str) -> Result<AnySink, FolderError> {
        let sink = AnySink::build(name.to_owned(), &self.config.sinks[name], &self.means).await?;
        if let Some(folders) = &self.folders {
            Arc::clone(folders).claim(name.to_owned()).await?;
        }
        Ok(sink)
    }

    /// The sources of the sink `name`, for the log.
    fn sources_of(&self, name: &str) -> String {
        let of_sink = |it: &&crate::config::Source| it.definition.sink == name;
        let sources = self.config.sources.values().filter(of_sink);
        let names: Vec<_> = sources.map(|it| it.definition.name.as_str()).collect();
        let named = names.iter().take(NAMED_MAX).copied().collect::<Vec<_>>();
        let more = names.len() - named.len();
        let named = named.join(", ");
        if more > 0 {
            format!("{named} and {more} more")
        } else {
            named
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
#[path = "sinks_tests.rs"]
mod tests;
