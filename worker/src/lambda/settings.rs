//! The worker's settings.

use std::path::PathBuf;

use windlass_connectors::hosts::AllowedHosts;
use windlass_connectors::registry;
use windlass_core::limits;
use windlass_function::{Environment, SettingsError};

/// Longest slack of a lease.
const LEASE_SLACK_SECONDS_MAX: i64 = 3_600;

/// The worker's settings, one environment variable each.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `WINDLASS_TABLE`: name of the state table.
    pub table: String,
    /// `WINDLASS_ALLOWED_HOSTS`: the only hosts that receive requests and credentials; by default
    /// those of the built-in connectors.
    pub allowed_hosts: AllowedHosts,
    /// `WINDLASS_DEPLOYMENT`: the metrics' dimension; `windlass` by default.
    pub deployment: String,
    /// `WINDLASS_LEASE_SLACK_SECONDS`, in milliseconds: time from a worker's deadline to the end of
    /// its lease. At least the allowed difference of clocks; [`limits::CLOCK_SKEW_MS`] by default.
    pub lease_slack_ms: i64,
    /// Folder of the user's own manifests: `manifests` in the function's package.
    pub manifests: PathBuf,
}

impl Settings {
    /// The settings in `environment`.
    ///
    /// # Errors
    /// If a required variable is missing, or a value is invalid.
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
    fn table_alone_is_enough() {
        let settings = of(&[
            ("WINDLASS_TABLE", "state"),
            ("LAMBDA_TASK_ROOT", "/var/task"),
        ])
        .unwrap();
        assert_eq!(settings.lease_slack_ms, limits::CLOCK_SKEW_MS);
        assert_eq!(settings.manifests, PathBuf::from("/var/task/manifests"));
    }

    #[test]
    fn missing_or_invalid_variable_is_named() {
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
