//! The kinds of auth, one file each. A manifest declares a kind (`Kind`). It is resolved for one
//! source (`Scheme`), and combined with the source's secret into credentials.
//!
//! A new kind is a file with its two structs, and a variant of [`Auth`].

mod basic;
mod bearer;
mod client_credentials;
mod header;
mod jwt_bearer;
mod open;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use url::Url;

pub use self::basic::Basic;
pub use self::bearer::Bearer;
pub use self::client_credentials::ClientCredentials;
pub use self::header::Header;
pub use self::jwt_bearer::JwtBearer;
pub use self::open::Open;

use super::redact::Redactor;
use super::{Access, CredentialsError};
use crate::exchange::confidential_url;
use crate::manifest::fault::Fault;
use crate::manifest::text::Template;
use crate::settings::{CompileError, Settings, wrong};

/// The `auth` section of a manifest: one kind and its settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Auth {
    /// No credentials.
    #[serde(rename = "none")]
    Open(Open),
    /// One or more headers with a secret value.
    Header(Header),
    /// `Authorization: Bearer <secret>`.
    Bearer(Bearer),
    /// `Authorization: Basic`.
    Basic(Basic),
    /// An access token by the OAuth 2.0 client credentials grant, RFC 6749 section 4.4.
    #[serde(rename = "oauth2_client_credentials")]
    ClientCredentials(ClientCredentials),
    /// An access token by a signed assertion, RFC 7523, as for Google service accounts.
    JwtBearer(JwtBearer),
}

impl Auth {
    fn kind(&self) -> &dyn Kind {
        match self {
            Self::Open(kind) => kind,
            Self::Header(kind) => kind,
            Self::Bearer(kind) => kind,
            Self::Basic(kind) => kind,
            Self::ClientCredentials(kind) => kind,
            Self::JwtBearer(kind) => kind,
        }
    }

    /// A description of the secret that a source must name; `None` for kinds without one.
    pub fn secret(&self) -> Option<&'static str> {
        self.kind().secret()
    }

    /// Returns true if the API also accepts requests without credentials; a source then needs no
    /// secret.
    pub fn is_optional(&self) -> bool {
        self.kind().is_optional()
    }

    /// The token endpoint that the manifest names; `None` if the kind has none or the manifest
    /// omits it.
    pub(crate) fn token_url(&self) -> Option<&TokenUrl> {
        self.kind().token_url()
    }

    /// The texts with placeholders, each with its field.
    pub(crate) fn templates(&self) -> Vec<(&'static str, &Template)> {
        self.kind().templates()
    }

    /// Fails on settings that contradict each other.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        self.kind().check()
    }

    /// Resolves the placeholders for one source.
    pub(crate) fn resolve(&self, source: &Source<'_>) -> Result<AuthSpec, CompileError> {
        Ok(AuthSpec {
            optional: self.is_optional(),
            scheme: self.kind().resolve(source)?,
        })
    }
}

/// One kind of auth, as a manifest declares it.
trait Kind: fmt::Debug {
    fn secret(&self) -> Option<&'static str>;

    fn is_optional(&self) -> bool;

    fn token_url(&self) -> Option<&TokenUrl> {
        None
    }

    fn templates(&self) -> Vec<(&'static str, &Template)> {
        Vec::new()
    }

    fn check(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn resolve(&self, source: &Source<'_>) -> Result<Arc<dyn Scheme>, CompileError>;
}

/// One kind of auth for one source: placeholders filled, URLs parsed. Holds no secret.
pub(super) trait Scheme: fmt::Debug + Send + Sync {
    /// The access for requests with `secret`. Registers every confidential part of it with
    /// `redactor`.
    fn access(&self, secret: &str, redactor: &Redactor) -> Result<Access, CredentialsError>;
}

/// The auth of one source. Holds no secret.
#[derive(Debug, Clone)]
pub struct AuthSpec {
    optional: bool,
    pub(super) scheme: Arc<dyn Scheme>,
}

impl AuthSpec {
    /// Returns true if requests may be sent without credentials when the source names no secret.
    pub fn is_optional(&self) -> bool {
        self.optional
    }
}

/// A token endpoint as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct TokenUrl(Url);

impl TokenUrl {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for TokenUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let hint = "write it like https://login.example.com/token";
        confidential_url(&text)
            .map(Self)
            .map_err(|problem| format!("{problem}; {hint}"))
    }
}

/// The source settings that resolve a kind.
pub(crate) struct Source<'a> {
    /// The source's parameters, defaults included.
    pub(crate) params: &'a BTreeMap<String, String>,
    /// The source's own settings.
    pub(crate) settings: &'a Settings,
}

impl Source<'_> {
    /// The text of `template` from `field`, with its placeholders replaced.
    fn fill(&self, field: &str, template: &Template) -> Result<String, CompileError> {
        let value = |name: &str| self.params.get(name).map(String::as_str);
        let unknown = |name| format!("uses the unknown parameter `{name}`");
        template
            .fill(value)
            .map_err(|name| wrong(field, unknown(name)))
    }

    /// The text of an optional `template`; `None` if it is absent.
    fn text(
        &self,
        field: &str,
        template: Option<&Template>,
    ) -> Result<Option<String>, CompileError> {
        template.map(|text| self.fill(field, text)).transpose()
    }

    /// The source's own token endpoint, or the one that the manifest declares.
    fn token_url(&self, declared: Option<&TokenUrl>) -> Result<Url, CompileError> {
        match (&self.settings.token_url, declared) {
            (Some(text), _) => {
                confidential_url(text).map_err(|problem| wrong("token_url", problem))
            }
            (None, Some(TokenUrl(url))) => Ok(url.clone()),
            (None, None) => {
                let problem = "missing: each tenant of this vendor has its own";
                Err(wrong("token_url", problem))
            }
        }
    }
}
