//! How requests are authorised: what a manifest says, and the same resolved for one source. The
//! secret itself is never here.

use serde::Deserialize;
use url::Url;

/// The `auth` section as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Which way.
    pub kind: AuthKind,
    /// Whether the API also answers without credentials; a source then needs no secret.
    #[serde(default)]
    pub optional: bool,
    /// `header`: the headers that carry the secret.
    #[serde(default)]
    pub headers: Vec<HeaderSpec>,
    /// `basic`: the user name, with placeholders; without it the secret is `user:password`.
    pub user: Option<String>,
    /// OAuth kinds: where tokens are asked for.
    pub token_url: Option<String>,
    /// OAuth kinds: the scopes asked for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// `oauth2_client_credentials`: an extra `audience` parameter, with placeholders.
    pub audience: Option<String>,
    /// `oauth2_client_credentials`: how the client shows its secret.
    pub client_auth: Option<ClientAuth>,
    /// `jwt_bearer`: whom the service account acts for (`sub`), with placeholders.
    pub subject: Option<String>,
}

/// The ways to be authorised that this build knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    /// No credentials.
    None,
    /// One or more headers with a secret value.
    Header,
    /// `Authorization: Bearer <secret>`.
    Bearer,
    /// `Authorization: Basic`.
    Basic,
    /// An access token by the OAuth 2.0 client credentials grant, RFC 6749 section 4.4.
    #[serde(rename = "oauth2_client_credentials")]
    ClientCredentials,
    /// An access token by a signed assertion, RFC 7523, as Google service accounts do it.
    JwtBearer,
}

/// How a client shows its secret to the token endpoint (RFC 6749 section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// As HTTP Basic, which every server must support.
    #[default]
    Basic,
    /// As form fields.
    Body,
}

/// One header that carries the secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderSpec {
    /// Its name.
    pub name: String,
    /// What stands before the secret, such as `SSWS `.
    #[serde(default)]
    pub prefix: String,
    /// Which key of a JSON secret it takes, for vendors that want several; else the whole secret.
    pub field: Option<String>,
}

/// How one source is authorised: checked, placeholders filled, URLs parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthSpec {
    /// Whether requests may go out without credentials when the source names no secret.
    pub optional: bool,
    /// Which way.
    pub scheme: AuthScheme,
}

/// The resolved ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthScheme {
    /// No credentials.
    None,
    /// The secret in these headers; at least one.
    Headers(Vec<HeaderSpec>),
    /// `Authorization: Bearer <secret>`.
    Bearer,
    /// `Authorization: Basic`.
    Basic {
        /// The user name; without it the secret is `user:password`.
        user: Option<String>,
    },
    /// Client credentials grant; the secret is JSON with `client_id` and `client_secret`.
    ClientCredentials {
        /// Where tokens are asked for: from the manifest or the settings only.
        token_url: Url,
        /// The scopes asked for; may be empty.
        scopes: Vec<String>,
        /// An extra `audience` parameter.
        audience: Option<String>,
        /// How the client shows its secret.
        client_auth: ClientAuth,
    },
    /// Signed assertion; the secret is a service account's JSON key.
    JwtBearer {
        /// Where tokens are asked for, and the assertion's `aud`: from the manifest or the
        /// settings only, never from the key file.
        token_url: Url,
        /// The assertion's `sub`.
        subject: Option<String>,
        /// The scopes asked for.
        scopes: Vec<String>,
    },
}
