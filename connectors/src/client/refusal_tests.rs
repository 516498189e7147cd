//! Failures that cause the secret to be read again: those that another secret may cure.

use windlass_core::retry::FailureClass;

use super::tests::{NEWER, Place, client};
use crate::client::tests::{BEARER, CANARY, OAUTH, TOKEN_PATH, response, span, tokens_asked};
use crate::exchange::{ApiRequest, ApiResponse, Headers};
use crate::scripted::ScriptedTransport;

#[tokio::test]
async fn reclassified_401_causes_no_secret_read() {
    let transport = ScriptedTransport::new(|_| Ok(response(401, r#"{"code":"slow_down"}"#)));
    let place = Place::with(&[Ok(NEWER)]);
    let (client, _) = client(BEARER, &transport, &place);
    let failure = client.fetch(span(), None).await.unwrap_err();
    assert_eq!((failure.class, place.reads()), (FailureClass::Rate, 0));
}

#[tokio::test]
async fn any_block_response_tries_replaced_secret() {
    for (status, body) in [
        (200, r#"{"ok":false,"error":"token_revoked"}"#),
        (302, ""),
        (400, r#"{"message":"API key not valid"}"#),
        (403, "{}"),
        (404, ""),
    ] {
        let transport = ScriptedTransport::new(move |request| {
            let is_new = request.header("authorization") == Some("Bearer newer-7a40d1b3");
            Ok(if is_new {
                response(200, "[]")
            } else {
                response(status, body)
            })
        });
        let place = Place::with(&[Ok(NEWER)]);
        let (client, _) = client(BEARER, &transport, &place);
        client.fetch(span(), None).await.unwrap();
        assert_eq!(
            (transport.requests().len(), place.reads()),
            (2, 1),
            "{status}"
        );
    }
}

#[tokio::test]
async fn lasting_block_keeps_vendor_message() {
    for (secret, requests) in [(CANARY, 1), (NEWER, 2)] {
        let said = r#"{"ok":false,"code":"not_an_owner"}"#;
        let transport = ScriptedTransport::new(|_| Ok(response(200, said)));
        let place = Place::with(&[Ok(secret)]);
        let (client, _) = client(BEARER, &transport, &place);
        let failure = client.fetch(span(), None).await.unwrap_err();
        assert_eq!(
            (failure.class, failure.status),
            (FailureClass::Block, Some(200))
        );
        assert!(failure.message.contains("not_an_owner"), "{failure}");
        assert_eq!((transport.requests().len(), place.reads()), (requests, 1));
    }
}

#[tokio::test]
async fn forbidden_response_renews_no_token() {
    let transport = ScriptedTransport::new(|request| {
        Ok(if request.url.path() == TOKEN_PATH {
            response(200, r#"{"access_token":"access-token","token_type":"b"}"#)
        } else {
            response(403, "{}")
        })
    });
    let place = Place::with(&[Ok(
        r#"{"client_id":"id","client_secret":"canary-5f1e9c02"}"#,
    )]);
    let (client, _) = client(OAUTH, &transport, &place);
    for _ in 0..2 {
        let failure = client.fetch(span(), None).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Block);
    }
    assert_eq!((tokens_asked(&transport), place.reads()), (1, 1));
}

#[tokio::test]
async fn transient_failures_cause_no_secret_read() {
    for (status, body, class) in [
        (200, "<html>", FailureClass::Page),
        (429, "", FailureClass::Rate),
        (503, "", FailureClass::Outage),
    ] {
        let transport = ScriptedTransport::new(move |_| Ok(response(status, body)));
        let place = Place::with(&[Ok(NEWER)]);
        let (client, _) = client(BEARER, &transport, &place);
        let failure = client.fetch(span(), None).await.unwrap_err();
        assert_eq!((failure.class, place.reads()), (class, 0), "{failure}");
    }
}

#[tokio::test]
async fn own_block_causes_no_secret_read() {
    let transport = ScriptedTransport::new(|_| {
        let link = r#"<https://evil.test/logs?after=2>; rel="next""#.to_owned();
        Ok(ApiResponse {
            status: 200,
            headers: Headers::from_iter([("link".to_owned(), link)]),
            body: "[]".into(),
        })
    });
    let place = Place::with(&[Ok(NEWER)]);
    let (client, _) = client(BEARER, &transport, &place);
    let failure = client.fetch(span(), None).await.unwrap_err();
    assert_eq!((failure.class, place.reads()), (FailureClass::Block, 0));
    assert_eq!(transport.requests().len(), 1);
}

/// Returns true if a request to the token endpoint carries this client secret.
fn shows(request: &ApiRequest, secret: &str) -> bool {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("id:{secret}"));
    request.header("authorization") == Some(format!("Basic {encoded}").as_str())
}

#[tokio::test]
async fn key_rejected_by_token_endpoint_is_reread() {
    for (status, error) in [
        (400, "invalid_grant"),
        (401, "invalid_client"),
        (403, "access_denied"),
    ] {
        let transport = ScriptedTransport::new(move |request| {
            Ok(if request.url.path() != TOKEN_PATH {
                response(200, "[]")
            } else if shows(request, NEWER) {
                response(200, r#"{"access_token":"access-token","token_type":"b"}"#)
            } else {
                response(status, &format!(r#"{{"error":"{error}"}}"#))
            })
        });
        let newer = r#"{"client_id":"id","client_secret":"newer-7a40d1b3"}"#;
        let place = Place::with(&[Ok(newer)]);
        let (client, _) = client(OAUTH, &transport, &place);
        client.fetch(span(), None).await.unwrap();
        assert_eq!((tokens_asked(&transport), place.reads()), (2, 1), "{error}");
    }
}

#[tokio::test]
async fn failing_token_endpoint_causes_no_secret_read() {
    for (status, class) in [(429, FailureClass::Rate), (503, FailureClass::Outage)] {
        let transport = ScriptedTransport::new(move |_| Ok(response(status, "{}")));
        let place = Place::with(&[Ok(NEWER)]);
        let (client, _) = client(OAUTH, &transport, &place);
        let failure = client.fetch(span(), None).await.unwrap_err();
        assert_eq!((failure.class, place.reads()), (class, 0), "{failure}");
    }
}

#[tokio::test]
async fn rejected_renewed_token_rereads_key() {
    let transport = ScriptedTransport::new(move |request| {
        let is_token = request.url.path() == TOKEN_PATH;
        let is_new = request.header("authorization") == Some("Bearer new-access-token");
        let token = |name| format!(r#"{{"access_token":"{name}-access-token","token_type":"b"}}"#);
        Ok(match (is_token, is_token && shows(request, NEWER)) {
            (true, true) => response(200, &token("new")),
            (true, false) => response(200, &token("old")),
            (false, _) if is_new => response(200, "[]"),
            (false, _) => response(401, "{}"),
        })
    });
    let newer = r#"{"client_id":"id","client_secret":"newer-7a40d1b3"}"#;
    let place = Place::with(&[Ok(newer)]);
    let (client, _) = client(OAUTH, &transport, &place);
    client.fetch(span(), None).await.unwrap();
    assert_eq!((tokens_asked(&transport), place.reads()), (3, 1));
}
