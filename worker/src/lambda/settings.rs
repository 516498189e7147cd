//! The worker's settings.

use std::path::PathBuf;

use windlass_connectors::hosts::AllowedHosts;
use windlass_connectors::registry;
use windlass_core::limits;
use windlass_function::{Environment, SettingsError};

/// Longest slack a lease may be given.
const LEASE_SLACK_SECONDS_MAX: i64 = 3_600;

/// The worker's settings, one environment variable each.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `WINDLASS_TABLE`: the state table.
    pub table: String,
    /// `WINDLASS_ALLOWED_HOSTS`: the only hosts that requests and credentials go to; those of the
    /// built-in connectors unless set.
    pub allowed_hosts: AllowedHosts,
    /// `WINDLASS_DEPLOYMENT`: what metrics are counted under; `windlass` unless set.
    pub deployment: String,
    /// `WINDLASS_LEASE_SLACK_SECONDS`, in milliseconds: how long after its deadline a worker's
    /// lease ends. At least what clocks may differ by; [`limits::CLOCK_SKEW_MS`] unless set.
    pub lease_slack_ms: i64,
    /// Where manifests of the user's own are: `manifests` in the function's package.
    pub manifests: PathBuf,
}

impl Settings {
    /// The settings in `environment`.
    ///
    /// # Errors
    /// When one that is needed is not set, or one makes no sense.
    pub fn read(environment: &Environment) -> Result<Self, SettingsError> {
        let slack = environment.seconds("WINDLASS_LEASE_SLACK_SECONDS", LEASE_SLACK_SECONDS_MAX)?;
        let allowed_hosts = environment.parsed("WINDLASS_ALLOWED_HOSTS")?;
        let root = environment.optional("LAMBDA_TASK_ROOT").unwrap_or(".");
        Ok(Self {
            table: environment.required("WINDLASS_TABLE")?,
            allowed_hosts: allowed_hosts.unwrap_or_else(registry::allowed_hosts),
            deployment: environment.deployment(),
            lease_slack_ms: slack.unwrap_or(limits::CLOCK_SKEW_MS),
            manifests: PathBuf::from(root).join("manifests"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(&pairs.iter().copied().collect())
    }

    #[test]
    fn a_table_is_enough() {
        let settings = of(&[
            ("WINDLASS_TABLE", "state"),
            ("LAMBDA_TASK_ROOT", "/var/task"),
        ])
        .unwrap();
        assert_eq!(settings.lease_slack_ms, limits::CLOCK_SKEW_MS);
        assert_eq!(settings.manifests, PathBuf::from("/var/task/manifests"));
    }

    #[test]
    fn what_is_missing_or_makes_no_sense_is_named() {
        assert_eq!(of(&[]).unwrap_err().variable, "WINDLASS_TABLE");
        for (variable, text) in [
            ("WINDLASS_LEASE_SLACK_SECONDS", "0"),
            ("WINDLASS_LEASE_SLACK_SECONDS", "often"),
            ("WINDLASS_ALLOWED_HOSTS", "https://evil.example/path"),
        ] {
            let error = of(&[("WINDLASS_TABLE", "state"), (variable, text)]).unwrap_err();
            assert_eq!(error.variable, variable);
        }
    }
}
