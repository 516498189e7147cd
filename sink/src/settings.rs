//! What the settings of every kind of sink have in common.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};

/// Settings that a sink cannot work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ConfigError {
    /// The field, below the sink's kind; empty for all of it.
    pub field: &'static str,
    /// What is wrong with it and what was expected.
    pub problem: String,
}

impl ConfigError {
    /// `field` has `value` and not the form that is `expected`.
    pub(crate) fn not(field: &'static str, expected: &str, value: &str) -> Self {
        let problem = format!("`{field}` is not {expected}: `{value}`");
        Self { field, problem }
    }
}

/// What the settings of each kind of sink can say of themselves.
pub(crate) trait Settings {
    /// Checks what their types leave open.
    fn check(&self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// The name of the place, when only the machine with the configuration has it.
    fn local(&self) -> Option<&'static str> {
        None
    }
}

/// A flag, as such or as text: the flat form has nothing but text.
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
