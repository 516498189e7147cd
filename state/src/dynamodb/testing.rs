//! A DynamoDB with scripted responses that records its requests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_dynamodb::Config;
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{Builder, Credentials, Region, RuntimeComponents};
use aws_sdk_dynamodb::error::ConnectorError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use serde_json::{Value as Json, json};
use windlass_core::clock::{Clock, ManualClock, SeededEntropy};
use windlass_core::time::Timestamp;

use super::DynamoStore;

pub(super) const NOW: Timestamp = Timestamp::from_ms(1_767_225_600_000);
pub(super) const TABLE: &str = "audit";
const REGION: &str = "eu-west-1";

/// One scripted response.
#[derive(Debug, Clone)]
pub(super) enum ScriptedResponse {
    /// A success with this body.
    Ok(Json),
    /// An error of this status and name, with further fields beside its message.
    Error(u16, &'static str, Json),
    /// A connection that ends without a response.
    HangUp,
    /// A timeout without a response.
    Silence,
}

/// Responses in order, and the requests so far, as operation and body.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    responses: Arc<Mutex<VecDeque<ScriptedResponse>>>,
    asked: Arc<Mutex<Vec<(String, Json)>>>,
    date: Arc<Mutex<Option<&'static str>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Script {
    /// The requests so far.
    pub(super) fn asked(&self) -> Vec<(String, Json)> {
        lock(&self.asked).clone()
    }

    /// Adds this `Date` to every later response.
    pub(super) fn is_dated(&self, date: &'static str) {
        *lock(&self.date) = Some(date);
    }

    /// The requested operations so far.
    pub(super) fn operations(&self) -> Vec<String> {
        let asked = self.asked().into_iter();
        asked.map(|(operation, _)| operation).collect()
    }

    fn respond(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.split('.').nth(1).unwrap_or_default().to_owned();
        let body = request.body().bytes().unwrap_or_default();
        let body = serde_json::from_slice(body).unwrap_or_default();
        lock(&self.asked).push((operation, body));
        let scripted = lock(&self.responses).pop_front();
        let (status, body) = match scripted.expect("the test has a response to each request") {
            ScriptedResponse::Ok(body) => (200, body),
            ScriptedResponse::Error(status, name, mut fields) => {
                fields["__type"] = format!("com.amazonaws.dynamodb.v20120810#{name}").into();
                (status, fields)
            }
            ScriptedResponse::HangUp => return Err(ConnectorError::io("connection reset".into())),
            ScriptedResponse::Silence => return Err(ConnectorError::timeout("no response".into())),
        };
        let status = status.try_into().expect("a status");
        let mut response = HttpResponse::new(status, body.to_string().into());
        if let Some(date) = *lock(&self.date) {
            response.headers_mut().insert("date", date);
        }
        Ok(response)
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.respond(&request))
    }
}

impl HttpClient for Script {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// A store whose requests get `responses`, in order, and the clock that its waits advance.
pub(super) fn store(
    responses: impl IntoIterator<Item = ScriptedResponse>,
) -> (DynamoStore, Script, Arc<ManualClock>) {
    let keys = Credentials::new("AKIDEXAMPLE", "example", None, None, "test");
    let builder = Config::builder()
        .region(Region::new(REGION))
        .credentials_provider(keys);
    store_with(builder, responses)
}

/// The same with a configuration of the test's own.
pub(super) fn store_with(
    builder: Builder,
    responses: impl IntoIterator<Item = ScriptedResponse>,
) -> (DynamoStore, Script, Arc<ManualClock>) {
    let script = Script::default();
    lock(&script.responses).extend(responses);
    let clock = Arc::new(ManualClock::at(NOW));
    let store = DynamoStore::new(
        builder.http_client(script.clone()),
        TABLE,
        Arc::clone(&clock) as Arc<dyn Clock>,
        Arc::new(SeededEntropy::new(7)),
    );
    (store, script, clock)
}

/// `ProvisionedThroughputExceededException` with the exceeded limit.
pub(super) fn throttled() -> ScriptedResponse {
    let reason = json!({
        "reason": "TableWriteKeyRangeThroughputExceeded",
        "resource": "arn:aws:dynamodb:eu-west-1:000000000000:table/audit",
    });
    let fields = json!({ "message": "too fast", "ThrottlingReasons": [reason] });
    ScriptedResponse::Error(400, "ProvisionedThroughputExceededException", fields)
}

/// `ConditionalCheckFailedException` with the stored item.
pub(super) fn condition_failed(item: &Json) -> ScriptedResponse {
    let fields = json!({ "message": "The conditional request failed", "Item": item });
    ScriptedResponse::Error(400, "ConditionalCheckFailedException", fields)
}
