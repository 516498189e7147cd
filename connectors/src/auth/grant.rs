//! The two ways to be granted an access token without a person: client credentials (RFC 6749) and a
//! signed assertion (RFC 7523).

use std::pin::Pin;

use bytes::Bytes;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, RequestTokenError, Scope, StandardRevocableToken, TokenUrl,
};
use secrecy::SecretString;
use url::{Url, form_urlencoded};
use windlass_core::Timestamp;
use windlass_core::retry::FailureClass;

use crate::exchange::{Failure, Origin};
use crate::http::Transport;
use crate::manifest::ClientAuth;

use super::assertion::Signer;
use super::endpoint::{self, TokenReply};
use super::redact::Redactor;
use super::{AUTHORIZATION, CredentialsError, json_object, text_field};

/// The grant type of RFC 7523, section 2.1.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

type OauthClient = oauth2::Client<
    BasicErrorResponse,
    TokenReply,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// How tokens are asked for.
pub(super) struct Grant {
    /// From the manifest or the settings; nothing in a secret or a reply can change it.
    token_url: Url,
    kind: Kind,
}

enum Kind {
    ClientCredentials {
        client: Box<OauthClient>,
        scopes: Vec<Scope>,
        audience: Option<String>,
    },
    Assertion(Box<Signer>),
}

/// An access token as granted.
pub(super) struct Granted {
    pub(super) value: SecretString,
    pub(super) lifetime_ms: i64,
}

impl Grant {
    /// Client credentials: `secret` is JSON with `client_id` and `client_secret`.
    pub(super) fn client_credentials(
        token_url: &Url,
        scopes: &[String],
        audience: Option<&str>,
        client_auth: ClientAuth,
        secret: &str,
        redactor: &Redactor,
    ) -> Result<Self, CredentialsError> {
        let object = json_object(secret, "`client_id` and `client_secret`")?;
        let client_secret = text_field(&object, "client_secret")?;
        redactor.keep(&client_secret);
        let auth_type = match client_auth {
            ClientAuth::Basic => AuthType::BasicAuth,
            ClientAuth::Body => AuthType::RequestBody,
        };
        let client = oauth2::Client::new(ClientId::new(text_field(&object, "client_id")?))
            .set_client_secret(ClientSecret::new(client_secret))
            .set_token_uri(TokenUrl::from_url(token_url.clone()))
            .set_auth_type(auth_type);
        let kind = Kind::ClientCredentials {
            client: Box::new(client),
            scopes: scopes.iter().cloned().map(Scope::new).collect(),
            audience: audience.map(str::to_owned),
        };
        Ok(Self {
            token_url: token_url.clone(),
            kind,
        })
    }

    /// A signed assertion: `secret` is a service account's JSON key.
    pub(super) fn assertion(
        token_url: &Url,
        subject: Option<&str>,
        scopes: &[String],
        secret: &str,
        redactor: &Redactor,
    ) -> Result<Self, CredentialsError> {
        let object = json_object(secret, "a service account's JSON key")?;
        let signer = Signer::new(&object, subject, scopes, token_url, redactor)?;
        let kind = Kind::Assertion(Box::new(signer));
        Ok(Self {
            token_url: token_url.clone(),
            kind,
        })
    }

    /// Asks for a token, once.
    pub(super) async fn fetch<T: Transport>(
        &self,
        transport: &T,
        now: Timestamp,
        redactor: &Redactor,
    ) -> Result<Granted, Failure> {
        let reply = match &self.kind {
            Kind::ClientCredentials {
                client,
                scopes,
                audience,
            } => {
                let mut exchange = client.exchange_client_credentials();
                exchange = exchange.add_scopes(scopes.iter().cloned());
                if let Some(audience) = audience {
                    exchange = exchange.add_extra_param("audience", audience);
                }
                let carrier = Carrier {
                    token_url: &self.token_url,
                    transport,
                    now,
                    redactor,
                };
                let reply = exchange.request_async(&carrier).await;
                reply.map_err(|error| match error {
                    RequestTokenError::Request(failure) => failure,
                    // The others hold the body, which may hold the token.
                    _ => self.unreadable(),
                })?
            }
            Kind::Assertion(signer) => {
                let assertion = signer.sign(now)?;
                redactor.remember(&assertion);
                let form = form_urlencoded::Serializer::new(String::new())
                    .append_pair("grant_type", JWT_BEARER)
                    .append_pair("assertion", &assertion)
                    .finish();
                let mut request = endpoint::request(self.token_url.clone());
                request.body = Some(Bytes::from(form));
                let reply = endpoint::send(transport, &request, now).await?;
                serde_json::from_slice(&reply.body).map_err(|_| self.unreadable())?
            }
        };
        let granted = reply.granted().ok_or_else(|| self.unreadable())?;
        redactor.remember(reply.access_token());
        Ok(granted)
    }

    fn unreadable(&self) -> Failure {
        let origin = Origin::from(&self.token_url);
        let message = format!("{origin}: the token endpoint's reply holds no access token");
        Failure::new(FailureClass::Page, message)
    }
}

/// Carries the OAuth client's request over the one transport, to the one endpoint.
struct Carrier<'a, T> {
    token_url: &'a Url,
    transport: &'a T,
    now: Timestamp,
    redactor: &'a Redactor,
}

impl<T: Transport> Carrier<'_, T> {
    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let (parts, body) = request.into_parts();
        let mut request = endpoint::request(self.token_url.clone());
        request.body = Some(Bytes::from(body));
        // The client's own credentials; every other header is the endpoint's anyway.
        if let Some(value) = parts
            .headers
            .get("authorization")
            .and_then(|it| it.to_str().ok())
        {
            self.redactor.remember(value.trim_start_matches("Basic "));
            request.set_header(AUTHORIZATION, value);
        }
        let reply = endpoint::send(self.transport, &request, self.now).await?;
        // Any other success means the same, and the OAuth client knows 200 only.
        Ok(HttpResponse::new(reply.body.to_vec()))
    }
}

impl<'c, T: Transport> AsyncHttpClient<'c> for Carrier<'_, T> {
    type Error = Failure;
    // Boxed, because only a named type keeps the whole fetch `Send`.
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Failure>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.carry(request))
    }
}
