use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use secrecy::SecretString;
use windlass_core::Timestamp;
use windlass_core::clock::{ManualClock, SeededEntropy};

use crate::connector::Settings;
use crate::exchange::{ApiResponse, Headers};
use crate::http::TransportError;
use crate::manifest::Manifest;
use crate::scripted::ScriptedTransport;

use super::*;

pub(super) const CANARY: &str = "canary-5f1e9c02";
pub(super) const BEARER: &str = "{ kind: bearer }";
pub(super) const OAUTH: &str =
    "{ kind: oauth2_client_credentials, token_url: https://login.vendor.test/token }";
pub(super) const TOKEN_PATH: &str = "/token";

pub(super) fn connector(auth: &str, base_url: Option<String>) -> Connector {
    let manifest = format!(
        r#"
connector: sample
title: Sample
docs: https://vendor.test/docs
base_url: https://api.vendor.test
auth: {auth}
request: {{ path: /logs, query: {{ since: "{{from}}", until: "{{to}}" }} }}
window:
  mode: window
  clock: event
  format: rfc3339
  unit: 1s
  start_bound: inclusive
  end_bound: exclusive
  initial: 10m
  settle: 1m
page: {{ token: {{ link: next }}, to: url, end: [token_absent] }}
records: {{ path: ., order: unknown }}
errors:
  - {{ status: 401, path: code, in: [slow_down], class: rate }}
  - {{ status: 200, path: ok, in: ["false"], class: block }}
error_body: {{ code: code, message: message }}
"#
    );
    let manifest = Manifest::load("sample.yaml", &manifest).unwrap();
    let settings = Settings {
        base_url,
        ..Settings::default()
    };
    Connector::compile(&manifest, &settings).unwrap()
}

