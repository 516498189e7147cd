//! A fake of Secrets Manager and the Parameter Store: a small server on the loopback interface with
//! the JSON protocol of both.

use std::sync::Arc;

use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::{
    BehaviorVersion, Credentials, Region, SharedCredentialsProvider,
};
use serde_json::{Value, json};
use windlass_aws::SdkConfig;
use windlass_core::clock::{ManualClock, SeededEntropy};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::Vault;

pub(super) struct FakeAws {
    server: MockServer,
}

/// The action of a request, from its `X-Amz-Target`, and its body.
fn asked(request: &Request) -> (String, Value) {
    let target = request.headers["x-amz-target"].to_str().unwrap();
    let action = target.rsplit('.').next().unwrap().to_owned();
    (action, serde_json::from_slice(&request.body).unwrap())
}

/// The JSON error format of both services.
pub(super) fn error(status: u16, code: &str, message: &str) -> ResponseTemplate {
    let body = json!({ "__type": code, "message": message, "Message": message });
    ResponseTemplate::new(status).set_body_json(body)
}

/// A response to `GetSecretValue`.
pub(super) fn secret(text: &str) -> ResponseTemplate {
    let body = json!({ "ARN": "arn:aws:x", "Name": "x", "SecretString": text });
    ResponseTemplate::new(200).set_body_json(body)
}

/// A response to `GetParameter`.
pub(super) fn parameter(text: &str) -> ResponseTemplate {
    let parameter = json!({ "Name": "x", "Type": "SecureString", "Value": text });
    ResponseTemplate::new(200).set_body_json(json!({ "Parameter": parameter }))
}

impl FakeAws {
    /// A server that responds to each action and body with the result of `script`.
    pub(super) async fn returning(
        script: impl Fn(&str, &Value) -> ResponseTemplate + Send + Sync + 'static,
    ) -> Self {
        let server = MockServer::start().await;
        let response = move |request: &Request| {
            let (action, body) = asked(request);
            script(&action, &body)
        };
        Mock::given(any())
            .respond_with(response)
            .mount(&server)
            .await;
        Self { server }
    }

    /// Action and body of every request so far.
    pub(super) async fn asked(&self) -> Vec<(String, Value)> {
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().map(asked).collect()
    }

    pub(super) async fn reads(&self) -> usize {
        self.asked().await.len()
    }

    pub(super) fn url(&self) -> String {
        self.server.uri()
    }

    /// A vault that reads from this server.
    pub(super) fn vault(&self, clock: &Arc<ManualClock>) -> Arc<Vault> {
        vault_at(&self.url(), clock)
    }
}

/// A configuration for the server at `url`.
pub(super) fn sdk_at(url: &str) -> SdkConfig {
    let credentials = Credentials::new("id", "key", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // The SDK's retries sleep in real time.
        .retry_config(RetryConfig::disabled())
        .endpoint_url(url)
        .build()
}

pub(super) fn vault_at(url: &str, clock: &Arc<ManualClock>) -> Arc<Vault> {
    let vault = Vault::new(clock.clone(), Arc::new(SeededEntropy::new(1)));
    Arc::new(vault.with_aws(&sdk_at(url)))
}
