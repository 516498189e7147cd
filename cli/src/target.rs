//! What a command works on: which configuration file and which state, as the command line says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use windlass_connectors::yaml;
use windlass_core::source::SourceRecord;
use windlass_state::StateStore;

use crate::config::Config;
use crate::exit_code::UsageError;
use crate::state::{self, Purpose, StateAddress, Store};

/// The configuration file unless another is named.
const CONFIG_FILE: &str = "windlass.yaml";

/// Most names that a message lists.
const NAMES_SHOWN_MAX: usize = 20;
/// Most names that are asked for: more would be a list.
const MEANT_MAX: usize = 3;

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

/// What might have been meant by `name`, or what there is.
pub(crate) fn hint(name: &str, known: &BTreeSet<&str>) -> String {
    if let Some(hint) = did_you_mean(name, known) {
        return hint;
    }
    match known.len() {
        0 => "there are none".to_owned(),
        1..=NAMES_SHOWN_MAX => {
            let names: Vec<_> = known.iter().copied().collect();
            format!("there are: {}", names.join(", "))
        }
        many => format!("`windlass status` lists the {many} that there are"),
    }
}

/// Which of `known` might have been meant by `name`, if any: one that differs by little, or those
/// that begin with it.
pub(crate) fn did_you_mean(name: &str, known: &BTreeSet<&str>) -> Option<String> {
    if let Some(word) = yaml::did_you_mean(name, known.iter().copied()) {
        return Some(format!("did you mean `{word}`?"));
    }
    let longer = known.iter().filter(|word| word.starts_with(name));
    let longer: Vec<_> = longer.map(|word| format!("`{word}`")).collect();
    let few = (1..=MEANT_MAX).contains(&longer.len()) && !name.is_empty();
    few.then(|| format!("did you mean {}?", longer.join(" or ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_name_is_enough_to_ask_for_it() {
        let hint = |name: &str| hint(name, &BTreeSet::from(["okta_log", "nvd_cves", "nvd_cpes"]));
        assert_eq!(hint("okta"), "did you mean `okta_log`?");
        assert_eq!(hint("nvd"), "did you mean `nvd_cpes` or `nvd_cves`?");
        assert_eq!(hint("nvd_cve"), "did you mean `nvd_cves`?");
        assert_eq!(hint(""), "there are: nvd_cpes, nvd_cves, okta_log");
        assert_eq!(hint("log"), "there are: nvd_cpes, nvd_cves, okta_log");
    }
}
