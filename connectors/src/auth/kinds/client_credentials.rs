//! An access token by the OAuth 2.0 client credentials grant, RFC 6749 section 4.4.

use std::pin::Pin;
use std::sync::Arc;

use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, RequestTokenError, Scope, StandardRevocableToken, TokenUrl as OauthUrl,
};
use serde::Deserialize;
use url::Url;

use super::{Kind, Scheme, Source, TokenUrl};
use crate::auth::endpoint::{Endpoint, GrantedToken};
use crate::auth::redact::Redactor;
use crate::auth::token::{Grant, Granting};
use crate::auth::{AUTHORIZATION, Access, CredentialsError, json_object, text_field};
use crate::exchange::Failure;
use crate::manifest::text::Template;
use crate::settings::CompileError;

/// The parameters of the grant; the secret is JSON with `client_id` and `client_secret`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCredentials {
    token_url: Option<TokenUrl>,
    #[serde(default)]
    scopes: Vec<String>,
    /// The optional `audience` parameter of the token request.
    audience: Option<Template>,
    #[serde(default)]
    client_auth: ClientAuth,
    #[serde(default)]
    optional: bool,
}

/// The form in which a client presents its secret (RFC 6749 section 2.3.1).
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClientAuth {
    /// HTTP Basic, which every server must support.
    #[default]
    Basic,
    /// Form fields.
    Body,
}

impl Kind for ClientCredentials {
    fn secret(&self) -> Option<&'static str> {
        Some("JSON with client_id and client_secret")
    }

    fn is_optional(&self) -> bool {
        self.optional
    }

    fn token_url(&self) -> Option<&TokenUrl> {
        self.token_url.as_ref()
    }

    fn templates(&self) -> Vec<(&'static str, &Template)> {
        let audience = self.audience.iter();
        audience.map(|text| ("auth.audience", text)).collect()
    }

    fn resolve(&self, source: &Source<'_>) -> Result<Arc<dyn Scheme>, CompileError> {
        Ok(Arc::new(Resolved {
            token_url: source.token_url(self.token_url.as_ref())?,
            scopes: self.scopes.iter().cloned().map(Scope::new).collect(),
            audience: source.text("auth.audience", self.audience.as_ref())?,
            client_auth: self.client_auth,
        }))
    }
}

#[derive(Debug, Clone)]
struct Resolved {
    /// From the manifest or the settings only, never from a secret.
    token_url: Url,
    scopes: Vec<Scope>,
    audience: Option<String>,
    client_auth: ClientAuth,
}

impl Scheme for Resolved {
    fn access(&self, secret: &str, redactor: &Redactor) -> Result<Access, CredentialsError> {
        let object = json_object(secret, "`client_id` and `client_secret`")?;
        let client_secret = text_field(&object, "client_secret")?;
        redactor.keep(&client_secret);
        let auth_type = match self.client_auth {
            ClientAuth::Basic => AuthType::BasicAuth,
            ClientAuth::Body => AuthType::RequestBody,
        };
        let client = oauth2::Client::new(ClientId::new(text_field(&object, "client_id")?))
            .set_client_secret(ClientSecret::new(client_secret))
            .set_token_uri(OauthUrl::from_url(self.token_url.clone()))
            .set_auth_type(auth_type);
        let declared = self.clone();
        Ok(Access::token(Client { client, declared }))
    }
}

type OauthClient = oauth2::Client<
    BasicErrorResponse,
    GrantedToken,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

struct Client {
    client: OauthClient,
    declared: Resolved,
}

impl Grant for Client {
    fn token_url(&self) -> &Url {
        &self.declared.token_url
    }

    fn ask<'a>(&'a self, endpoint: &'a Endpoint<'a>) -> Granting<'a> {
        let mut exchange = self.client.exchange_client_credentials();
        exchange = exchange.add_scopes(self.declared.scopes.iter().cloned());
        if let Some(audience) = &self.declared.audience {
            exchange = exchange.add_extra_param("audience", audience);
        }
        Box::pin(async move {
            let carrier = Carrier(endpoint);
            let response = exchange.request_async(&carrier).await;
            response.map_err(|error| match error {
                RequestTokenError::Request(failure) => failure,
                // The other errors hold the body, which may hold the token.
                _ => endpoint.unreadable(),
            })
        })
    }
}

/// Carries the OAuth client's request to the one endpoint.
struct Carrier<'a>(&'a Endpoint<'a>);

impl Carrier<'_> {
    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let (parts, body) = request.into_parts();
        let mut request = self.0.request(body);
        // Only the client's own credentials are copied; the endpoint sets every other header
        // itself.
        let credentials = parts.headers.get("authorization");
        if let Some(value) = credentials.and_then(|it| it.to_str().ok()) {
            self.0.remember(value.trim_start_matches("Basic "));
            request.set_header(AUTHORIZATION, value);
        }
        let response = self.0.send(&request).await?;
        // The OAuth client accepts only HTTP 200, so every success becomes one.
        Ok(HttpResponse::new(response.body.to_vec()))
    }
}

impl<'c> AsyncHttpClient<'c> for Carrier<'_> {
    type Error = Failure;
    // Boxed, because only a named type keeps the exchange `Send`.
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Failure>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.carry(request))
    }
}
