//! The orchestrator's settings.

use windlass_core::limits;
use windlass_core::time::SECOND_MS;
use windlass_function::{Environment, SettingsError};

/// Longest time of a dispatch, in seconds: the longest event age plus a day.
const DISPATCH_SECONDS_MAX: i64 = 21_600 + 86_400;
/// Lifetime of an asynchronous event in the template, in seconds.
const EVENT_AGE_SECONDS: i64 = 300;

/// The orchestrator's settings, one environment variable each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `WINDLASS_TABLE`: name of the state table.
    pub table: String,
    /// `WINDLASS_WORKER_FUNCTION`: name or ARN of the worker, with its alias.
    pub worker_function: String,
    /// `WINDLASS_DEPLOYMENT`: the metrics' dimension; `windlass` by default.
    pub deployment: String,
    /// `WINDLASS_DISPATCH_SECONDS`, in milliseconds: the time after which a dispatch counts as
    /// lost. At least the event age of the worker's asynchronous invocations plus the allowance for
    /// clock skew; that of the template by default.
    pub dispatch_ms: i64,
}

impl Settings {
    /// The settings in `environment`.
    ///
    /// # Errors
    /// If a required variable is missing, or a value is invalid.
    pub fn read(environment: &Environment) -> Result<Self, SettingsError> {
        let dispatch = environment.seconds("WINDLASS_DISPATCH_SECONDS", DISPATCH_SECONDS_MAX)?;
        Ok(Self {
            table: environment.required("WINDLASS_TABLE")?,
            worker_function: environment.required("WINDLASS_WORKER_FUNCTION")?,
            deployment: environment.deployment(),
            dispatch_ms: dispatch.unwrap_or(EVENT_AGE_SECONDS * SECOND_MS + limits::CLOCK_SKEW_MS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(&pairs.iter().copied().collect())
    }

    const LEAST: [(&str, &str); 2] = [
        ("WINDLASS_TABLE", "state"),
        ("WINDLASS_WORKER_FUNCTION", "worker:live"),
    ];

    #[test]
    fn table_and_worker_are_enough() {
        let settings = of(&LEAST).unwrap();
        assert_eq!(settings.dispatch_ms, 360_000);
        assert_eq!(settings.deployment, "windlass");
    }

    #[test]
    fn missing_and_malformed_settings_are_named() {
        assert_eq!(
            of(&LEAST[..1]).unwrap_err().to_string(),
            "WINDLASS_WORKER_FUNCTION is not set; the template sets it"
        );
        for text in ["soon", "0", "-1", "999999999"] {
            let dispatch = ("WINDLASS_DISPATCH_SECONDS", text);
            let error = of(&[LEAST[0], LEAST[1], dispatch]).unwrap_err();
            assert_eq!(error.variable, "WINDLASS_DISPATCH_SECONDS");
        }
    }
}
