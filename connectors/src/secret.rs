//! Where a secret is kept, and fetching it from there. Configuration holds references only; what
//! they point at is read late, held in a type that does not print, and never part of an error.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use windlass_core::limits;

/// Names of places that exist, but not in this crate.
const ELSEWHERE: [&str; 2] = ["secretsmanager", "ssm"];

/// Where a secret is kept: `env:NAME` or `file:PATH`. Printing one prints the reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable of this process.
    Env(String),
    /// A file; line breaks at its end are not part of the secret.
    File(PathBuf),
}

/// A secret that cannot be had. Names the reference, never what it points at.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The text is no reference. It may be a secret that was pasted in, so it is not repeated.
    #[error(
        "not a reference to a secret; write `env:NAME` or `file:PATH`, never the secret itself"
    )]
    Malformed,
    /// The place is known and not available here.
    #[error("`{0}:` secrets are not in this build; use `env:NAME` or `file:PATH`")]
    Unavailable(&'static str),
    /// Nothing is there.
    #[error("`{0}` is not set; set the environment variable and start again")]
    Missing(SecretRef),
    /// The file cannot be read.
    #[error("`{reference}` cannot be read: {source}")]
    Unreadable {
        /// Which.
        reference: SecretRef,
        /// Why.
        source: io::Error,
    },
    /// It is there and empty.
    #[error("`{0}` is empty")]
    Empty(SecretRef),
    /// It is longer than [`limits::FILE_BYTES_MAX`].
    #[error("`{0}` is longer than {max} bytes; this is not a secret", max = limits::FILE_BYTES_MAX)]
    TooLarge(SecretRef),
    /// It is not UTF-8.
    #[error("`{0}` is not UTF-8 text")]
    NotText(SecretRef),
}

impl SecretRef {
    /// Fetches the secret: at most [`limits::FILE_BYTES_MAX`] bytes of UTF-8, without the line
    /// breaks at its end. Reads each time, so that a replaced file is seen by the next run.
    pub fn resolve(&self) -> Result<SecretString, SecretError> {
        self.resolve_with(|name| std::env::var_os(name))
    }

    fn resolve_with(
        &self,
        env: impl FnOnce(&str) -> Option<OsString>,
    ) -> Result<SecretString, SecretError> {
        let text = match self {
            Self::Env(name) => env(name)
                .ok_or_else(|| SecretError::Missing(self.clone()))?
                .into_string()
                .map_err(|_| SecretError::NotText(self.clone()))?,
            Self::File(path) => {
                let bytes = File::open(path).and_then(read_bounded).map_err(|source| {
                    SecretError::Unreadable {
                        reference: self.clone(),
                        source,
                    }
                })?;
                self.check_length(bytes.len())?;
                String::from_utf8(bytes).map_err(|_| SecretError::NotText(self.clone()))?
            }
        };
        self.check_length(text.len())?;
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(SecretError::Empty(self.clone()));
        }
        Ok(SecretString::from(secret))
    }

    fn check_length(&self, bytes: usize) -> Result<(), SecretError> {
        if u64::try_from(bytes).is_ok_and(|bytes| bytes <= limits::FILE_BYTES_MAX) {
            Ok(())
        } else {
            Err(SecretError::TooLarge(self.clone()))
        }
    }
}

/// The file's content, or one byte more than is allowed of it.
fn read_bounded(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limits::FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl FromStr for SecretRef {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some(("env", name)) if is_variable_name(name) => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some((scheme, _)) => {
                let known = ELSEWHERE.into_iter().find(|name| *name == scheme);
                Err(known.map_or(SecretError::Malformed, SecretError::Unavailable))
            }
            None => Err(SecretError::Malformed),
        }
    }
}

fn is_variable_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty() && name.bytes().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit())
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[path = "secret_tests.rs"]
mod tests;
