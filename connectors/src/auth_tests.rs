use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use url::{Url, form_urlencoded};
use windlass_core::Timestamp;
use windlass_core::clock::{ManualClock, SeededEntropy};

use crate::exchange::{ApiResponse, Headers};
use crate::scripted::ScriptedTransport;
use crate::settings::Settings;

use super::*;

pub(super) const CANARY: &str = "canary-5f1e9c02";
const TOKEN_URL: &str = "https://login.vendor.test/token";

pub(super) fn url(text: &str) -> Url {
    text.parse().unwrap()
}

/// The auth section `text` of a manifest, for a source without settings.
pub(super) fn spec(text: &str) -> AuthSpec {
    let auth: Auth = crate::yaml::load("auth.yaml", text).unwrap();
    auth.check().unwrap();
    let (params, settings) = (BTreeMap::new(), Settings::default());
    let source = Source {
        params: &params,
        settings: &settings,
    };
    auth.resolve(&source).unwrap()
}

pub(super) fn client_credentials(client_auth: &str) -> AuthSpec {
    spec(&format!(
        "{{ kind: oauth2_client_credentials, token_url: '{TOKEN_URL}', \
         scopes: [logs.read, users.read], audience: 'https://api.vendor.test', \
         client_auth: {client_auth} }}"
    ))
}

pub(super) fn jwt_bearer() -> AuthSpec {
    spec(&format!(
        "{{ kind: jwt_bearer, token_url: '{TOKEN_URL}', subject: admin@example.com, \
         scopes: [a.readonly, b.readonly] }}"
    ))
}

/// A service account's key file; its `token_uri` names a host that must never receive a request.
pub(super) fn key_file() -> String {
    serde_json::json!({
        "type": "service_account",
        "client_email": "puller@project.iam.example.com",
        "private_key": include_str!("auth/test_key.pem"),
        "private_key_id": "key-1",
        "token_uri": "https://evil.test/token",
    })
    .to_string()
}

pub(super) fn client_secret() -> String {
    serde_json::json!({ "client_id": "id/1", "client_secret": CANARY }).to_string()
}

pub(super) fn credentials(spec: &AuthSpec, secret: &str) -> Credentials {
    Credentials::new(spec, Some(&SecretString::from(secret))).unwrap()
}

fn refused(spec: &AuthSpec, secret: &str) -> CredentialsError {
    let error = Credentials::new(spec, Some(&SecretString::from(secret))).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
    error
}

pub(super) fn response(status: u16, body: &str) -> ApiResponse {
    ApiResponse {
        status,
        headers: Headers::default(),
        body: body.to_owned().into(),
    }
}

/// A token endpoint that issues `token-1`, `token-2` and so on, each with `expires_in`.
fn endpoint(expires_in: &'static str) -> ScriptedTransport {
    let count = AtomicU64::new(0);
    ScriptedTransport::new(move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        let body = format!(r#"{{"access_token":"token-{number}","token_type":"x"{expires_in}}}"#);
        Ok(response(200, &body))
    })
}

pub(super) fn clock() -> ManualClock {
    ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap())
}

pub(super) async fn authorized(
    credentials: &Credentials,
    transport: &ScriptedTransport,
    clock: &ManualClock,
) -> Result<ApiRequest, Failure> {
    let mut request = ApiRequest::get(url("https://api.vendor.test/logs"));
    let entropy = SeededEntropy::new(1);
    credentials
        .authorize(&mut request, transport, clock, &entropy)
        .await?;
    Ok(request)
}

async fn fixed(spec: &AuthSpec, secret: &str) -> ApiRequest {
    let silent = ScriptedTransport::new(|_| unreachable!("fixed credentials ask nobody"));
    authorized(&credentials(spec, secret), &silent, &clock())
        .await
        .unwrap()
}

pub(super) fn form(request: &ApiRequest) -> Vec<(String, String)> {
    form_urlencoded::parse(request.body.as_ref().unwrap())
        .into_owned()
        .collect()
}

