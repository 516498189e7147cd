//! Credentials of one source: added to a request last, renewed when they expire, and masked in
//! every failure message.

mod assertion;
mod endpoint;
pub mod kinds;
mod redact;
mod token;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use windlass_core::{Clock, Entropy};

use crate::exchange::{ApiRequest, Failure};
use crate::http::Transport;

pub use self::kinds::{Auth, AuthSpec};
pub(crate) use self::kinds::{Source, TokenUrl};

use self::redact::Redactor;
use self::token::{Grant, TokenSource};

/// The header of every kind that does not name its own.
const AUTHORIZATION: &str = "Authorization";

/// The secret does not have the form that the connector needs. The message never repeats any part
/// of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The source names no secret, and its connector needs one.
    #[error("the connector needs a secret; add `secret: env:NAME` or `secret: file:PATH`")]
    Missing,
    /// The secret is not JSON, and the kind needs several values.
    #[error("the secret is not a JSON object; the connector needs {0}")]
    NotJson(&'static str),
    /// The JSON lacks this value, or the value is not a string.
    #[error("the secret's JSON has no text under `{0}`; add it")]
    Field(String),
    /// The secret holds bytes that a header cannot carry.
    #[error(
        "the secret cannot be sent in a header; remove line breaks and characters outside ASCII"
    )]
    NotHeaderText,
    /// HTTP Basic needs a user name and a password.
    #[error("the secret is not of the form `user:password`")]
    NotUserPassword,
    /// The signing key cannot be parsed or used.
    #[error("`private_key` is not an RSA key in PEM form; use the key file as downloaded")]
    Key,
}

/// The credentials of one source's requests. Debug output holds no secret.
pub struct Credentials {
    access: Access,
    redactor: Redactor,
}

/// The form in which requests carry the credentials.
enum Access {
    /// The same headers on every request; empty for an open API.
    Fixed(Vec<(String, SecretString)>),
    /// An access token that expires.
    Token(Box<TokenSource>),
}

impl Access {
    /// Access that uses the tokens of `grant`.
    fn token(grant: impl Grant + 'static) -> Self {
        Self::Token(Box::new(TokenSource::new(Box::new(grant))))
    }
}

/// The generation of the token that a request was sent with; `None` for fixed credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TokenGeneration(Option<u64>);

impl Credentials {
    /// No credentials, for an open API.
    pub fn none() -> Self {
        Self {
            access: Access::Fixed(Vec::new()),
            redactor: Redactor::default(),
        }
    }

    /// The credentials for `spec`, built from the source's `secret`. Sends nothing.
    pub fn new(spec: &AuthSpec, secret: Option<&SecretString>) -> Result<Self, CredentialsError> {
        let Some(secret) = secret else {
            return if spec.is_optional() {
                Ok(Self::none())
            } else {
                Err(CredentialsError::Missing)
            };
        };
        let redactor = Redactor::default();
        let access = spec.scheme.access(secret.expose_secret(), &redactor)?;
        Ok(Self { access, redactor })
    }

    /// Adds the credentials to `request`, and first fetches an access token if one is due. The
    /// caller has checked that the request goes to the source's own origin.
    pub(crate) async fn authorize<T: Transport>(
        &self,
        request: &mut ApiRequest,
        transport: &T,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<TokenGeneration, Failure> {
        match &self.access {
            Access::Fixed(headers) => {
                for (name, value) in headers {
                    request.set_header(name, value.expose_secret());
                }
                Ok(TokenGeneration(None))
            }
            Access::Token(source) => {
                let token = source
                    .token(transport, clock, entropy, &self.redactor)
                    .await?;
                let value = format!("Bearer {}", token.value.expose_secret());
                request.set_header(AUTHORIZATION, value);
                Ok(TokenGeneration(Some(token.generation)))
            }
        }
    }

    /// Records that the vendor accepted a request sent with `pass`.
    pub(crate) async fn accepted(&self, generation: TokenGeneration) {
        if let (Access::Token(source), Some(generation)) = (&self.access, generation.0) {
            source.accepted(generation).await;
        }
    }

    /// Records that the vendor returned HTTP 401 to a request sent with `pass`. Returns whether a
    /// retry can help: not with fixed credentials, and not directly after a renewal for the same
    /// reason.
    pub(crate) async fn rejected(&self, generation: TokenGeneration) -> bool {
        match (&self.access, generation.0) {
            (Access::Token(source), Some(generation)) => source.rejected(generation).await,
            _ => false,
        }
    }

    /// `text` with every recently used credential of this source replaced by `***`, in any
    /// escaping, including partial matches.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.redactor.redact(text)
    }

    /// Returns true if a credential of this source occurs in `text`, in any escaping.
    pub(crate) fn stand_in(&self, text: &str) -> bool {
        self.redactor.finds_in(text)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match &self.access {
            Access::Fixed(headers) if headers.is_empty() => "none",
            Access::Fixed(_) => "fixed",
            Access::Token(_) => "token",
        };
        f.debug_struct("Credentials")
            .field("scheme", &scheme)
            .finish_non_exhaustive()
    }
}

/// A header with a secret value. Fails if the value is not header text: a line break would end the
/// header.
fn secret_header(
    name: &str,
    prefix: &str,
    value: &str,
) -> Result<(String, SecretString), CredentialsError> {
    if is_header_text(value) {
        Ok((
            name.to_owned(),
            SecretString::from(format!("{prefix}{value}")),
        ))
    } else {
        Err(CredentialsError::NotHeaderText)
    }
}

/// Returns true if `text` holds only visible ASCII and spaces.
fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// The secret as a JSON object; `needs` names the expected fields for the error.
fn json_object(secret: &str, needs: &'static str) -> Result<Map<String, Value>, CredentialsError> {
    // The parser's own error could quote the secret.
    serde_json::from_str(secret).map_err(|_| CredentialsError::NotJson(needs))
}

fn text_field(object: &Map<String, Value>, name: &str) -> Result<String, CredentialsError> {
    let text = object
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    text.map(str::to_owned)
        .ok_or_else(|| CredentialsError::Field(name.to_owned()))
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
