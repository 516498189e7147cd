//! The settings of a function, one environment variable each.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use windlass_core::time::SECOND_MS;

/// The default deployment of metrics.
const DEPLOYMENT: &str = "windlass";

/// The environment variables of a process. An empty one counts as unset.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

/// The error of an environment that lacks a setting or has an invalid one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {problem}")]
pub struct SettingsError {
    /// The name of the variable.
    pub variable: &'static str,
    /// The fault, and the valid values.
    pub problem: String,
}

impl Environment {
    /// The variables of this process that are text.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        std::env::vars_os().filter_map(text).collect()
    }

    /// The value of `variable`; `None` if it is unset or empty.
    pub fn optional(&self, variable: &str) -> Option<&str> {
        let value = self.0.get(variable).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// The value of `variable`, which the template sets.
    ///
    /// # Errors
    /// Fails if it is not set.
    pub fn required(&self, variable: &'static str) -> Result<String, SettingsError> {
        let value = self.optional(variable).map(str::to_owned);
        value.ok_or_else(|| SettingsError {
            variable,
            problem: "is not set; the template sets it".to_owned(),
        })
    }

    /// The value of `variable` as a `T`; `None` if it is not set.
    ///
    /// # Errors
    /// Fails if it is not a `T`.
    pub fn parsed<T: FromStr<Err: Display>>(
        &self,
        variable: &'static str,
    ) -> Result<Option<T>, SettingsError> {
        let parse = |text: &str| {
            text.parse().map_err(|error| SettingsError {
                variable,
                problem: format!("cannot be used: {error}"),
            })
        };
        self.optional(variable).map(parse).transpose()
    }

    /// The whole seconds in `variable`, in milliseconds; `None` if it is not set.
    ///
    /// # Errors
    /// Fails if it is not a number from 1 to `seconds_max`.
    pub fn seconds(
        &self,
        variable: &'static str,
        seconds_max: i64,
    ) -> Result<Option<i64>, SettingsError> {
        let Some(text) = self.optional(variable) else {
            return Ok(None);
        };
        match text.parse::<i64>() {
            Ok(seconds) if (1..=seconds_max).contains(&seconds) => Ok(Some(seconds * SECOND_MS)),
            _ => Err(SettingsError {
                variable,
                problem: format!("is `{text}` and must be 1 to {seconds_max} seconds"),
            }),
        }
    }

    /// The deployment of the metrics, from `WINDLASS_DEPLOYMENT`; `windlass` if it is not set.
    pub fn deployment(&self) -> String {
        let deployment = self.optional("WINDLASS_DEPLOYMENT");
        deployment.unwrap_or(DEPLOYMENT).to_owned()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let owned = |(name, value): (N, V)| (name.into(), value.into());
        Self(variables.into_iter().map(owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_variable_counts_as_unset() {
        let environment = Environment::from_iter([("WINDLASS_DEPLOYMENT", ""), ("A", "1")]);
        assert_eq!(environment.deployment(), "windlass");
        assert_eq!(environment.optional("A"), Some("1"));
        assert_eq!(
            environment.required("B").unwrap_err().to_string(),
            "B is not set; the template sets it"
        );
    }

    #[test]
    fn seconds_error_names_both_limits() {
        let of = |text: &str| Environment::from_iter([("A", text)]).seconds("A", 60);
        assert_eq!(of("60"), Ok(Some(60_000)));
        assert_eq!(of(""), Ok(None));
        for text in ["0", "61", "-1", "soon"] {
            assert_eq!(
                of(text).unwrap_err().to_string(),
                format!("A is `{text}` and must be 1 to 60 seconds")
            );
        }
    }

    #[test]
    fn unparsable_value_is_named_with_reason() {
        let environment = Environment::from_iter([("A", "x"), ("B", "7")]);
        let error = environment.parsed::<u8>("A").unwrap_err().to_string();
        assert_eq!(error, "A cannot be used: invalid digit found in string");
        assert_eq!(environment.parsed::<u8>("B"), Ok(Some(7)));
        assert_eq!(environment.parsed::<u8>("C"), Ok(None));
    }
}
