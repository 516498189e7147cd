//! Signed assertions (RFC 7523, RS256) as Google's service accounts use them:
//! <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;
use windlass_core::Timestamp;
use windlass_core::retry::FailureClass;

use crate::exchange::Failure;

use super::redact::Redactor;
use super::{CredentialsError, text_field};

/// Validity of an assertion; Google allows at most one hour.
const LIFETIME_SECONDS: i64 = 3_600;

/// Signs assertions for one service account.
pub(super) struct Signer {
    key: EncodingKey,
    header: Header,
    issuer: String,
    subject: Option<String>,
    scope: Option<String>,
    audience: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

impl Signer {
    /// A signer for the account of a JSON key. Uses only `client_email`, `private_key` and
    /// `private_key_id`: the key's `token_uri` could send assertions to any host.
    pub(super) fn new(
        key: &Map<String, Value>,
        subject: Option<&str>,
        scopes: &[String],
        token_url: &Url,
        redactor: &Redactor,
    ) -> Result<Self, CredentialsError> {
        let pem = text_field(key, "private_key")?;
        redactor.keep(&pem);
        let mut header = Header::new(Algorithm::RS256);
        header.kid = text_field(key, "private_key_id").ok();
        Ok(Self {
            key: EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| CredentialsError::Key)?,
            header,
            issuer: text_field(key, "client_email")?,
            subject: subject.map(str::to_owned),
            scope: (!scopes.is_empty()).then(|| scopes.join(" ")),
            audience: token_url.to_string(),
        })
    }

    /// An assertion that is valid from `now` for [`LIFETIME_SECONDS`].
    pub(super) fn sign(&self, now: Timestamp) -> Result<String, Failure> {
        let iat = now.as_seconds();
        let claims = Claims {
            iss: &self.issuer,
            sub: self.subject.as_deref(),
            scope: self.scope.as_deref(),
            aud: &self.audience,
            iat,
            exp: iat + LIFETIME_SECONDS,
        };
        jsonwebtoken::encode(&self.header, &claims, &self.key).map_err(|_| {
            let message = "the assertion cannot be signed; check the secret's `private_key`";
            Failure::new(FailureClass::Block, message)
        })
    }
}
