use std::collections::HashSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use secrecy::SecretString;
use windlass_core::clock::{ManualClock, SeededEntropy};
use windlass_core::{Timestamp, limits};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::connector::Settings;
use crate::exchange::{ApiResponse, Headers};
use crate::http::{HttpTransport, TransportError};
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

fn client<T: Transport>(connector: Connector, transport: T) -> Client<T> {
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

pub(super) fn reply(status: u16, body: &str) -> ApiResponse {
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
            return Ok(reply(200, &body));
        }
        let header = request.header("authorization").unwrap();
        let number = header.rsplit_once('-').unwrap().1.parse().unwrap();
        if takes(number) {
            Ok(reply(200, r#"[{"a":1}]"#))
        } else {
            let echo = format!(r#"{{"code":"E401","message":"bad token {header}"}}"#);
            Ok(reply(401, &echo))
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
async fn a_page_is_fetched_with_credentials() {
    let transport = ScriptedTransport::new(|_| Ok(reply(200, r#"[{"a":1},{"a":2}]"#)));
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
async fn a_fixed_secret_that_is_rejected_blocks_at_once_and_is_not_repeated() {
    let body = format!(r#"{{"code":"E0000011","message":"invalid token {CANARY}"}}"#);
    let transport = ScriptedTransport::new(move |_| Ok(reply(401, &body)));
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
async fn a_rejected_token_is_renewed_once_within_the_same_fetch() {
    let transport = vendor(|token| token > 1);
    let client = client(connector(OAUTH, None), transport.clone());
    assert_eq!(client.fetch(span(), None).await.unwrap().records.len(), 1);
    assert_eq!(
        (transport.requests().len(), tokens_asked(&transport)),
        (4, 2)
    );
}

#[tokio::test]
async fn a_renewed_token_that_is_rejected_too_blocks_and_no_token_is_repeated() {
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
async fn a_long_run_survives_tokens_that_the_vendor_withdraws_again_and_again() {
    // Each token is valid for one page; the next request receives HTTP 401.
    let spent = Mutex::new(HashSet::new());
    let transport = ScriptedTransport::new(move |request| {
        if request.url.path() == TOKEN_PATH {
            let number = spent.lock().unwrap().len() + 1;
            let body = format!(r#"{{"access_token":"access-token-{number}","token_type":"b"}}"#);
            return Ok(reply(200, &body));
        }
        let token = request.header("authorization").unwrap().to_owned();
        let fresh = spent.lock().unwrap().insert(token);
        Ok(if fresh {
            reply(200, "[]")
        } else {
            reply(401, "{}")
        })
    });
    let client = client(connector(OAUTH, None), transport.clone());
    for _ in 0..100 {
        client.fetch(span(), None).await.unwrap();
    }
    assert_eq!(tokens_asked(&transport), 100);
}

#[tokio::test]
async fn two_fetches_rejected_together_renew_the_token_once() {
    let transport = vendor(|token| token > 1);
    let client = client(connector(OAUTH, None), transport.clone());
    let (one, two) = tokio::join!(client.fetch(span(), None), client.fetch(span(), None));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    assert_eq!(tokens_asked(&transport), 2);
}

#[tokio::test]
async fn a_401_that_the_manifest_explains_otherwise_costs_no_token() {
    let transport = ScriptedTransport::new(|request| {
        Ok(if request.url.path() == TOKEN_PATH {
            reply(200, r#"{"access_token":"t","token_type":"b"}"#)
        } else {
            reply(401, r#"{"code":"slow_down"}"#)
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
async fn an_outage_of_the_token_endpoint_is_an_outage_of_the_fetch() {
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
async fn a_transport_error_names_who_was_asked_and_no_secret() {
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

async fn server(reply: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(reply).mount(&server).await;
    server
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

/// P6 confined: credentials go to the configured origins only, and are neither logged nor stored.
#[tokio::test]
async fn a_next_link_to_another_server_is_refused_and_that_server_hears_nothing() {
    let other = server(ResponseTemplate::new(200).set_body_string("[]")).await;
    let port = other.address().port();
    for link in [
        format!("http://127.0.0.1:{port}/logs?after=x"),
        format!("//127.0.0.1:{port}/logs?after=x"),
        format!("http://localhost:{port}/logs?after=x"),
        format!("http://{CANARY}@127.0.0.1:{port}/logs?after=x"),
    ] {
        let header = format!(r#"<{link}>; rel="next""#);
        let page = ResponseTemplate::new(200).insert_header("link", header.as_str());
        let own = server(page.set_body_string(r#"[{"a":1}]"#)).await;
        let connector = connector(BEARER, Some(own.uri()));
        let client = client(connector, HttpTransport::new().unwrap());

        let failure = client.fetch(span(), None).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Block, "{link}: {failure}");
        assert!(!failure.message.contains(CANARY), "{failure}");
        // A stored token is trusted no more than a new one.
        client.fetch(span(), Some(&link)).await.unwrap_err();
        assert_eq!(requests(&own).await, 1);
    }
    assert_eq!(requests(&other).await, 0);
}

#[tokio::test]
async fn a_user_name_that_looks_like_the_origin_and_a_weaker_scheme_are_refused() {
    let silent = ScriptedTransport::new(|_| unreachable!("nothing may be sent"));
    let client = client(connector(BEARER, None), silent);
    for link in [
        "https://api.vendor.test@evil.test/logs",
        "https://api.vendor.test:443@evil.test/logs",
        "https://user@api.vendor.test/logs",
        "http://api.vendor.test/logs",
        "https://api.vendor.test:8443/logs",
        "https://api.vendor.test.evil.test/logs",
        r"https:\\evil.test\logs",
    ] {
        let failure = client.fetch(span(), Some(link)).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Block, "{link}: {failure}");
    }
}

#[tokio::test]
async fn a_next_link_within_the_origin_is_followed() {
    let server = server(ResponseTemplate::new(200).set_body_string("[]")).await;
    let connector = connector(BEARER, Some(server.uri()));
    let client = client(connector, HttpTransport::new().unwrap());
    let link = format!("{}/logs?after=x", server.uri());
    client.fetch(span(), Some(&link)).await.unwrap();
    let seen = server.received_requests().await.unwrap();
    assert_eq!(
        (seen[0].url.path(), seen[0].url.query()),
        ("/logs", Some("after=x"))
    );
    assert_eq!(
        seen[0].headers["authorization"],
        format!("Bearer {CANARY}").as_str()
    );
}

#[tokio::test]
async fn a_next_link_that_holds_the_credential_is_not_handed_on_to_be_stored() {
    for escaped in [
        CANARY,
        "canary%2D5f1e9c02",
        "CANARY%252d5f1e9c02",
        "canary%26%2345%3B5f1e9c02",
        "Y2FuYXJ5LTVmMWU5YzAy",
        "63616e6172792d3566316539633032",
    ] {
        let echoing = ScriptedTransport::new(move |_| {
            let link = format!("<https://api.vendor.test/logs?k={escaped}&after=2>; rel=\"next\"");
            Ok(ApiResponse {
                status: 200,
                headers: Headers::from_iter([("link".to_owned(), link)]),
                body: "[]".into(),
            })
        });
        let client = client(connector(BEARER, None), echoing);
        let failure = client.fetch(span(), None).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Block);
        assert!(!failure.message.contains(escaped), "{failure}");
    }
}

#[tokio::test]
async fn a_redirect_blocks_and_its_target_hears_nothing() {
    let other = server(ResponseTemplate::new(200).set_body_string("[]")).await;
    let location = format!("{}/logs?key={CANARY}", other.uri());
    let moved = ResponseTemplate::new(302).insert_header("location", location.as_str());
    let own = server(moved).await;
    let connector = connector(BEARER, Some(own.uri()));
    let client = client(connector, HttpTransport::new().unwrap());
    let failure = client.fetch(span(), None).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Block);
    assert!(failure.message.contains("127.0.0.1") && !failure.message.contains(CANARY));
    assert_eq!(requests(&other).await, 0);
}

#[test]
fn a_fetch_can_run_on_any_thread() {
    fn is_send<F: Send>(_: F) {}
    let silent = ScriptedTransport::new(|_| unreachable!("nothing may be sent"));
    let client = client(connector(OAUTH, None), silent);
    is_send(client.fetch(span(), None));
}

/// Returns at once, for every request, one record in a body of this many bytes.
struct AtOnce(usize);

impl Transport for AtOnce {
    async fn send(&self, _: &ApiRequest) -> Result<ApiResponse, TransportError> {
        let body = format!(r#"["{}"]"#, "x".repeat(self.0 - 4));
        Ok(ApiResponse {
            status: 200,
            headers: Headers::default(),
            body: body.into(),
        })
    }
}

#[tokio::test]
async fn body_above_the_inline_limit_is_read_on_another_thread() {
    for (bytes, is_inline) in [
        (limits::READ_BYTES_INLINE_MAX, true),
        (limits::READ_BYTES_INLINE_MAX + 1, false),
    ] {
        let client = client(connector(BEARER, None), AtOnce(bytes));
        let mut fetch = pin!(client.fetch(span(), None));
        let mut context = Context::from_waker(Waker::noop());
        let page = match fetch.as_mut().poll(&mut context) {
            Poll::Ready(page) => {
                assert!(is_inline, "{bytes} bytes held up the thread");
                page
            }
            Poll::Pending => {
                assert!(!is_inline, "{bytes} bytes changed the thread");
                fetch.await
            }
        };
        assert_eq!(page.unwrap().records[0].raw.len(), bytes - 2);
    }
}
