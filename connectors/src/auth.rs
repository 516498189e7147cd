//! Credentials of one source: added to a request last, renewed when they run out, and known here so
//! that they can be taken out of whatever is said about a failure.

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

/// A secret that does not fit what the connector needs. Never repeats any of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The source names no secret and its connector needs one.
    #[error("this connector needs a secret; add `secret: env:NAME` or `secret: file:PATH`")]
    Missing,
    /// Several values are needed, so the secret has to be JSON.
    #[error("the secret is not a JSON object; this connector needs {0}")]
    NotJson(&'static str),
    /// The JSON lacks a value, or it is no text.
    #[error("the secret's JSON has no text under `{0}`; add it")]
    Field(String),
    /// It cannot stand in a header.
    #[error("the secret cannot be sent in a header; remove line breaks and what is not ASCII")]
    NotHeaderText,
    /// HTTP Basic needs both parts.
    #[error("the secret is not of the form `user:password`")]
    NotUserPassword,
    /// The signing key is unusable.
    #[error("`private_key` is not an RSA key in PEM form; use the key file as it was downloaded")]
    Key,
}

/// What authorises one source's requests. Debug output holds no secret.
pub struct Credentials {
    access: Access,
    redactor: Redactor,
}

/// The way to authorize a source's requests.
enum Access {
    /// The same headers on every request; none at all where the API is open.
    Fixed(Vec<(String, SecretString)>),
    /// An access token that runs out.
    Token(Box<TokenSource>),
}

impl Access {
    /// Access tokens that `grant` asks for.
    fn token(grant: impl Grant + 'static) -> Self {
        Self::Token(Box::new(TokenSource::new(Box::new(grant))))
    }
}

/// Proof of which credentials a request was sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass(Option<u64>);

impl Credentials {
    /// No credentials, for an API that is open.
    pub fn none() -> Self {
        Self {
            access: Access::Fixed(Vec::new()),
            redactor: Redactor::default(),
        }
    }

    /// What `spec` asks for, made from the source's `secret`. Sends nothing.
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

    /// Adds the credentials to `request`, asking for an access token first where one is due.
    /// The caller has checked that the request goes to the source's own origin.
    pub(crate) async fn authorize<T: Transport>(
        &self,
        request: &mut ApiRequest,
        transport: &T,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Pass, Failure> {
        match &self.access {
            Access::Fixed(headers) => {
                for (name, value) in headers {
                    request.set_header(name, value.expose_secret());
                }
                Ok(Pass(None))
            }
            Access::Token(source) => {
                let token = source
                    .token(transport, clock, entropy, &self.redactor)
                    .await?;
                let value = format!("Bearer {}", token.value.expose_secret());
                request.set_header(AUTHORIZATION, value);
                Ok(Pass(Some(token.generation)))
            }
        }
    }

    /// The vendor took a request sent with `pass`.
    pub(crate) async fn accepted(&self, pass: Pass) {
        if let (Access::Token(source), Some(generation)) = (&self.access, pass.0) {
            source.accepted(generation).await;
        }
    }

    /// The vendor answered 401 to a request sent with `pass`. Whether another try can help: not
    /// with fixed credentials, and not when the token had just been renewed for the same reason.
    pub(crate) async fn rejected(&self, pass: Pass) -> bool {
        match (&self.access, pass.0) {
            (Access::Token(source), Some(generation)) => source.rejected(generation).await,
            _ => false,
        }
    }

    /// `text` with every credential this source has used lately replaced by `***`, in any escaping,
    /// pieces of one included.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.redactor.redact(text)
    }

    /// Whether a credential of this source stands in `text`, in any escaping.
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

/// A header with a secret value, refused when it could not be sent: a line break in it would end
/// the header.
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

/// Whether `text` is visible ASCII and spaces only.
fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

/// The secret as a JSON object; `needs` says what should be in it.
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
