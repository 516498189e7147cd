use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::operation::testing::{sdk, sdk_at};

#[tokio::test]
async fn request_is_signed_and_asks_for_decryption() {
    let server = MockServer::start().await;
    let value = json!({ "Parameter": { "Value": "s3cret" } });
    Mock::given(method("POST"))
        .and(path("/"))
        .and(header("content-type", "application/x-amz-json-1.1"))
        .and(header("x-amz-target", "AmazonSSM.GetParameter"))
        .and(body_json(
            json!({ "Name": "/windlass/okta", "WithDecryption": true }),
        ))
        .respond_with(ResponseTemplate::new(200).set_body_json(value))
        .mount(&server)
        .await;
    let store = ParameterStore::new(&sdk_at(&server.uri()));
    let found = store.get("/windlass/okta").await.unwrap();
    assert_eq!(found.as_deref(), Some("s3cret"));
    let request = &server.received_requests().await.unwrap()[0];
    let signature = request.headers["authorization"].to_str().unwrap();
    assert!(
        signature.contains("/eu-west-1/ssm/aws4_request"),
        "{signature}"
    );
    assert_eq!(request.headers["x-amz-security-token"], "token");
}

#[tokio::test]
async fn response_without_value_is_none() {
    let server = MockServer::start().await;
    let empty = ResponseTemplate::new(200).set_body_string("{}");
    Mock::given(method("POST"))
        .respond_with(empty)
        .mount(&server)
        .await;
    let store = ParameterStore::new(&sdk_at(&server.uri()));
    assert_eq!(store.get("x").await.unwrap(), None);
}

#[tokio::test]
async fn response_that_is_no_json_is_an_error_of_the_way() {
    let server = MockServer::start().await;
    let page = ResponseTemplate::new(200).set_body_string("<html>");
    Mock::given(method("POST"))
        .respond_with(page)
        .mount(&server)
        .await;
    let error = ParameterStore::new(&sdk_at(&server.uri())).get("x").await;
    assert!(
        matches!(error, Err(CallError::ResponseError(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn error_has_code_and_message_of_service() {
    for (header, body, code, message) in [
        (
            None,
            r#"{"__type":"ParameterNotFound"}"#,
            Some("ParameterNotFound"),
            None,
        ),
        (
            None,
            r#"{"__type":"com.amazonaws.ssm#InternalServerError","message":"later"}"#,
            Some("InternalServerError"),
            Some("later"),
        ),
        (
            Some("AccessDeniedException:http://internal.amazon.com/coral/"),
            r#"{"Message":"not you"}"#,
            Some("AccessDeniedException"),
            Some("not you"),
        ),
        (None, "<html>", None, None),
    ] {
        let server = MockServer::start().await;
        let mut response = ResponseTemplate::new(400).set_body_string(body);
        if let Some(code) = header {
            response = response.insert_header("x-amzn-errortype", code);
        }
        Mock::given(method("POST"))
            .respond_with(response)
            .mount(&server)
            .await;
        let error = ParameterStore::new(&sdk_at(&server.uri())).get("x").await;
        let error = error.unwrap_err();
        let error = error.as_service_error().unwrap();
        assert_eq!((error.code(), error.message()), (code, message), "{body}");
    }
}

#[test]
fn region_and_settings_decide_host() {
    for (sdk, expected) in [
        (sdk(), "https://ssm.eu-west-1.amazonaws.com"),
        (
            sdk().use_fips(true),
            "https://ssm-fips.eu-west-1.amazonaws.com",
        ),
        (
            sdk().use_fips(true).use_dual_stack(true),
            "https://ssm-fips.eu-west-1.api.aws",
        ),
        (
            sdk().region(Region::new("cn-north-1")),
            "https://ssm.cn-north-1.amazonaws.com.cn",
        ),
    ] {
        assert_eq!(public_endpoint(&sdk.build()), expected);
    }
}
