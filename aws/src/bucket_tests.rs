use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::region::Region;
use wiremock::matchers::{body_string, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::operation::testing::{sdk, sdk_at};

#[tokio::test]
async fn put_sends_body_with_its_digest_and_signature() {
    let server = MockServer::start().await;
    Mock::given(method("PUT"))
        .and(path("/audit-lake/rejects/a%20b/2026-01-01T03%3A00.jsonl"))
        .and(header("content-type", "application/x-ndjson"))
        .and(header(
            "x-amz-content-sha256",
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        ))
        .and(header(
            "x-amz-checksum-sha256",
            "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
        ))
        .and(body_string("hello"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let bucket = Bucket::new(&sdk_at(&server.uri()), "audit-lake");
    let key = "rejects/a b/2026-01-01T03:00.jsonl";
    bucket
        .put(key, "application/x-ndjson", "hello".into())
        .await
        .unwrap();
    let request = &server.received_requests().await.unwrap()[0];
    let signature = request.headers["authorization"].to_str().unwrap();
    assert!(
        signature.contains("/eu-west-1/s3/aws4_request"),
        "{signature}"
    );
}

#[tokio::test]
async fn error_has_code_and_message_of_service() {
    let denied = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code>\
                  <Message>no &amp; never</Message><RequestId>1</RequestId></Error>";
    for (body, code, message) in [
        (denied, Some("AccessDenied"), Some("no & never")),
        ("", None, None),
        ("{\"not\":\"xml\"}", None, None),
        ("<html><body>502</body></html>", None, None),
    ] {
        let server = MockServer::start().await;
        let response = ResponseTemplate::new(403).set_body_string(body);
        Mock::given(method("PUT"))
            .respond_with(response)
            .mount(&server)
            .await;
        let bucket = Bucket::new(&sdk_at(&server.uri()), "audit-lake");
        let error = bucket
            .put("x", "text/plain", Bytes::new())
            .await
            .unwrap_err();
        let error = error.as_service_error().unwrap();
        assert_eq!((error.code(), error.message()), (code, message), "{body}");
    }
}

#[test]
fn region_and_name_decide_host_and_path() {
    let fips = sdk().use_fips(true).use_dual_stack(true);
    let china = sdk().region(Region::new("cn-north-1"));
    let own = sdk().endpoint_url("http://localhost:9000");
    for (sdk, bucket, host, root) in [
        (
            sdk(),
            "lake",
            "https://lake.s3.eu-west-1.amazonaws.com",
            "/",
        ),
        (
            sdk(),
            "a.lake",
            "https://s3.eu-west-1.amazonaws.com",
            "/a.lake/",
        ),
        (
            fips,
            "lake",
            "https://lake.s3-fips.dualstack.eu-west-1.amazonaws.com",
            "/",
        ),
        (
            china,
            "lake",
            "https://lake.s3.cn-north-1.amazonaws.com.cn",
            "/",
        ),
        (own, "lake", "http://localhost:9000", "/lake/"),
    ] {
        let found = place(&sdk.build(), bucket);
        assert_eq!(found, (host.to_owned(), root.to_owned()));
    }
}
