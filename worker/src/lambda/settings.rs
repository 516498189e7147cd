//! What the function is told by its environment.

use std::path::PathBuf;

use windlass_connectors::hosts::AllowedHosts;
use windlass_connectors::registry;
use windlass_core::limits;
use windlass_core::time::SECOND_MS;

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

/// The environment is not what the function needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem}")]
pub struct SettingsError {
    /// Which variable.
    pub variable: &'static str,
    /// What is wrong with it and what would be right.
    pub problem: String,
}

impl Settings {
    /// The settings of this process.
    pub fn from_env() -> Result<Self, SettingsError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// The settings that `variable` holds, by name.
    pub(crate) fn read(
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, SettingsError> {
        let optional = |name| variable(name).filter(|value| !value.is_empty());
        let invalid = |variable, problem| SettingsError { variable, problem };
        let table = optional("WINDLASS_TABLE").ok_or_else(|| {
            invalid(
                "WINDLASS_TABLE",
                "is not set; the template sets it".to_owned(),
            )
        })?;
        let allowed_hosts = match optional("WINDLASS_ALLOWED_HOSTS") {
            Some(text) => text.parse().map_err(|error| {
                invalid("WINDLASS_ALLOWED_HOSTS", format!("cannot be used: {error}"))
            })?,
            None => registry::allowed_hosts(),
        };
        let lease_slack_ms = match optional("WINDLASS_LEASE_SLACK_SECONDS") {
            Some(text) => lease_slack_ms(&text)?,
            None => limits::CLOCK_SKEW_MS,
        };
        let root = optional("LAMBDA_TASK_ROOT").unwrap_or_else(|| ".".to_owned());
        Ok(Self {
            table,
            allowed_hosts,
            deployment: optional("WINDLASS_DEPLOYMENT").unwrap_or_else(|| "windlass".to_owned()),
            lease_slack_ms,
            manifests: PathBuf::from(root).join("manifests"),
        })
    }
}

fn lease_slack_ms(text: &str) -> Result<i64, SettingsError> {
    let seconds = text.parse().ok();
    let seconds = seconds.filter(|seconds| (1..=LEASE_SLACK_SECONDS_MAX).contains(seconds));
    seconds
        .map(|seconds: i64| seconds * SECOND_MS)
        .ok_or_else(|| SettingsError {
            variable: "WINDLASS_LEASE_SLACK_SECONDS",
            problem: format!("is `{text}` and must be 1 to {LEASE_SLACK_SECONDS_MAX} seconds"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(|name| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
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
