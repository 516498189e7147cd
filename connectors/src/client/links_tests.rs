//! Links of responses: credentials go to the configured origins only.

use wiremock::ResponseTemplate;

use super::tests::{BEARER, CANARY, client, connector, span};
use super::*;
use crate::exchange::{ApiResponse, Headers};
use crate::http::HttpTransport;
use crate::http::tests::{requests, server};
use crate::scripted::ScriptedTransport;

/// P6 confined: credentials go to the configured origins only, and are neither logged nor stored.
#[tokio::test]
async fn next_link_to_another_server_is_not_requested() {
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
async fn lookalike_next_links_are_rejected() {
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
async fn next_link_within_origin_is_followed() {
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
async fn next_link_with_credential_is_never_stored() {
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
async fn redirect_blocks_without_request_to_target() {
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
