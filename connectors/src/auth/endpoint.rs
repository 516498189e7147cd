//! The token endpoint: its requests and the meaning of its responses.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use oauth2::basic::BasicTokenType;
use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;
use windlass_core::retry::FailureClass;
use windlass_core::time::SECOND_MS;
use windlass_core::{Timestamp, limits};

use crate::exchange::{ApiRequest, ApiResponse, Failure, Method, Origin};
use crate::http::{Transport, TransportError};
use crate::wait::{retry_after_ms, served_at};

use super::is_header_text;
use super::redact::Redactor;

/// Assumed lifetime of a token whose response names none: short enough for any vendor.
const LIFETIME_DEFAULT_MS: i64 = 300 * SECOND_MS;
/// Longest accepted lifetime; a larger value only causes an earlier renewal.
const LIFETIME_MAX_MS: i64 = 24 * 3_600 * SECOND_MS;
/// Maximum length of an error code or description in a message.
const ERROR_CHARS_MAX: usize = 160;

/// The likely causes of a success without a token.
const WRONG_PAGE: &str = "; check `token_url`, unless the vendor is under maintenance";

/// A successful response: <https://www.rfc-editor.org/rfc/rfc6749#section-5.1>. The token type is
/// ignored: vendors spell it in many ways, and every supported grant issues bearer tokens.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GrantedToken {
    access_token: AccessToken,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
}

impl GrantedToken {
    pub(super) fn access_token(&self) -> &str {
        self.access_token.secret()
    }

    /// The token and its lifetime; `None` when the token is empty or cannot be sent in a header.
    pub(super) fn granted(&self) -> Option<Granted> {
        let value = self.access_token();
        if value.is_empty() || !is_header_text(value) {
            return None;
        }
        let lifetime_ms = self.expires_in.map_or(LIFETIME_DEFAULT_MS, |seconds| {
            i64::try_from(seconds)
                .unwrap_or(i64::MAX)
                .saturating_mul(SECOND_MS)
        });
        let lifetime_ms = lifetime_ms.min(LIFETIME_MAX_MS);
        Some(Granted {
            value: SecretString::from(value),
            lifetime_ms,
        })
    }
}

impl TokenResponse for GrantedToken {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &BasicTokenType {
        &BasicTokenType::Bearer
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in.map(Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        None
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

/// `expires_in` as a number, or as a string, which several vendors send; any other type reads as
/// `None`.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(value.as_u64().or_else(|| value.as_str()?.parse().ok()))
}

/// An error response: <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorResponse {
    error: Option<String>,
    error_description: Option<String>,
}

/// An access token with its lifetime.
pub(super) struct Granted {
    pub(super) value: SecretString,
    pub(super) lifetime_ms: i64,
}

/// An object-safe form of [`Transport`].
pub(super) trait AnyTransport: Sync {
    fn post<'a>(&'a self, request: &'a ApiRequest) -> Sending<'a>;
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<ApiResponse, TransportError>> + Send + 'a>>;

impl<T: Transport> AnyTransport for T {
    fn post<'a>(&'a self, request: &'a ApiRequest) -> Sending<'a> {
        Box::pin(self.send(request))
    }
}

/// The token endpoint of a grant, for one exchange.
pub(super) struct Endpoint<'a> {
    /// Taken from the manifest or the settings; no secret or response can change it.
    pub(super) url: &'a Url,
    pub(super) transport: &'a dyn AnyTransport,
    pub(super) now: Timestamp,
    pub(super) redactor: &'a Redactor,
}

impl Endpoint<'_> {
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Masks `secret`, which this exchange created, in messages.
    pub(super) fn remember(&self, secret: &str) {
        self.redactor.remember(secret);
    }

    /// A `POST` request with `form` as its body.
    pub(super) fn request(&self, form: impl Into<Bytes>) -> ApiRequest {
        let mut request = ApiRequest {
            method: Method::Post,
            body: Some(form.into()),
            ..ApiRequest::get(self.url.clone())
        };
        request.set_header("Accept", "application/json");
        request.set_header("Content-Type", "application/x-www-form-urlencoded");
        request
    }

    /// Sends `request`. Every response other than a success within the size limit is a failure.
    pub(super) async fn send(&self, request: &ApiRequest) -> Result<ApiResponse, Failure> {
        let origin = Origin::from(self.url);
        let too_large = || {
            let limit = limits::ERROR_BODY_BYTES_MAX;
            let message = format!(
                "{origin}: the token endpoint's response is larger than {limit} bytes{WRONG_PAGE}"
            );
            Failure::new(FailureClass::Outage, message)
        };
        let response = self.transport.post(request).await;
        let response = response.map_err(|error| match error {
            // Smaller windows, the usual cure for a large response, would not help here.
            TransportError::TooLarge { .. } => too_large(),
            error => error.into_failure(&origin, "`token_url`"),
        })?;
        if !(200..300).contains(&response.status) {
            return Err(refusal(&origin, &response, self.now));
        }
        if response.body.len() > limits::ERROR_BODY_BYTES_MAX {
            return Err(too_large());
        }
        Ok(response)
    }

    /// The failure of an exchange whose response has no access token. An outage and not a bad page:
    /// the window's own page was never requested, so the window must not be parked.
    pub(super) fn unreadable(&self) -> Failure {
        let origin = Origin::from(self.url);
        let message =
            format!("{origin}: the token endpoint's response contains no access token{WRONG_PAGE}");
        Failure::new(FailureClass::Outage, message)
    }
}

/// The failure for a response other than success. It quotes the vendor's text, shortened; the
/// caller masks credentials in it.
fn refusal(origin: &Origin, response: &ApiResponse, now: Timestamp) -> Failure {
    let said: ErrorResponse = if response.body.len() <= limits::ERROR_BODY_BYTES_MAX {
        serde_json::from_slice(&response.body).unwrap_or_default()
    } else {
        ErrorResponse::default()
    };
    let code = said.error.as_deref().unwrap_or_default();
    let (class, advice) = match (response.status, code) {
        (429, _) => (FailureClass::Rate, ""),
        (408 | 500.., _) | (_, "temporarily_unavailable" | "server_error") => {
            (FailureClass::Outage, "")
        }
        (_, "invalid_client") => (
            FailureClass::Block,
            "; check the client id, the client secret, and whether the key is revoked",
        ),
        (_, "unauthorized_client") => (
            FailureClass::Block,
            "; the client may not use this grant or these scopes; authorize both at the vendor",
        ),
        (_, "invalid_grant") => (
            FailureClass::Block,
            "; check the key, the account that it acts for, and this machine's clock",
        ),
        (_, "invalid_scope") => (
            FailureClass::Block,
            "; the vendor has no such scopes; correct them",
        ),
        _ => (FailureClass::Block, "; check the secret and `token_url`"),
    };
    let words = [said.error, said.error_description]
        .into_iter()
        .flatten()
        .map(|text| {
            let text: String = text.chars().take(ERROR_CHARS_MAX).collect();
            format!(": {text}")
        });
    let status = response.status;
    let words: String = words.collect();
    let message = format!("{origin}: the token endpoint returned HTTP {status}{words}{advice}");
    let now = served_at(&response.headers).unwrap_or(now);
    let wait_ms = response
        .headers
        .get("retry-after")
        .and_then(|text| retry_after_ms(text, now));
    Failure::new(class, message)
        .with_status(status)
        .with_wait(wait_ms)
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
