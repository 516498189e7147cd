//! The target of a command: the configuration file and the state that the command line names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use windlass_core::source::SourceRecord;
use windlass_state::StateStore;

use crate::config::Config;
use crate::exit_code::UsageError;
use crate::hint::hint;
use crate::state::{self, Purpose, StateAddress, Store};

/// Default path of the configuration file.
const CONFIG_FILE: &str = "windlass.yaml";

/// A configuration file, a state, or both.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    config: Option<PathBuf>,
    state: Option<StateAddress>,
    endpoint_url: Option<String>,
}

impl Target {
    /// A target from `--config`, `--state` and `--endpoint-url`.
    pub(crate) const fn new(
        config: Option<PathBuf>,
        state: Option<StateAddress>,
        endpoint_url: Option<String>,
    ) -> Self {
        Self {
            config,
            state,
            endpoint_url,
        }
    }

    /// The configuration, for a command that needs one.
    pub(crate) fn config(&self) -> anyhow::Result<Config> {
        let path = self.config.as_deref().unwrap_or(Path::new(CONFIG_FILE));
        Config::load(path, self.state.as_ref())
    }

    /// The state, for a command that needs a configuration only to locate it: with `--state`, a
    /// configuration is read only if `--config` names it.
    pub(crate) async fn state(&self, purpose: Purpose) -> anyhow::Result<Found> {
        let (address, config) = self.address()?;
        let store = self.open(&address, purpose).await?;
        Ok(Found {
            address,
            store,
            config,
        })
    }

    /// The address of the state, with the configuration that names it, if one was read.
    pub(crate) fn address(&self) -> anyhow::Result<(StateAddress, Option<Config>)> {
        if let (Some(address), None) = (&self.state, &self.config) {
            return Ok((address.clone(), None));
        }
        let config = self.config()?;
        Ok((config.state.clone(), Some(config)))
    }

    /// The store at `address`.
    pub(crate) async fn open(
        &self,
        address: &StateAddress,
        purpose: Purpose,
    ) -> anyhow::Result<Store> {
        if let (StateAddress::Sqlite(_), Some(_)) = (address, &self.endpoint_url) {
            let problem = "--endpoint-url is an endpoint of DynamoDB, and the state is a file; \
                           remove it";
            return Err(UsageError(problem.to_owned()).into());
        }
        state::open(address, self.endpoint_url.as_deref(), purpose).await
    }
}

/// A state and its configuration.
pub(crate) struct Found {
    /// The address of the state.
    pub(crate) address: StateAddress,
    /// The opened store.
    pub(crate) store: Store,
    /// The configuration, if one was read.
    pub(crate) config: Option<Config>,
}

impl Found {
    /// The source `name`, even if the configuration no longer names it.
    ///
    /// # Errors
    /// There is no such source; the error lists the known ones.
    pub(crate) async fn source(&self, name: &str) -> anyhow::Result<SourceRecord> {
        if let Ok(name) = name.parse()
            && let Some(found) = self.store.named(&name).await?
        {
            return Ok(found);
        }
        let listed = self.store.all_sources().await?;
        Err(self.unknown(name, &listed).into())
    }

    fn unknown(&self, name: &str, stored: &[SourceRecord]) -> UsageError {
        let configured = self.config.iter().flat_map(|config| config.sources.keys());
        let configured: BTreeSet<_> = configured.map(String::as_str).collect();
        if configured.contains(name) {
            let command = self.address.what_puts_sources_there();
            return UsageError(format!(
                "source `{name}` is not in the state yet; `{command}` adds it"
            ));
        }
        let stored = stored.iter().map(|record| record.definition.name.as_str());
        let known: BTreeSet<_> = configured.into_iter().chain(stored).collect();
        let hint = hint(name, &known);
        UsageError(format!(
            "unknown source `{name}` in {}; {hint}",
            self.address
        ))
    }
}
