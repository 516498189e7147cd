//! The common interface of the settings of all sinks.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};

/// Invalid settings of a sink.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ConfigError {
    /// The field below the sink's kind; empty for the settings as a whole.
    pub field: &'static str,
    /// The problem and the expected form.
    pub problem: String,
}

impl ConfigError {
    /// An error for `field`, whose `value` does not have the `expected` form.
    pub(crate) fn not(field: &'static str, expected: &str, value: &str) -> Self {
        let problem = format!("`{field}` is not {expected}: `{value}`");
        Self { field, problem }
    }
}

/// The settings of one kind of sink.
pub(crate) trait Settings {
    /// Checks the invariants beyond the types.
    fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// The kind of destination, if only the machine with the configuration can reach it.
    fn local(&self) -> Option<&'static str> {
        None
    }
}

/// A boolean, as such or as text: the flat form holds only text.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Flag;

    impl Visitor<'_> for Flag {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("true or false")
        }

        fn visit_bool<E: Error>(self, flag: bool) -> Result<bool, E> {
            Ok(flag)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<bool, E> {
            let unexpected = serde::de::Unexpected::Str(text);
            text.parse()
                .map_err(|_| E::invalid_value(unexpected, &self))
        }
    }

    deserializer.deserialize_any(Flag)
}
