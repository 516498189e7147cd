use windlass_core::retry::FailureClass;

use crate::auth::tests::{
    CANARY, authorized, client_credentials, client_secret, clock, credentials, field, form,
    jwt_bearer, key_file, response,
};
use crate::exchange::ApiResponse;
use crate::scripted::ScriptedTransport;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

#[tokio::test]
async fn token_endpoint_response_decides_error_class() {
    use FailureClass::{Block, Outage, Rate};
    for (status, body, class) in [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"expired"}"#,
            Block,
        ),
        (401, r#"{"error":"invalid_client"}"#, Block),
        (401, r#"{"error":"unauthorized_client"}"#, Block),
        (400, r#"{"error":"temporarily_unavailable"}"#, Outage),
        (403, "<html>", Block),
        (404, "", Block),
        (408, "", Outage),
        (429, "", Rate),
        (500, "", Outage),
        (503, r#"{"error":"invalid_client"}"#, Outage),
        (200, "", Outage),
        (200, "<html>", Outage),
        (200, r#"{"token_type":"bearer"}"#, Outage),
        (200, r#"{"access_token":"","token_type":"bearer"}"#, Outage),
        (
            200,
            r#"{"access_token":"a\nb","token_type":"bearer"}"#,
            Outage,
        ),
    ] {
        for (spec, secret) in [
            (client_credentials("body"), client_secret()),
            (jwt_bearer(), key_file()),
        ] {
            let endpoint = ScriptedTransport::new(move |_| Ok(response(status, body)));
            let account = credentials(&spec, &secret);
            let failure = authorized(&account, &endpoint, &clock()).await.unwrap_err();
            assert_eq!(failure.class, class, "{status} {body}: {failure}");
            assert!(
                failure.message.starts_with("https://login.vendor.test: "),
                "{failure}"
            );
            assert_eq!(endpoint.requests().len(), 1);
        }
    }
}

#[tokio::test]
async fn token_endpoint_can_ask_to_wait() {
    let endpoint = ScriptedTransport::new(|_| {
        let headers = [("Retry-After", "7")].into_iter().collect();
        Ok(ApiResponse {
            headers,
            ..response(429, "")
        })
    });
    let account = credentials(&jwt_bearer(), &key_file());
    let failure = authorized(&account, &endpoint, &clock()).await.unwrap_err();
    assert_eq!((failure.wait_ms, failure.status), (Some(7_000), Some(429)));
}

#[tokio::test]
async fn endless_token_response_is_rejected() {
    let padding = " ".repeat(windlass_core::limits::ERROR_BODY_BYTES_MAX);
    let body = format!(r#"{{"access_token":"t","token_type":"bearer"}}{padding}"#);
    let endpoint = ScriptedTransport::new(move |_| Ok(response(200, &body)));
    let account = credentials(&jwt_bearer(), &key_file());
    let failure = authorized(&account, &endpoint, &clock()).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Outage);
}

#[tokio::test]
async fn secrets_echoed_by_token_endpoint_are_masked() {
    for (spec, secret) in [
        (client_credentials("body"), client_secret()),
        (client_credentials("basic"), client_secret()),
        (jwt_bearer(), key_file()),
    ] {
        let endpoint = ScriptedTransport::new(|request| {
            let sent = String::from_utf8_lossy(request.body.as_ref().unwrap()).into_owned();
            let header = request
                .header("authorization")
                .unwrap_or_default()
                .to_owned();
            // The value sent last is the secret, and comes first here so that it is not cut off.
            let sent = sent.rsplit('&').collect::<Vec<_>>().join(" ");
            let echo = serde_json::json!({ "error": header, "error_description": sent });
            Ok(response(400, &echo.to_string()))
        });
        let account = credentials(&spec, &secret);
        let failure = authorized(&account, &endpoint, &clock()).await.unwrap_err();
        let said = account.redact(&failure.message);
        assert!(said.contains("***"), "{said}");

        let asked = &endpoint.requests()[0];
        let assertion = field(&form(asked), "assertion")
            .unwrap_or("eyJ0eXAi")
            .to_owned();
        let basic = BASE64.encode(format!("id%2F1:{CANARY}"));
        for hidden in [CANARY, &basic, assertion.split_at(8).0] {
            assert!(!said.contains(hidden), "{said}");
        }
    }
}
