//! An access token by a signed assertion, RFC 7523, as for Google service accounts.

use std::sync::Arc;

use serde::Deserialize;
use url::{Url, form_urlencoded};

use super::{Kind, Scheme, Source, TokenUrl};
use crate::auth::assertion::Signer;
use crate::auth::endpoint::Endpoint;
use crate::auth::redact::Redactor;
use crate::auth::token::{Grant, Granting};
use crate::auth::{Access, CredentialsError, json_object};
use crate::manifest::text::Template;
use crate::settings::CompileError;

/// The grant type of RFC 7523, section 2.1.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The claims of the assertion; the secret is a service account's JSON key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtBearer {
    token_url: Option<TokenUrl>,
    #[serde(default)]
    scopes: Vec<String>,
    /// The account that the service account impersonates (`sub`).
    subject: Option<Template>,
    #[serde(default)]
    optional: bool,
}

impl Kind for JwtBearer {
    fn secret(&self) -> Option<&'static str> {
        Some("a service account key, as JSON")
    }

    fn is_optional(&self) -> bool {
        self.optional
    }

    fn token_url(&self) -> Option<&TokenUrl> {
        self.token_url.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &Template)> {
        let subject = self.subject.iter();
        subject.map(|text| ("auth.subject", text)).collect()
    }

    fn resolve(&self, source: &Source<'_>) -> Result<Arc<dyn Scheme>, CompileError> {
        Ok(Arc::new(Resolved {
            token_url: source.token_url(self.token_url.as_ref())?,
            subject: source.text("auth.subject", self.subject.as_ref())?,
            scopes: self.scopes.clone(),
        }))
    }
}

#[derive(Debug)]
struct Resolved {
    /// Also the assertion's `aud`: from the manifest or the settings only, never from the key file.
    token_url: Url,
    subject: Option<String>,
    scopes: Vec<String>,
}

impl Scheme for Resolved {
    fn access(&self, secret: &str, redactor: &Redactor) -> Result<Access, CredentialsError> {
        let object = json_object(secret, "a service account's JSON key")?;
        let (subject, token_url) = (self.subject.as_deref(), &self.token_url);
        let signer = Signer::new(&object, subject, &self.scopes, token_url, redactor)?;
        let token_url = token_url.clone();
        Ok(Access::token(Assertion { signer, token_url }))
    }
}

struct Assertion {
    signer: Signer,
    token_url: Url,
}

impl Grant for Assertion {
    fn token_url(&self) -> &Url {
        &self.token_url
    }

    fn ask<'a>(&'a self, endpoint: &'a Endpoint<'a>) -> Granting<'a> {
        Box::pin(async move {
            let assertion = self.signer.sign(endpoint.now())?;
            endpoint.remember(&assertion);
            let form = form_urlencoded::Serializer::new(String::new())
                .append_pair("grant_type", JWT_BEARER)
                .append_pair("assertion", &assertion)
                .finish();
            let response = endpoint.send(&endpoint.request(form)).await?;
            serde_json::from_slice(&response.body).map_err(|_| endpoint.unreadable())
        })
    }
}
