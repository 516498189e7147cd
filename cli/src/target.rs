//! What a command works on: which configuration file and which state, as the command line says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use windlass_core::source::SourceRecord;
use windlass_state::StateStore;

use crate::config::Config;
use crate::exit_code::UsageError;
use crate::hint::hint;
use crate::state::{self, Purpose, StateAddress, Store};

/// The configuration file unless another is named.
const CONFIG_FILE: &str = "windlass.yaml";

/// A configuration file, a state, or both.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    config: Option<PathBuf>,
    state: Option<StateAddress>,
    endpoint_url: Option<String>,
}

impl Target {
    /// What `--config`, `--state` and `--endpoint-url` say.
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

    /// The state, for a command that works on a state and needs a configuration only to find it:
    /// with `--state`, one is read only if `--config` names it.
    pub(crate) async fn state(&self, purpose: Purpose) -> anyhow::Result<Found> {
        let (address, config) = self.address()?;
        let store = self.open(&address, purpose).await?;
        Ok(Found {
            address,
            store,
            config,
        })
    }

    /// Where the state is, with the configuration that says so, if one was read.
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
            let problem = "--endpoint-url says where DynamoDB answers, and the state is a file";
            return Err(UsageError(problem.to_owned()).into());
        }
        state::open(address, self.endpoint_url.as_deref(), purpose).await
    }
}

/// A state, and the configuration that goes with it.
pub(crate) struct Found {
    /// Where the state is.
    pub(crate) address: StateAddress,
    /// The state.
    pub(crate) store: Store,
    /// The configuration, if one was read.
    pub(crate) config: Option<Config>,
}

impl Found {
    /// The source called `name`, also one that the configuration does not name any more.
    ///
    /// # Errors
    /// When there is none: what there is instead.
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
                "`{name}` is not in the state yet; `{command}` puts it there"
            ));
        }
        let stored = stored.iter().map(|record| record.definition.name.as_str());
        let known: BTreeSet<_> = configured.into_iter().chain(stored).collect();
        let hint = hint(name, &known);
        UsageError(format!(
            "there is no source `{name}` in {}; {hint}",
            self.address
        ))
    }
}