pub(super) fn client<T: Transport>(connector: Connector, transport: T) -> Client<T> {
    let secret = if format!("{:?}", connector.auth()).contains("token_url") {
        format!(r#"{{"client_id":"id","client_secret":"{CANARY}"}}"#)
    } else {
        CANARY.to_owned()
    };
    let secret = SecretString::from(secret);
    let credentials = Credentials::new(connector.auth(), Some(&secret)).unwrap();
    let clock = Arc::new(ManualClock::at("2026-01-02T00:00:00Z".parse().unwrap()));
    Client::new(
        connector,
        credentials,
        transport,
        clock,
        Arc::new(SeededEntropy::new(1)),
    )
}

pub(super) fn span() -> Span {
    let from: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    Span::new(from, from.plus_ms(600_000)).unwrap()
}

pub(super) fn response(status: u16, body: &str) -> ApiResponse {
    ApiResponse {
        status,
        headers: Headers::default(),
        body: body.to_owned().into(),
    }
}

/// A vendor that issues `access-token-1`, `-2` and so on, and accepts a page request when `takes`
/// holds for the number of its token.
fn vendor(takes: impl Fn(u64) -> bool + Send + Sync + 'static) -> ScriptedTransport {
    let granted = AtomicU64::new(0);
    ScriptedTransport::new(move |request| {
        if request.url.path() == TOKEN_PATH {
            let number = granted.fetch_add(1, Ordering::SeqCst) + 1;
            let body = format!(
                r#"{{"access_token":"access-token-{number}","token_type":"b","expires_in":86400}}"#
            );
            return Ok(response(200, &body));
        }
        let header = request.header("authorization").unwrap();
        let number = header.rsplit_once('-').unwrap().1.parse().unwrap();
        if takes(number) {
            Ok(response(200, r#"[{"a":1}]"#))
        } else {
            let echo = format!(r#"{{"code":"E401","message":"bad token {header}"}}"#);
            Ok(response(401, &echo))
        }
    })
}

pub(super) fn tokens_asked(transport: &ScriptedTransport) -> usize {
    transport
        .requests()
        .iter()
        .filter(|request| request.url.path() == TOKEN_PATH)
        .count()
}

#[tokio::test]
async fn page_is_fetched_with_credentials() {
    let transport = ScriptedTransport::new(|_| Ok(response(200, r#"[{"a":1},{"a":2}]"#)));
    let client = client(connector(BEARER, None), transport.clone());
    let page = client.fetch(span(), None).await.unwrap();
    assert_eq!((page.records.len(), page.next.token()), (2, None));
    let asked = &transport.requests()[0];
    assert_eq!(
        asked.header("authorization"),
        Some(format!("Bearer {CANARY}").as_str())
    );
    assert!(
        asked
            .url
            .as_str()
            .starts_with("https://api.vendor.test/logs?")
    );
}

#[tokio::test]
async fn rejected_fixed_secret_blocks_unquoted() {
    let body = format!(r#"{{"code":"E0000011","message":"invalid token {CANARY}"}}"#);
    let transport = ScriptedTransport::new(move |_| Ok(response(401, &body)));
    let client = client(connector(BEARER, None), transport.clone());
    let failure = client.fetch(span(), None).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.status),
        (FailureClass::Block, Some(401))
    );
    assert_eq!(transport.requests().len(), 1);
    assert!(
        failure.message.contains("E0000011") && failure.message.contains("***"),
        "{failure}"
    );
    assert!(
        !format!("{failure} {failure:?} {client:?}").contains(CANARY),
        "{failure:?}"
    );
}

#[tokio::test]
async fn rejected_token_is_renewed_within_fetch() {
    let transport = vendor(|token| token > 1);
    let client = client(connector(OAUTH, None), transport.clone());
    assert_eq!(client.fetch(span(), None).await.unwrap().records.len(), 1);
    assert_eq!(
        (transport.requests().len(), tokens_asked(&transport)),
        (4, 2)
    );
}

#[tokio::test]
async fn rejected_renewed_token_blocks_unquoted() {
    let transport = vendor(|_| false);
    let client = client(connector(OAUTH, None), transport.clone());
    let failure = client.fetch(span(), None).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.status),
        (FailureClass::Block, Some(401))
    );
    assert_eq!(
        (transport.requests().len(), tokens_asked(&transport)),
        (4, 2)
    );
    assert!(failure.message.contains("***"), "{failure}");
    assert!(!failure.message.contains("access-token"), "{failure}");
}

#[tokio::test]
async fn repeatedly_revoked_tokens_are_renewed() {
    // Each token is valid for one page; the next request receives HTTP 401.
    let spent = Mutex::new(HashSet::new());
    let transport = ScriptedTransport::new(move |request| {
        if request.url.path() == TOKEN_PATH {
            let number = spent.lock().unwrap().len() + 1;
            let body = format!(r#"{{"access_token":"access-token-{number}","token_type":"b"}}"#);
            return Ok(response(200, &body));
        }
        let token = request.header("authorization").unwrap().to_owned();
        let fresh = spent.lock().unwrap().insert(token);
        Ok(if fresh {
            response(200, "[]")
        } else {
            response(401, "{}")
        })
    });
    let client = client(connector(OAUTH, None), transport.clone());
    for _ in 0..100 {
        client.fetch(span(), None).await.unwrap();
    }
    assert_eq!(tokens_asked(&transport), 100);
}

#[tokio::test]
async fn concurrent_fetch_rejections_renew_token_once() {
    let transport = vendor(|token| token > 1);
    let client = client(connector(OAUTH, None), transport.clone());
    let (one, two) = tokio::join!(client.fetch(span(), None), client.fetch(span(), None));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert_eq!(tokens_asked(&transport), 2);
}

#[tokio::test]
async fn reclassified_401_renews_no_token() {
    let transport = ScriptedTransport::new(|request| {
        Ok(if request.url.path() == TOKEN_PATH {
            response(200, r#"{"access_token":"t","token_type":"b"}"#)
        } else {
            response(401, r#"{"code":"slow_down"}"#)
        })
    });
    let client = client(connector(OAUTH, None), transport.clone());
    let failure = client.fetch(span(), None).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Rate);
    assert_eq!(
        (transport.requests().len(), tokens_asked(&transport)),
        (2, 1)
    );
}

#[tokio::test]
async fn token_endpoint_outage_is_fetch_outage() {
    let transport = ScriptedTransport::new(|_| Err(TransportError::Connect("refused".to_owned())));
    let client = client(connector(OAUTH, None), transport.clone());
    let failure = client.fetch(span(), None).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Outage);
    assert!(
        failure.message.starts_with("https://login.vendor.test: "),
        "{failure}"
    );
    assert_eq!(transport.requests().len(), 1);
}

#[tokio::test]
async fn transport_error_names_origin_without_secret() {
    let text = format!("something about {CANARY}");
    let transport = ScriptedTransport::new(move |_| Err(TransportError::Interrupted(text.clone())));
    let client = client(connector(BEARER, None), transport);
    let failure = client.fetch(span(), None).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Outage);
    assert!(
        failure.message.starts_with("https://api.vendor.test: "),
        "{failure}"
    );
    assert!(
        failure.message.contains("***") && !failure.message.contains(CANARY),
        "{failure}"
    );
}

#[test]
fn fetch_future_is_send() {
    fn is_send<F: Send>(_: F) {}
    let silent = ScriptedTransport::new(|_| unreachable!("nothing may be sent"));
    let client = client(connector(OAUTH, None), silent);
    is_send(client.fetch(span(), None));
}
