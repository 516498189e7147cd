//! Requests that are rejected before any connection, and redirects.

use windlass_core::retry::FailureClass;
use wiremock::ResponseTemplate;

use super::tests::{get, requests, server, transport};
use super::*;
use crate::exchange::Origin;

#[tokio::test]
async fn redirect_target_gets_no_request() {
    let other = server(ResponseTemplate::new(200)).await;
    for status in [301, 302, 307, 308] {
        let location = format!("{}/x?key=s3cret", other.uri());
        let response = ResponseTemplate::new(status).insert_header("location", location.as_str());
        let first = server(response).await;
        let error = transport().send(&get(&first.uri())).await.unwrap_err();
        let to = Some("127.0.0.1".to_owned());
        assert_eq!(error, TransportError::Redirect { status, to });
        assert!(!error.to_string().contains("s3cret"));
    }
    assert_eq!(requests(&other).await, 0);
}

#[tokio::test]
async fn redirect_host_with_page_token_is_not_named() {
    let response =
        ResponseTemplate::new(302).insert_header("location", "https://t0ken123.evil.test/");
    let server = server(response).await;
    let request = get(&format!("{}/?pageToken=T0ken123", server.uri()));
    let error = transport().send(&request).await.unwrap_err();
    let redirect = TransportError::Redirect {
        status: 302,
        to: None,
    };
    assert_eq!(error, redirect);
}

#[tokio::test]
async fn uploads_obey_allowed_hosts() {
    let confined = transport().confined_to("vendor.test".parse().unwrap());
    let uploads = confined.for_uploads().unwrap();
    let error = uploads.send(&get("https://other.test/")).await.unwrap_err();
    assert!(matches!(error, TransportError::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn remote_plain_http_is_rejected_before_connecting() {
    let server = server(ResponseTemplate::new(200)).await;
    let port = server.address().port();
    for host in ["192.0.2.1", "vendor.test", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let error = transport()
            .send(&get(&format!("http://{host}:{port}/")))
            .await
            .unwrap_err();
        assert!(
            matches!(error, TransportError::Refused(_)),
            "{host}: {error:?}"
        );
    }
    assert_eq!(requests(&server).await, 0);
    assert!(
        transport()
            .send(&get(&format!("http://localhost:{port}/")))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn url_credentials_are_rejected_before_connecting() {
    let server = server(ResponseTemplate::new(200)).await;
    let port = server.address().port();
    for userinfo in ["user", "user:s3cret", ":s3cret"] {
        let request = get(&format!("http://{userinfo}@127.0.0.1:{port}/"));
        let error = transport().send(&request).await.unwrap_err();
        assert!(matches!(error, TransportError::Refused(_)), "{error:?}");
        assert!(!error.to_string().contains("s3cret"));
    }
    assert_eq!(requests(&server).await, 0);
}

#[tokio::test]
async fn disallowed_host_is_rejected_before_connecting() {
    let other = server(ResponseTemplate::new(200)).await;
    let own = server(ResponseTemplate::new(200)).await;
    let allowed = own.address().to_string().parse().unwrap();
    let confined = transport().confined_to(allowed);
    assert!(confined.send(&get(&own.uri())).await.is_ok());

    let port = other.address().port();
    for url in [
        other.uri(),
        format!("http://localhost:{}/", own.address().port()),
        format!("http://127.0.0.2:{port}/"),
        format!("https://127.0.0.1:{port}/?k=s3cret"),
        "https://evil.test/".to_owned(),
    ] {
        // The token endpoint has the same restriction.
        let mut request = get(&url);
        request.method = Method::Post;
        let error = confined.send(&request).await.unwrap_err();
        let TransportError::Refused(text) = &error else {
            panic!("{url}: {error:?}")
        };
        assert!(
            text.contains("is not among the allowed hosts"),
            "{url}: {text}"
        );
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert_eq!((requests(&own).await, requests(&other).await), (1, 0));
}

#[tokio::test]
async fn rejection_names_host_to_allow() {
    let confined = transport().confined_to("api.vendor.test".parse().unwrap());
    for (url, host) in [
        ("https://evil.test/x?k=s3cret", "evil.test"),
        ("https://api.vendor.test:8443/", "api.vendor.test:8443"),
    ] {
        let request = get(url);
        let error = confined.send(&request).await.unwrap_err();
        let failure = error.into_failure(&Origin::from(&request.url), "`base_url`");
        assert_eq!(failure.class, FailureClass::Block);
        assert_eq!(
            failure.message,
            format!(
                "https://{host}: {host} is not among the allowed hosts; add it to \
                 WINDLASS_ALLOWED_HOSTS (a template parameter); nothing was sent"
            )
        );
    }
}