pub(super) fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn fixed_schemes_write_documented_headers() {
    let bearer = fixed(&spec("{ kind: bearer }"), "xoxp-1").await;
    assert_eq!(bearer.header("authorization"), Some("Bearer xoxp-1"));

    let okta = "{ kind: header, headers: [{ name: Authorization, prefix: 'SSWS ' }] }";
    let okta = fixed(&spec(okta), "00abc").await;
    assert_eq!(okta.header("authorization"), Some("SSWS 00abc"));

    let two = "{ kind: header, headers: [{ name: DD-API-KEY, field: api }, \
               { name: DD-APP-KEY, field: app }] }";
    let datadog = fixed(&spec(two), r#"{"api":"a1","app":"b2"}"#).await;
    assert_eq!(datadog.header("dd-api-key"), Some("a1"));
    assert_eq!(datadog.header("dd-app-key"), Some("b2"));

    let whole = fixed(&spec("{ kind: basic }"), "Aladdin:open sesame").await;
    assert_eq!(
        whole.header("authorization"),
        Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    );
    let user = "{ kind: basic, user: Aladdin }";
    assert_eq!(
        fixed(&spec(user), "open sesame").await.headers,
        whole.headers
    );
}

#[tokio::test]
async fn open_api_needs_no_secret() {
    for spec in [
        spec("{ kind: none }"),
        spec("{ kind: bearer, optional: true }"),
    ] {
        let credentials = Credentials::new(&spec, None).unwrap();
        let silent = ScriptedTransport::new(|_| unreachable!("no credentials ask nobody"));
        let request = authorized(&credentials, &silent, &clock()).await.unwrap();
        assert_eq!(request.headers, []);
    }
    let missing = Credentials::new(&spec("{ kind: bearer }"), None).unwrap_err();
    assert_eq!(missing, CredentialsError::Missing);
}

#[test]
fn malformed_secret_is_rejected_unquoted() {
    let bearer = spec("{ kind: bearer }");
    assert_eq!(
        refused(&bearer, &format!("{CANARY}\r\nX: y")),
        CredentialsError::NotHeaderText
    );
    assert_eq!(
        refused(&bearer, &format!("{CANARY}é")),
        CredentialsError::NotHeaderText
    );
    let basic = spec("{ kind: basic }");
    assert_eq!(refused(&basic, CANARY), CredentialsError::NotUserPassword);

    let oauth = client_credentials("basic");
    assert!(matches!(
        refused(&oauth, CANARY),
        CredentialsError::NotJson(_)
    ));
    assert!(matches!(
        refused(&oauth, &format!("\"{CANARY}\"")),
        CredentialsError::NotJson(_)
    ));
    let partial = format!(r#"{{"client_secret":"{CANARY}"}}"#);
    assert_eq!(
        refused(&oauth, &partial),
        CredentialsError::Field("client_id".to_owned())
    );

    let key = format!(r#"{{"client_email":"a@b","private_key":"{CANARY}"}}"#);
    assert_eq!(refused(&jwt_bearer(), &key), CredentialsError::Key);
}

#[tokio::test]
async fn client_credentials_go_where_manifest_declares() {
    let endpoint = endpoint(r#","expires_in":3600"#);
    let basic = credentials(&client_credentials("basic"), &client_secret());
    let request = authorized(&basic, &endpoint, &clock()).await.unwrap();
    assert_eq!(request.header("authorization"), Some("Bearer token-1"));

    let body = credentials(&client_credentials("body"), &client_secret());
    authorized(&body, &endpoint, &clock()).await.unwrap();

    let asked = endpoint.requests();
    for request in &asked {
        assert_eq!(
            (request.method, request.url.as_str()),
            (crate::exchange::Method::Post, TOKEN_URL)
        );
        let form = form(request);
        assert_eq!(field(&form, "grant_type"), Some("client_credentials"));
        assert_eq!(field(&form, "scope"), Some("logs.read users.read"));
        assert_eq!(field(&form, "audience"), Some("https://api.vendor.test"));
    }
    // RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
    let encoded = BASE64.encode(format!("id%2F1:{CANARY}"));
    assert_eq!(
        asked[0].header("authorization"),
        Some(format!("Basic {encoded}").as_str())
    );
    assert_eq!(field(&form(&asked[0]), "client_secret"), None);
    assert_eq!(asked[1].header("authorization"), None);
    assert_eq!(field(&form(&asked[1]), "client_secret"), Some(CANARY));
}

#[tokio::test]
async fn assertion_carries_google_claims_to_configured_url() {
    let endpoint = endpoint(r#","expires_in":3599"#);
    let account = credentials(&jwt_bearer(), &key_file());
    let request = authorized(&account, &endpoint, &clock()).await.unwrap();
    assert_eq!(request.header("authorization"), Some("Bearer token-1"));

    let asked = endpoint.requests();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].url.as_str(), TOKEN_URL);
    let form = form(&asked[0]);
    assert_eq!(
        field(&form, "grant_type"),
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer")
    );

    let assertion = field(&form, "assertion").unwrap();
    let key = DecodingKey::from_rsa_pem(include_bytes!("auth/test_key.pub.pem")).unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.validate_exp = false;
    rules.set_audience(&[TOKEN_URL]);
    let token = jsonwebtoken::decode::<Value>(assertion, &key, &rules).unwrap();
    assert_eq!(token.header.kid.as_deref(), Some("key-1"));
    let issued = "2026-01-01T00:00:00Z"
        .parse::<Timestamp>()
        .unwrap()
        .as_seconds();
    assert_eq!(
        token.claims,
        serde_json::json!({
            "iss": "puller@project.iam.example.com",
            "sub": "admin@example.com",
            "scope": "a.readonly b.readonly",
            "aud": TOKEN_URL,
            "iat": issued,
            "exp": issued + 3600,
        })
    );
}

#[tokio::test]
async fn concurrent_requests_share_first_token() {
    let endpoint = endpoint(r#","expires_in":3600"#);
    let account = credentials(&jwt_bearer(), &key_file());
    let clock = clock();
    let (one, two) = tokio::join!(
        authorized(&account, &endpoint, &clock),
        authorized(&account, &endpoint, &clock)
    );
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(endpoint.requests().len(), 1);
}

#[tokio::test]
async fn token_is_renewed_shortly_before_expiry() {
    for (expires_in, kept_ms, renewed_ms) in [
        (r#","expires_in":3600"#, 3_500_000, 3_540_000),
        (r#","expires_in":"3600""#, 3_500_000, 3_540_000),
        ("", 200_000, 240_000),
        (r#","expires_in":null"#, 200_000, 240_000),
        (r#","expires_in":30"#, 14_999, 15_000),
        (
            r#","expires_in":18446744073709551615"#,
            86_300_000,
            86_400_000,
        ),
    ] {
        let endpoint = endpoint(expires_in);
        let account = credentials(&client_credentials("basic"), &client_secret());
        let clock = clock();
        authorized(&account, &endpoint, &clock).await.unwrap();
        clock.advance_ms(kept_ms);
        authorized(&account, &endpoint, &clock).await.unwrap();
        assert_eq!(endpoint.requests().len(), 1, "{expires_in}");
        clock.advance_ms(renewed_ms - kept_ms);
        let renewed = authorized(&account, &endpoint, &clock).await.unwrap();
        assert_eq!(
            renewed.header("authorization"),
            Some("Bearer token-2"),
            "{expires_in}"
        );
    }
}

#[tokio::test]
async fn debug_output_holds_no_secret() {
    let endpoint = endpoint("");
    for (spec, secret) in [
        (spec("{ kind: bearer }"), CANARY.to_owned()),
        (spec("{ kind: basic }"), format!("user:{CANARY}")),
        (client_credentials("basic"), client_secret()),
        (jwt_bearer(), key_file()),
    ] {
        let account = credentials(&spec, &secret);
        let request = authorized(&account, &endpoint, &clock()).await.unwrap();
        let printed = format!("{account:?} {request:?} {endpoint:?}");
        for hidden in [CANARY, "token-", "PRIVATE KEY", &BASE64.encode(CANARY)] {
            assert!(!printed.contains(hidden), "{printed}");
        }
    }
}
