//! The address of the state in `--state` and in the configuration.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Length of a table name. Source: Amazon DynamoDB developer guide, Naming rules.
const TABLE_BYTES: std::ops::RangeInclusive<usize> = 3..=255;

/// A state file, or a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StateAddress {
    /// A SQLite file on this machine.
    Sqlite(PathBuf),
    /// A DynamoDB table, in the region and account of the environment.
    DynamoDb(Table),
}

/// The name of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table(String);

/// The text is not an address of a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidAddress {
    /// The text has neither of the two forms.
    #[error("write `sqlite:PATH` or `dynamodb:TABLE`")]
    Form,
    /// DynamoDB does not allow this table name.
    #[error("`{0}` is not a table's name: 3 to 255 of a-z, A-Z, 0-9, _, . and -")]
    Table(String),
}

impl StateAddress {
    /// The command that writes a configuration's sources into such a state.
    pub(crate) const fn what_puts_sources_there(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "windlass run",
            Self::DynamoDb(_) => "windlass apply",
        }
    }
}

impl Table {
    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Table {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if TABLE_BYTES.contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidAddress::Table(text.to_owned()))
        }
    }
}

impl FromStr for StateAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("dynamodb", table)) => Ok(Self::DynamoDb(table.parse()?)),
            _ => Err(InvalidAddress::Form),
        }
    }
}

impl fmt::Display for StateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::DynamoDb(table) => write!(f, "dynamodb:{}", table.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_reads_as_written() {
        for text in [
            "sqlite:./windlass.db",
            "sqlite:C:windlass.db",
            "dynamodb:windlass",
        ] {
            let address: StateAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn invalid_address_shows_valid_form() {
        for text in ["", "windlass.db", "sqlite:", "postgres:x", "dynamodb"] {
            let refused = text.parse::<StateAddress>().unwrap_err();
            assert_eq!(refused, InvalidAddress::Form, "{text}");
        }
        let long = "x".repeat(256);
        for table in ["", "ab", "a table", "arn:aws:dynamodb", &long] {
            let refused = format!("dynamodb:{table}").parse::<StateAddress>();
            assert_eq!(refused, Err(InvalidAddress::Table(table.to_owned())));
        }
    }
}
