//! What the function is told by its environment.

use windlass_core::limits;
use windlass_core::time::SECOND_MS;

/// Longest time a dispatch may be given: the longest event age plus a day of doubt.
const DISPATCH_SECONDS_MAX: i64 = 21_600 + 86_400;
/// How long an asynchronous event of the template lives, in seconds.
const EVENT_AGE_SECONDS: i64 = 300;

/// The orchestrator's settings, one environment variable each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `WINDLASS_TABLE`: the state table.
    pub table: String,
    /// `WINDLASS_WORKER_FUNCTION`: name or ARN of the worker, with its alias.
    pub worker_function: String,
    /// `WINDLASS_DEPLOYMENT`: what metrics are counted under; `windlass` unless set.
    pub deployment: String,
    /// `WINDLASS_DISPATCH_SECONDS`, in milliseconds: after how long a dispatch counts as lost. At
    /// least the event age of the worker's asynchronous invocations plus what clocks may differ
    /// by; that of the template unless set.
    pub dispatch_ms: i64,
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
        let required = |name| {
            optional(name).ok_or_else(|| SettingsError {
                variable: name,
                problem: "is not set; the template sets it".to_owned(),
            })
        };
        let dispatch_ms = match optional("WINDLASS_DISPATCH_SECONDS") {
            Some(text) => seconds("WINDLASS_DISPATCH_SECONDS", &text)?,
            None => EVENT_AGE_SECONDS * SECOND_MS + limits::CLOCK_SKEW_MS,
        };
        Ok(Self {
            table: required("WINDLASS_TABLE")?,
            worker_function: required("WINDLASS_WORKER_FUNCTION")?,
            deployment: optional("WINDLASS_DEPLOYMENT").unwrap_or_else(|| "windlass".to_owned()),
            dispatch_ms,
        })
    }
}

fn seconds(variable: &'static str, text: &str) -> Result<i64, SettingsError> {
    let seconds = text.parse().ok();
    let seconds = seconds.filter(|seconds| (1..=DISPATCH_SECONDS_MAX).contains(seconds));
    seconds
        .map(|seconds: i64| seconds * SECOND_MS)
        .ok_or_else(|| SettingsError {
            variable,
            problem: format!("is `{text}` and must be 1 to {DISPATCH_SECONDS_MAX} seconds"),
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
    fn what_is_missing_or_no_number_is_named() {
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
