//! What a command works on: which configuration file and which state, as the command line says.

use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::exit_code::UsageError;
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
        let config = match &self.state {
            Some(_) if self.config.is_none() => None,
            _ => Some(self.config()?),
        };
        let of_config = || config.as_ref().map(|config| config.state.clone());
        let address = self.state.clone().or_else(of_config);
        let address = address.ok_or_else(|| UsageError("name a state with --state".to_owned()))?;
        let store = self.open(&address, purpose).await?;
        Ok(Found {
            address,
            store,
            config,
        })
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
#[derive(Debug)]
pub(crate) struct Found {
    /// Where the state is.
    pub(crate) address: StateAddress,
    /// The state.
    pub(crate) store: Store,
    /// The configuration, if one was read.
    pub(crate) config: Option<Config>,
}
