//! References to secrets, and their resolution. Configuration holds references only. Secrets are
//! read late, held in a type that does not print, and never part of an error.

#[cfg(feature = "aws")]
mod aws;
mod error;
#[cfg(test)]
#[cfg(feature = "aws")]
mod fake_aws;
mod file;
mod vault;

use std::ffi::OsString;
use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use windlass_core::limits;

pub use self::error::SecretError;
pub use self::vault::{Vault, VaultSecret};

/// Longest name or ARN that either store accepts (the API references of `GetSecretValue` and
/// `GetParameter`).
const NAME_BYTES_MAX: usize = 2_048;
/// Shortest text that can be a pasted secret.
const PASTED_BYTES_MIN: usize = 16;
/// Longest field name of a bundle.
const FIELD_BYTES_MAX: usize = 256;

/// A reference to a secret: `env:NAME`, `file:PATH`, `secretsmanager:NAME` or `ssm:NAME`. Display
/// prints the reference, never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// An environment variable of this process.
    Env(String),
    /// A file; trailing line breaks are not part of the secret.
    File(PathBuf),
    /// A secret of AWS Secrets Manager, by name or ARN.
    SecretsManager(Stored),
    /// A parameter of the AWS Systems Manager Parameter Store, by name, path or ARN.
    Ssm(Stored),
}

/// A name in an AWS store, with an optional field of the JSON stored there: `windlass/acme#okta`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    name: String,
    field: Option<String>,
}

impl Stored {
    /// The name, path or ARN: ASCII letters, digits and `/_+=.@-:!`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The field of the stored JSON object; `None` for the whole value.
    pub fn field(&self) -> Option<&str> {
        self.field.as_deref()
    }

    /// Parses `text`; `None` if it cannot be a name.
    fn parse(text: &str) -> Option<Self> {
        // Names of both stores never contain `#`.
        let (name, field) = match text.split_once('#') {
            Some((name, field)) => (name, Some(field)),
            None => (text, None),
        };
        // The name characters of `CreateSecret` and `PutParameter`, the colons of ARNs and of
        // parameter versions, and the exclamation mark of secrets that an AWS service manages.
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-:!".contains(&byte);
        let is_name = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(in_name);
        let is_field = field.is_none_or(|field| {
            (1..=FIELD_BYTES_MAX).contains(&field.len()) && !field.contains(char::is_control)
        });
        (is_name && is_field).then(|| Self {
            name: name.to_owned(),
            field: field.map(str::to_owned),
        })
    }

    /// The requested part of `secret`, the value stored under the name; `reference` is for errors.
    fn part_of(
        &self,
        secret: &SecretString,
        reference: &SecretRef,
    ) -> Result<SecretString, SecretError> {
        let Some(field) = &self.field else {
            return Ok(secret.clone());
        };
        // The parser's own error could quote the secret.
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(secret.expose_secret())
                .map_err(|_| SecretError::NotJson(reference.clone()))?;
        let text = object.get(field).and_then(serde_json::Value::as_str);
        let text = text.filter(|text| !text.is_empty());
        text.map(SecretString::from)
            .ok_or_else(|| SecretError::NoField(reference.clone()))
    }
}

/// The place from which one source's secret can be read again after a rejection.
pub trait SecretSource: fmt::Debug + Send + Sync {
    /// Reads the secret now, bypassing every cache.
    ///
    /// # Errors
    /// As [`Vault::fetch_again`].
    fn read_again(&self) -> SecretRead<'_>;
}

/// A pending read of a secret. Boxed, so that a [`SecretSource`] can be a trait object.
pub type SecretRead<'a> =
    Pin<Box<dyn Future<Output = Result<SecretString, SecretError>> + Send + 'a>>;

impl SecretRef {
    /// Reads a secret of this machine: at most [`limits::FILE_BYTES_MAX`] bytes of UTF-8, without
    /// trailing line breaks. Reads on every call, so that the next run uses a replaced file. Blocks
    /// as long as the file does; a [`Vault`] does not.
    ///
    /// # Errors
    /// [`SecretError::Unavailable`] for the stores of AWS, which only a [`Vault`] reaches.
    fn resolve(&self) -> Result<SecretString, SecretError> {
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
                let bytes = file::content(path, self)?;
                self.check_length(bytes.len())?;
                String::from_utf8(bytes).map_err(|_| SecretError::NotText(self.clone()))?
            }
            Self::SecretsManager(_) | Self::Ssm(_) => {
                return Err(SecretError::Unavailable(self.scheme()));
            }
        };
        self.accept(&text)
    }

    /// `text` as the secret, after checks of length and content.
    fn accept(&self, text: &str) -> Result<SecretString, SecretError> {
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

    /// The part before the colon.
    const fn scheme(&self) -> &'static str {
        match self {
            Self::Env(_) => "env",
            Self::File(_) => "file",
            Self::SecretsManager(_) => "secretsmanager",
            Self::Ssm(_) => "ssm",
        }
    }
}

impl FromStr for SecretRef {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let reference = match text.split_once(':') {
            Some(("env", name)) => is_variable_name(name).then(|| Self::Env(name.to_owned())),
            Some(("file", path)) => {
                (!path.is_empty() && !looks_pasted(path)).then(|| Self::File(path.into()))
            }
            Some(("secretsmanager", rest)) => Stored::parse(rest).map(Self::SecretsManager),
            Some(("ssm", rest)) => Stored::parse(rest).map(Self::Ssm),
            _ => None,
        };
        reference.ok_or(SecretError::Malformed)
    }
}

/// True for the name of an environment variable in its usual form: capitals, digits and `_`
/// (POSIX, XBD 8.1). References appear in messages, and the pasted values of most vendors have small
/// letters.
fn is_variable_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let is_name = !name.is_empty() && name.bytes().all(plain);
    is_name && !name.starts_with(|c: char| c.is_ascii_digit()) && !looks_pasted(name)
}

/// True for a text that is probably a secret itself: long, letters and digits, and neither a path
/// (`/` or `.`) nor a variable of several words in capitals.
fn looks_pasted(text: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| text.as_bytes().iter().any(kind);
    let is_words = text.contains('_') && !has(u8::is_ascii_lowercase);
    text.len() >= PASTED_BYTES_MIN
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
        && !is_words
        && !text.contains(['/', '.', '\\'])
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.scheme())?;
        match self {
            Self::Env(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::SecretsManager(stored) | Self::Ssm(stored) => write!(f, "{stored}"),
        }
    }
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.field
            .as_ref()
            .map_or(Ok(()), |field| write!(f, "#{field}"))
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
